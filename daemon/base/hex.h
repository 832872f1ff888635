/* SPDX-License-Identifier: Apache-2.0 */
/* Octets as digits of base 16: written in lower case, and read only so. */
#ifndef MUSTER_BASE_HEX_H
#define MUSTER_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* The value of a digit; -1: it is none. */
int hex_digit(char c);
/* Twice `len` digits and a NUL. */
void hex_write(const uint8_t *bytes, size_t len, char *ret_text);
/* Exactly twice `len` digits; false otherwise, with `ret_bytes` undefined. */
bool hex_read(struct span text, uint8_t *ret_bytes, size_t len);

#endif
