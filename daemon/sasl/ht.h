/* SPDX-License-Identifier: Apache-2.0 */
/* HT-SHA-256-* (draft-schmaus-kitten-sasl-ht): one message each way, hashed with a token. Inside this room
 * only. */
#ifndef MUSTER_SASL_HT_H
#define MUSTER_SASL_HT_H

#include "sasl/hash.h"

#define HT_HASH_BYTES 32

/* Borrowed from the message. */
struct ht_message {
    struct span authcid;
    const uint8_t *hashed; /* HT_HASH_BYTES */
};

/* SASL_ERROR_NONE or SASL_MALFORMED_REQUEST. */
enum sasl_error ht_parse(struct span message, struct ht_message *ret_message);
/* The channel's binding for `m`; false: this connection does not have it. Empty for -NONE. */
bool ht_binding(enum sasl_mechanism m, const struct sasl_bindings *bindings, struct span *ret_binding);
/* HMAC(token, role || binding). 0 or negative errno. */
int ht_hash(struct span token, struct span role, struct span binding,
            uint8_t ret_hashed[static HT_HASH_BYTES]);

#endif
