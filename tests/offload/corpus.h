/* SPDX-License-Identifier: Apache-2.0 */
/* Beginnings of stanzas: as clients write them, in other orders, quotes and white space, mutated and cut; and what real clients wrote
 * (recorded/). */
#ifndef MUSTER_TESTS_CORPUS_H
#define MUSTER_TESTS_CORPUS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CORPUS_BYTES_MAX 1024

/* The same for the same number. Never empty. */
size_t corpus_item(uint32_t number, char ret_bytes[CORPUS_BYTES_MAX]);

/* The next recorded item of `file`: its octets, 1 to CORPUS_BYTES_MAX, or 0 at the end. Aborts where the file is not as record.py writes
 * it. */
size_t corpus_recorded(FILE *file, char ret_bytes[CORPUS_BYTES_MAX]);

#endif
