/* SPDX-License-Identifier: Apache-2.0 */
/* Documents: XML that an account keeps here for itself or others, under a kind and a name. Lives and dies
 * with the account. */
#ifndef MUSTER_STORE_DOCUMENT_H
#define MUSTER_STORE_DOCUMENT_H

#include "store/db.h"

/* The numbers are in the database. */
enum store_document_kind {
    STORE_PRIVATE = 0, /* XEP-0049: a name is an element's name, a blank, its namespace */
    STORE_VCARD = 1,   /* XEP-0054: there is one, without a name */
};

struct store_document {
    struct span name, text; /* an empty text: there is no such document */
};

/* What a document counts besides its name and text, so that small ones are not free. */
#define STORE_DOCUMENT_BYTES 128

enum { STORE_FULL = 3 };

/* The text on `arena`. STORE_NOT_FOUND: the account has no such document, or there is no such account. */
int store_document_get(struct store_db *db, struct span owner, enum store_document_kind kind,
                       struct span name, struct arena *arena, struct span *ret_text);
/* All of them or none; their names differ. STORE_NOT_FOUND: no such account; STORE_FULL: all that the account
 * has of this kind would be more than `bytes_max`. */
int store_documents_put(struct store_db *db, struct span owner, enum store_document_kind kind,
                        const struct store_document *documents, uint32_t count, uint64_t bytes_max);

#endif
