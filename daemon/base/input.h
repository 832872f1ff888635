/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MUSTER_BASE_INPUT_H
#define MUSTER_BASE_INPUT_H

#include <stddef.h>

#include "base/buffer.h"

/* A file that is there to be read as a whole; never waits, as for the other end of a fifo. A descriptor or negative errno; -EBADFD: it is no
 * regular file. */
int input_open(const char *path);
/* An error of input_open, for people. */
const char *input_error(int error);

/* All that comes of `fd`, behind what `in` has; waits for the end. 0, -EFBIG when that makes more than `bytes_max`, or another negative
 * errno. */
int input_read_all(int fd, size_t bytes_max, struct buffer *in);

#endif
