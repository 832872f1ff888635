/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of SASL: SCRAM-SHA-256 and SCRAM-SHA-1 with and without channel binding (RFC 5802, 7677,
 * 9266, 5929), PLAIN (RFC 4616), EXTERNAL (RFC 4422), and HT-SHA-256 (draft-schmaus-kitten-sasl-ht) with tokens. Values in, values
 * out: who looks up credentials and carries the messages is the stream. An unknown user goes the same way at
 * the same cost as a known one with a wrong password, with a salt that is stable for the name. */
#ifndef MUSTER_SASL_SASL_H
#define MUSTER_SASL_SASL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "jid/jid.h"

#define SASL_SALT_BYTES 16
#define SASL_HASH_BYTES_MAX 32
#define SASL_BINDING_BYTES_MAX 64
/* A client's message before base64: room for the longest names JIDs allow, escaped. */
#define SASL_MESSAGE_BYTES_MAX 4096
/* A prepared password. Longer ones are refused where accounts are made, since PLAIN could not carry them
 * here. */
#define SASL_PASSWORD_BYTES_MAX 1024

/* A log-in token, as text. */
#define SASL_TOKEN_BYTES 64

enum sasl_mechanism {
    SASL_EXTERNAL,
    SASL_SCRAM_SHA_256_PLUS,
    SASL_SCRAM_SHA_1_PLUS,
    SASL_SCRAM_SHA_256,
    SASL_SCRAM_SHA_1,
    SASL_PLAIN,
    /* With tokens (XEP-0484), not with passwords: offered apart from the others. */
    SASL_HT_SHA_256_EXPR,
    SASL_HT_SHA_256_ENDP,
    SASL_HT_SHA_256_NONE,
    SASL_MECHANISM_COUNT,
};
#define SASL_TOKEN_MECHANISMS                                                                                \
    (1u << SASL_HT_SHA_256_EXPR | 1u << SASL_HT_SHA_256_ENDP | 1u << SASL_HT_SHA_256_NONE)

/* "SCRAM-SHA-256-PLUS" ...: strongest first in the enum's order. */
extern const char *const sasl_mechanism_names[SASL_MECHANISM_COUNT];

/* What is stored for a user and hash; never the password (RFC 5802 s. 3: StoredKey, ServerKey). */
struct sasl_keys {
    uint8_t hash_bytes; /* 32 or 20; 0: the account has no keys for this hash */
    uint32_t iterations;
    uint8_t salt[SASL_SALT_BYTES];
    uint8_t stored_key[SASL_HASH_BYTES_MAX];
    uint8_t server_key[SASL_HASH_BYTES_MAX];
};

struct sasl_credentials {
    struct sasl_keys sha256, sha1;
};

/* RFC 7677 s. 4: at least 4,096. The upper bound keeps a typing error from costing seconds a log-in. */
#define SASL_ITERATIONS_MIN 4096
#define SASL_ITERATIONS_MAX 1000000
#define SASL_ITERATIONS_DEFAULT 4096

/* Has a prepared password fewer characters than that? */
bool sasl_password_is_short(struct span password, uint32_t chars_min);
/* Make both sets of keys from a prepared password with a random salt. Slow on purpose (PBKDF2): never on a
 * worker. Returns 0, -EINVAL (no password, iterations out of the bounds above) or -EIO. */
int sasl_credentials_make(struct span password, uint32_t iterations, struct sasl_credentials *ret);

/* Channel bindings the connection can offer; len 0: not available. */
struct sasl_bindings {
    bool is_tls;
    uint8_t tls_exporter_len, tls_server_end_point_len, tls_unique_len;
    uint8_t tls_exporter[SASL_BINDING_BYTES_MAX];
    uint8_t tls_server_end_point[SASL_BINDING_BYTES_MAX];
    uint8_t tls_unique[SASL_BINDING_BYTES_MAX];
};

/* Failure conditions of RFC 6120 s. 6.5. */
enum sasl_error {
    SASL_ERROR_NONE,
    SASL_ABORTED,
    SASL_ACCOUNT_DISABLED,
    SASL_CREDENTIALS_EXPIRED,
    SASL_ENCRYPTION_REQUIRED,
    SASL_INCORRECT_ENCODING,
    SASL_INVALID_AUTHZID,
    SASL_INVALID_MECHANISM,
    SASL_MALFORMED_REQUEST,
    SASL_MECHANISM_TOO_WEAK,
    SASL_NOT_AUTHORIZED,
    SASL_TEMPORARY_AUTH_FAILURE,
};
/* "not-authorized" ...; SASL_ERROR_NONE is not a condition. */
const char *sasl_error_name(enum sasl_error e);

/* Outcomes beside negative errno. */
enum sasl_outcome {
    SASL_CHALLENGE = 1,       /* send exchange->out as a challenge, then sasl_respond with the answer */
    SASL_WANT_KEYS,           /* look up exchange->username, then sasl_provide */
    SASL_WANT_PASSWORD_CHECK, /* PLAIN: as WANT_KEYS, and sasl_provide is slow: call it on a job thread */
    SASL_WANT_TOKEN,          /* find the client's token that sasl_token_is_shown, then sasl_provide_token */
    SASL_SUCCESS,             /* exchange->username is authenticated; exchange->out goes with <success/> */
    SASL_FAILURE,             /* exchange->error says why */
};

struct sasl_exchange; /* one attempt; holds the messages and the key material, wiped by free */

/* `secret`: 32 bytes of the installation, from which salts for unknown users are derived. `offered`: bit mask
 * of 1u << enum sasl_mechanism that was announced on this stream (downgrade check of the gs2 flag 'y').
 * `domain`: the prepared domain of the stream: the authorisation identity, if given, must be user@domain.
 * `iterations`: what new accounts get, and so what an unknown one pretends to have. Bindings are copied. NULL
 * without memory. */
struct sasl_exchange *sasl_exchange_new(enum sasl_mechanism mechanism, uint32_t offered, struct span domain,
                                        const struct sasl_bindings *bindings, const uint8_t secret[static 32],
                                        uint32_t iterations);
struct sasl_exchange *sasl_exchange_free(struct sasl_exchange *x);

/* Before the first message, for SASL_EXTERNAL: the peer's certificate, which is good, has this address (XEP-0178). One that is no
 * account's at the exchange's domain says nothing. */
void sasl_exchange_certify(struct sasl_exchange *x, struct span address);
/* Is it an account's bare JID at `domain`? Its prepared local part is in `storage`. */
bool sasl_address_is_account(struct span address, struct span domain, char storage[static JID_BYTES_MAX],
                             struct span *ret_local);

/* Feed the client's message (decoded from base64; the initial response, or the answer to a challenge). Every
 * length is bounded: a message over SASL_MESSAGE_BYTES_MAX is SASL_MALFORMED_REQUEST. An empty span at the
 * start stands for the initial response that was left out: the answer is an empty SASL_CHALLENGE. */
enum sasl_outcome sasl_respond(struct sasl_exchange *x, struct span message);
/* After SASL_WANT_KEYS / SASL_WANT_PASSWORD_CHECK: the account's keys, or NULL when there is no such account.
 * They are copied. No other call on `x` while this one runs on another thread. */
enum sasl_outcome sasl_provide(struct sasl_exchange *x, const struct sasl_credentials *credentials);

/* After SASL_WANT_TOKEN. Is it this token? On any thread, while no other call on `x` runs. */
bool sasl_token_is_shown(const struct sasl_exchange *x, struct span token);
/* The one that is; empty: none is, or (`is_expired`) it is too old. */
enum sasl_outcome sasl_provide_token(struct sasl_exchange *x, struct span token, bool is_expired);

/* Borrowed until the next call. username: prepared local part; empty when what the client sent cannot be one
 * (then look up nothing and provide NULL). out: bytes before base64. */
struct span sasl_exchange_username(const struct sasl_exchange *x);
struct span sasl_exchange_out(const struct sasl_exchange *x);
enum sasl_error sasl_exchange_error(const struct sasl_exchange *x);

/* Did the client name an authorisation identity? Then it is the user's own. */
bool sasl_exchange_has_authzid(const struct sasl_exchange *x);

/* 48 bits: enough to tell one account's installations apart. */
#define SASL_PSEUDONYM_BYTES 12
/* The same for the same `jid` and `name`, and nothing can be told from it without the secret. Text. 0 or negative errno. */
int sasl_pseudonym(const uint8_t secret[static 32], struct span jid, struct span name,
                   char ret_text[static SASL_PSEUDONYM_BYTES + 1]);

/* base64 as SASL in XMPP wants it (RFC 6120 s. 6.4.2: strict, padded, no white space; "=" alone is the empty
 * message). decode returns 0 or SASL_FAILURE; append to `out`. */
int sasl_base64_decode(struct span in, struct buffer *out);
void sasl_base64_encode(struct span in, struct buffer *out);

#endif
