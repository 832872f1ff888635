/* SPDX-License-Identifier: Apache-2.0 */
/* Between pep.c and pep_read.c. */
#ifndef MUSTER_STORE_PEP_INTERNAL_H
#define MUSTER_STORE_PEP_INTERNAL_H

#include "store/internal.h"
#include "store/pep.h"

struct pep_row {
    int64_t id, bytes;
    struct pep_config config;
};

/* 0, STORE_NOT_FOUND or negative errno. */
int pep_node_find(struct store_db *db, struct span owner, struct span name, struct pep_row *ret);
/* From the columns access, flags, items_max. */
struct pep_config pep_config_read(sqlite3_stmt *row, int column);

#endif
