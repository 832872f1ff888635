/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MUSTER_BASE_INPUT_H
#define MUSTER_BASE_INPUT_H

#include <stddef.h>

#include "base/buffer.h"

/* All that comes of `fd`, behind what `in` has; waits for the end. 0, -EFBIG when that makes more than `bytes_max`, or another negative
 * errno. */
int input_read_all(int fd, size_t bytes_max, struct buffer *in);

#endif
