/* SPDX-License-Identifier: Apache-2.0 */
/* Beginnings of stanzas: as clients write them, in other orders, quotes and white space, mutated and cut. */
#ifndef MUSTER_TESTS_CORPUS_H
#define MUSTER_TESTS_CORPUS_H

#include <stddef.h>
#include <stdint.h>

#define CORPUS_BYTES_MAX 1024

/* The same for the same number. Never empty. */
size_t corpus_item(uint32_t number, char ret_bytes[CORPUS_BYTES_MAX]);

#endif
