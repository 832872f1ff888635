/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as JSON strings (RFC 8259 s. 7). */
#ifndef MUSTER_BASE_JSON_H
#define MUSTER_BASE_JSON_H

#include "base/buffer.h"

/* `text`, which is UTF-8, in quotes. */
void json_string(struct buffer *out, struct span text);

#endif
