/* SPDX-License-Identifier: Apache-2.0 */
/* One SCRAM exchange, server's side (RFC 5802): the messages and what is kept between them. The server's
 * nonce and the keys come from outside, so that an exchange can be replayed to the letter. Inside this room
 * only. */
#ifndef MUSTER_SASL_SCRAM_H
#define MUSTER_SASL_SCRAM_H

#include "sasl/hash.h"

/* What is on offer on this stream. */
struct scram_offer {
    bool is_plus;         /* the mechanism chosen binds to the channel */
    bool is_plus_offered; /* some mechanism that does was announced */
    const struct sasl_bindings *bindings;
};

/* The account's keys for the hash, or stand-ins of the same size. */
struct scram_keys {
    bool is_known; /* false: whatever the proof, it fails */
    struct span salt;
    uint32_t iterations;
    const uint8_t *stored_key, *server_key;
};

struct scram {
    enum sasl_hash hash;
    bool is_known;
    uint8_t stored_key[SASL_HASH_BYTES_MAX], server_key[SASL_HASH_BYTES_MAX];
    struct buffer nonce;        /* the client's, then both */
    struct buffer cbind_input;  /* the gs2 header and the channel's binding: what c= must say */
    struct buffer auth_message; /* grows with every message; its end is the signed text */
};

void scram_init(struct scram *s, enum sasl_hash hash);
/* Wipes the keys. */
void scram_fini(struct scram *s);

/* client-first-message. The names are appended decoded, as the client wrote them; an authzid left out appends
 * nothing. */
enum sasl_error scram_client_first(struct scram *s, struct span message, const struct scram_offer *offer,
                                   struct buffer *authzid, struct buffer *username);
/* server-first-message, appended to `out`. `nonce` is the server's part: printable, no comma. `announced`: the hash
 * over what was (XEP-0474); empty: it is not told. */
enum sasl_error scram_server_first(struct scram *s, const struct scram_keys *keys, struct span nonce,
                                   struct span announced, struct buffer *out);
/* client-final-message; appends the server-final-message to `out`. SASL_NOT_AUTHORIZED: proof, nonce or
 * binding do not match. */
enum sasl_error scram_client_final(struct scram *s, struct span message, struct buffer *out);

#endif
