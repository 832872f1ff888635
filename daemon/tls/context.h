/* SPDX-License-Identifier: Apache-2.0 */
/* What all connections of a listener share: certificate, key, protocol versions, ticket keys. Immutable once
 * made and counted, so that a reload swaps the pointer while old connections keep theirs. */
#ifndef MUSTER_TLS_CONTEXT_H
#define MUSTER_TLS_CONTEXT_H

#include <stdbool.h>

#include "base/buffer.h"

struct tls_context;

struct tls_settings {
    const char *certificate_path; /* PEM chain, leaf first */
    const char *key_path;         /* PEM */
    bool allow_tls12;             /* AEAD suites only; off by default */
    const char *client_authorities_path; /* PEM; NULL: clients are asked for no certificate */
};

/* 0, or -errno / -EINVAL with one line in `ret_message` that says which file and what is wrong (key does not
 * match, expired, unreadable ...). Thread safe to use afterwards. */
int tls_context_new(const struct tls_settings *settings, struct tls_context **ret_context,
                    struct buffer *ret_message);
struct tls_context *tls_context_ref(struct tls_context *c);
struct tls_context *tls_context_unref(struct tls_context *c); /* takes NULL, returns NULL */

#endif
