/* SPDX-License-Identifier: Apache-2.0 */
/* One worker's cipher contexts: which of them are keyed, and how many it keeps. */
#ifndef MUSTER_TLS_RECORD_CONTEXTS_H
#define MUSTER_TLS_RECORD_CONTEXTS_H

#include "tls/record_cipher.h"

struct evp_cipher_ctx_st;

/* A context with a's key and nonce set, ready for the associated data; NULL when the library has no memory. */
struct evp_cipher_ctx_st *contexts_take(struct record_worker *w, const struct record_aead *a, int encrypt);
/* The library failed with this context: it is keyed afresh the next time. */
void contexts_spoil(struct record_worker *w, const struct record_aead *a, int encrypt);

#endif
