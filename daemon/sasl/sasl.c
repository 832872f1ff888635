/* SPDX-License-Identifier: Apache-2.0 */
/* One authentication attempt: which mechanism, which step is next, who the client says it is (RFC 6120 s. 6).
 * The messages are scram.c's and plain.c's. An account that does not exist is answered with a salt that
 * depends on its name and the secret only, and fails where a wrong password fails. */
#include <assert.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "jid/jid.h"
#include "sasl/downgrade.h"
#include "sasl/external.h"
#include "sasl/hash.h"
#include "sasl/ht.h"
#include "sasl/plain.h"
#include "sasl/sasl.h"
#include "sasl/scram.h"

/* 144 bits, and a multiple of three octets: base64 without padding. */
#define NONCE_BYTES 18

#define SECRET_BYTES 32

#define PLUS_MECHANISMS (1u << SASL_SCRAM_SHA_256_PLUS | 1u << SASL_SCRAM_SHA_1_PLUS)

const char *const sasl_mechanism_names[SASL_MECHANISM_COUNT] = {
    [SASL_EXTERNAL] = "EXTERNAL",
    [SASL_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
    [SASL_SCRAM_SHA_1_PLUS] = "SCRAM-SHA-1-PLUS",
    [SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
    [SASL_SCRAM_SHA_1] = "SCRAM-SHA-1",
    [SASL_PLAIN] = "PLAIN",
    [SASL_HT_SHA_256_EXPR] = "HT-SHA-256-EXPR",
    [SASL_HT_SHA_256_ENDP] = "HT-SHA-256-ENDP",
    [SASL_HT_SHA_256_NONE] = "HT-SHA-256-NONE",
};

enum exchange_state {
    EXCHANGE_START, /* the client's first message comes next */
    EXCHANGE_KEYS,  /* the account is being looked up */
    EXCHANGE_TOKEN, /* its token is */
    EXCHANGE_PROOF, /* SCRAM: the challenge is out */
    EXCHANGE_DONE,
};

struct sasl_exchange {
    enum sasl_mechanism mechanism;
    enum exchange_state state;
    enum sasl_error error;
    uint32_t offered;
    uint32_t iterations;
    bool is_asked;      /* the empty challenge that asks for a first message is out */
    bool is_name_valid; /* false: no account can have it, whatever the look-up says */
    uint16_t domain_len;
    struct span username; /* in username_storage */
    struct span password; /* in password_storage */
    struct buffer locals; /* EXTERNAL: of the certificate's accounts, each followed by a NUL */
    struct buffer name;   /* the user name as the client wrote it */
    struct buffer authzid;
    struct buffer out;
    struct scram scram;
    struct span binding; /* HT: in `bindings` */
    uint8_t hashed[HT_HASH_BYTES];
    struct sasl_bindings bindings;
    uint8_t secret[SECRET_BYTES];
    char domain[JID_PART_BYTES_MAX];
    char username_storage[JID_PART_BYTES_MAX];
    char password_storage[SASL_PASSWORD_BYTES_MAX];
};

const char *sasl_error_name(enum sasl_error e)
{
    static const char *const names[] = {
        [SASL_ABORTED] = "aborted",
        [SASL_ACCOUNT_DISABLED] = "account-disabled",
        [SASL_CREDENTIALS_EXPIRED] = "credentials-expired",
        [SASL_ENCRYPTION_REQUIRED] = "encryption-required",
        [SASL_INCORRECT_ENCODING] = "incorrect-encoding",
        [SASL_INVALID_AUTHZID] = "invalid-authzid",
        [SASL_INVALID_MECHANISM] = "invalid-mechanism",
        [SASL_MALFORMED_REQUEST] = "malformed-request",
        [SASL_MECHANISM_TOO_WEAK] = "mechanism-too-weak",
        [SASL_NOT_AUTHORIZED] = "not-authorized",
        [SASL_TEMPORARY_AUTH_FAILURE] = "temporary-auth-failure",
    };

    assert(e > SASL_ERROR_NONE && e < sizeof(names) / sizeof(names[0]));
    return names[e];
}

static bool is_plus(enum sasl_mechanism m)
{
    return (1u << m & PLUS_MECHANISMS) != 0;
}

static enum sasl_hash mechanism_hash(enum sasl_mechanism m)
{
    return m == SASL_SCRAM_SHA_1 || m == SASL_SCRAM_SHA_1_PLUS ? SASL_SHA_1 : SASL_SHA_256;
}

struct sasl_exchange *sasl_exchange_new(enum sasl_mechanism mechanism, uint32_t offered, struct span domain,
                                        const struct sasl_bindings *bindings, const uint8_t secret[static 32],
                                        uint32_t iterations)
{
    struct sasl_exchange *x;

    assert(mechanism < SASL_MECHANISM_COUNT && domain.len <= JID_PART_BYTES_MAX);
    x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->mechanism = mechanism;
    x->offered = offered;
    x->iterations = iterations;
    x->bindings = *bindings;
    x->domain_len = (uint16_t)domain.len;
    memcpy(x->domain, domain.ptr, domain.len);
    memcpy(x->secret, secret, sizeof(x->secret));
    buffer_init(&x->name);
    buffer_init(&x->authzid);
    buffer_init(&x->out);
    scram_init(&x->scram, mechanism_hash(mechanism));
    return x;
}

struct sasl_exchange *sasl_exchange_free(struct sasl_exchange *x)
{
    if (!x)
        return NULL;
    scram_fini(&x->scram);
    buffer_fini(&x->locals);
    buffer_fini(&x->name);
    buffer_fini(&x->authzid);
    buffer_fini(&x->out);
    OPENSSL_cleanse(x, sizeof(*x));
    free(x);
    return NULL;
}

static enum sasl_outcome fail(struct sasl_exchange *x, enum sasl_error error)
{
    x->state = EXCHANGE_DONE;
    x->error = error;
    buffer_clear(&x->out);
    return SASL_FAILURE;
}

/* The name in x->name becomes a localpart; one that cannot be, stays as an unknown user's. */
static void take_username(struct sasl_exchange *x)
{
    x->is_name_valid = jid_prepare_local(buffer_span(&x->name), x->username_storage, &x->username) == 0;
    if (!x->is_name_valid)
        x->username = span_make(x->username_storage, 0);
}

/* The authorisation identity: none, or the bare JID of the user itself (RFC 6120 s. 6.3.8). */
static bool authzid_is_own(const struct sasl_exchange *x)
{
    char storage[JID_BYTES_MAX];
    struct jid jid;

    if (x->authzid.len == 0)
        return true;
    return jid_parse(buffer_span(&x->authzid), storage, &jid) == 0 && jid.resource_len == 0 &&
           jid.local_len > 0 && x->is_name_valid && span_equal(jid_local(&jid), x->username) &&
           span_equal(jid_domain(&jid), span_make(x->domain, x->domain_len));
}

/* What both mechanisms do once the names are in x->name and x->authzid. */
static enum sasl_outcome take_identity(struct sasl_exchange *x, enum sasl_outcome next)
{
    if (!buffer_ok(&x->name) || !buffer_ok(&x->authzid))
        return fail(x, SASL_TEMPORARY_AUTH_FAILURE);
    take_username(x);
    if (!authzid_is_own(x))
        return fail(x, SASL_INVALID_AUTHZID);
    x->state = EXCHANGE_KEYS;
    return next;
}

static enum sasl_outcome start_scram(struct sasl_exchange *x, struct span message)
{
    const struct scram_offer offer = {
        .is_plus = is_plus(x->mechanism),
        .is_plus_offered = (x->offered & PLUS_MECHANISMS) != 0,
        .bindings = &x->bindings,
    };
    enum sasl_error error;

    if (memchr(message.ptr, 0, message.len))
        return fail(x, SASL_MALFORMED_REQUEST);
    error = scram_client_first(&x->scram, message, &offer, &x->authzid, &x->name);
    return error ? fail(x, error) : take_identity(x, SASL_WANT_KEYS);
}

static enum sasl_outcome start_plain(struct sasl_exchange *x, struct span message)
{
    struct plain_message plain;
    enum sasl_error error;

    if (!x->bindings.is_tls) /* RFC 6120 s. 13.8.3 */
        return fail(x, SASL_ENCRYPTION_REQUIRED);
    error = plain_parse(message, &plain);
    if (error)
        return fail(x, error);
    /* No account has a password that cannot be prepared: this says nothing about the name. */
    if (jid_prepare_password(plain.password, x->password_storage, sizeof(x->password_storage),
                             &x->password) != 0)
        return fail(x, SASL_NOT_AUTHORIZED);
    buffer_append(&x->name, plain.authcid);
    buffer_append(&x->authzid, plain.authzid);
    return take_identity(x, SASL_WANT_PASSWORD_CHECK);
}

static enum sasl_outcome start_ht(struct sasl_exchange *x, struct span message)
{
    struct ht_message ht;

    if (ht_parse(message, &ht) != SASL_ERROR_NONE)
        return fail(x, SASL_MALFORMED_REQUEST);
    if (!ht_binding(x->mechanism, &x->bindings, &x->binding))
        return fail(x, SASL_NOT_AUTHORIZED);
    buffer_append(&x->name, ht.authcid);
    memcpy(x->hashed, ht.hashed, sizeof(x->hashed));
    enum sasl_outcome outcome = take_identity(x, SASL_WANT_TOKEN);
    if (outcome == SASL_WANT_TOKEN)
        x->state = EXCHANGE_TOKEN;
    return outcome;
}

void sasl_exchange_certify(struct sasl_exchange *x, struct span address)
{
    char storage[JID_BYTES_MAX];
    struct span local;

    if (!sasl_address_is_account(address, span_make(x->domain, x->domain_len), storage, &local))
        return;
    buffer_append(&x->locals, local);
    buffer_append_char(&x->locals, 0);
}

static enum sasl_outcome start_external(struct sasl_exchange *x, struct span message)
{
    if (!buffer_ok(&x->locals))
        return fail(x, SASL_TEMPORARY_AUTH_FAILURE);
    enum sasl_error error = external_choose(buffer_span(&x->locals), span_make(x->domain, x->domain_len),
                                            message, x->username_storage, &x->username);
    if (error)
        return fail(x, error);
    buffer_append(&x->authzid, message);
    x->is_name_valid = true;
    x->state = EXCHANGE_KEYS;
    return SASL_WANT_KEYS; /* is there such an account? */
}

static enum sasl_outcome start(struct sasl_exchange *x, struct span message)
{
    if ((x->offered & 1u << x->mechanism) == 0)
        return fail(x, SASL_INVALID_MECHANISM);
    if (x->mechanism == SASL_EXTERNAL)
        return start_external(x, message);
    if (message.len == 0 && !x->is_asked) { /* no initial response: RFC 4422 s. 5 (2a) */
        x->is_asked = true;
        return SASL_CHALLENGE;
    }
    if (message.len == 0)
        return fail(x, SASL_MALFORMED_REQUEST);
    if (1u << x->mechanism & SASL_TOKEN_MECHANISMS)
        return start_ht(x, message);
    return x->mechanism == SASL_PLAIN ? start_plain(x, message) : start_scram(x, message);
}

static enum sasl_outcome finish_scram(struct sasl_exchange *x, struct span message)
{
    enum sasl_error error = scram_client_final(&x->scram, message, &x->out);

    if (error)
        return fail(x, error);
    x->state = EXCHANGE_DONE;
    return SASL_SUCCESS;
}

enum sasl_outcome sasl_respond(struct sasl_exchange *x, struct span message)
{
    buffer_clear(&x->out);
    if (message.len > SASL_MESSAGE_BYTES_MAX)
        return fail(x, SASL_MALFORMED_REQUEST);
    switch (x->state) {
    case EXCHANGE_START:
        return start(x, message);
    case EXCHANGE_PROOF:
        return finish_scram(x, message);
    case EXCHANGE_KEYS: /* the client spoke out of turn */
    case EXCHANGE_TOKEN:
    case EXCHANGE_DONE:
        break;
    }
    return fail(x, SASL_MALFORMED_REQUEST);
}

/* Keys of an account that does not exist: the salt depends on the name, the hash and the secret, and looks
 * like any other; the iterations are what new accounts get. 0 or -EIO. */
static int unknown_keys(const struct sasl_exchange *x, enum sasl_hash hash, struct sasl_keys *ret_keys)
{
    struct sasl_keys keys = {.hash_bytes = (uint8_t)sasl_hash_bytes(hash), .iterations = x->iterations};
    struct span name = x->is_name_valid ? x->username : buffer_span(&x->name);
    uint8_t text[1 + SASL_MESSAGE_BYTES_MAX], mac[SASL_HASH_BYTES_MAX];
    int rc;

    assert(name.len < sizeof(text));
    text[0] = keys.hash_bytes;
    memcpy(text + 1, name.ptr, name.len);
    rc = sasl_hash_hmac(SASL_SHA_256, sasl_hash_span(x->secret, SECRET_BYTES),
                        sasl_hash_span(text, 1 + name.len), mac);
    if (rc != 0)
        return rc;
    memcpy(keys.salt, mac, sizeof(keys.salt));
    *ret_keys = keys;
    return 0;
}

static bool keys_are_usable(const struct sasl_exchange *x, const struct sasl_keys *keys, enum sasl_hash hash)
{
    return x->is_name_valid && keys->hash_bytes == sasl_hash_bytes(hash) && keys->iterations > 0 &&
           keys->iterations <= SASL_ITERATIONS_MAX;
}

static enum sasl_outcome provide_scram(struct sasl_exchange *x, const struct sasl_credentials *credentials,
                                       const struct sasl_keys *unknown)
{
    enum sasl_hash hash = mechanism_hash(x->mechanism);
    const struct sasl_keys *keys = unknown;
    unsigned char nonce[NONCE_BYTES];
    uint8_t announced[SASL_HASH_BYTES_MAX];
    struct buffer nonce_text;
    enum sasl_error error;

    if (credentials)
        keys = hash == SASL_SHA_256 ? &credentials->sha256 : &credentials->sha1;
    if (!keys_are_usable(x, keys, hash))
        keys = unknown;
    if (sasl_downgrade_hash(hash, x->offered & ~SASL_TOKEN_MECHANISMS, &x->bindings, announced) != 0 ||
        RAND_bytes(nonce, sizeof(nonce)) != 1)
        return fail(x, SASL_TEMPORARY_AUTH_FAILURE);
    buffer_init(&nonce_text);
    sasl_base64_encode(sasl_hash_span(nonce, sizeof(nonce)), &nonce_text);
    const struct scram_keys scram_keys = {
        .is_known = keys != unknown,
        .salt = sasl_hash_span(keys->salt, sizeof(keys->salt)),
        .iterations = keys->iterations,
        .stored_key = keys->stored_key,
        .server_key = keys->server_key,
    };
    error = buffer_ok(&nonce_text)
                ? scram_server_first(&x->scram, &scram_keys, buffer_span(&nonce_text),
                                     sasl_hash_span(announced, sasl_hash_bytes(hash)), &x->out)
                : SASL_TEMPORARY_AUTH_FAILURE;
    buffer_fini(&nonce_text);
    if (error)
        return fail(x, error);
    x->state = EXCHANGE_PROOF;
    return SASL_CHALLENGE;
}

/* SHA-256 keys if there are any, else SHA-1's: an account that came from elsewhere may have only those. */
static enum sasl_outcome provide_plain(struct sasl_exchange *x, const struct sasl_credentials *credentials,
                                       const struct sasl_keys *unknown)
{
    const struct sasl_keys *keys = unknown;
    bool is_match;

    if (credentials && keys_are_usable(x, &credentials->sha256, SASL_SHA_256))
        keys = &credentials->sha256;
    else if (credentials && keys_are_usable(x, &credentials->sha1, SASL_SHA_1))
        keys = &credentials->sha1;
    if (plain_check(keys, x->password, &is_match) != 0)
        return fail(x, SASL_TEMPORARY_AUTH_FAILURE);
    OPENSSL_cleanse(x->password_storage, sizeof(x->password_storage));
    if (!is_match || keys == unknown)
        return fail(x, SASL_NOT_AUTHORIZED);
    x->state = EXCHANGE_DONE;
    return SASL_SUCCESS;
}

enum sasl_outcome sasl_provide(struct sasl_exchange *x, const struct sasl_credentials *credentials)
{
    struct sasl_keys unknown;

    if (x->state != EXCHANGE_KEYS) /* the exchange failed while the account was looked up */
        return fail(x, x->error ? x->error : SASL_MALFORMED_REQUEST);
    if (x->mechanism == SASL_EXTERNAL) {
        x->state = EXCHANGE_DONE;
        return credentials ? SASL_SUCCESS : fail(x, SASL_NOT_AUTHORIZED);
    }
    /* Made for everybody, so that it costs the same for everybody. */
    if (unknown_keys(x, mechanism_hash(x->mechanism), &unknown) != 0)
        return fail(x, SASL_TEMPORARY_AUTH_FAILURE);
    return x->mechanism == SASL_PLAIN ? provide_plain(x, credentials, &unknown)
                                      : provide_scram(x, credentials, &unknown);
}

bool sasl_token_is_shown(const struct sasl_exchange *x, struct span token)
{
    uint8_t wanted[HT_HASH_BYTES];
    bool is_shown = x->state == EXCHANGE_TOKEN &&
                    ht_hash(token, SPAN("Initiator"), x->binding, wanted) == 0 &&
                    CRYPTO_memcmp(wanted, x->hashed, sizeof(wanted)) == 0;

    OPENSSL_cleanse(wanted, sizeof(wanted));
    return is_shown;
}

enum sasl_outcome sasl_provide_token(struct sasl_exchange *x, struct span token, bool is_expired)
{
    uint8_t answer[HT_HASH_BYTES];

    if (x->state != EXCHANGE_TOKEN)
        return fail(x, SASL_MALFORMED_REQUEST);
    /* An empty key would be anybody's. */
    if (is_expired || token.len == 0 || !x->is_name_valid || !sasl_token_is_shown(x, token))
        return fail(x, is_expired ? SASL_CREDENTIALS_EXPIRED : SASL_NOT_AUTHORIZED);
    if (ht_hash(token, SPAN("Responder"), x->binding, answer) != 0)
        return fail(x, SASL_TEMPORARY_AUTH_FAILURE);
    buffer_clear(&x->out);
    buffer_append(&x->out, sasl_hash_span(answer, sizeof(answer)));
    if (!buffer_ok(&x->out))
        return fail(x, SASL_TEMPORARY_AUTH_FAILURE);
    x->state = EXCHANGE_DONE;
    return SASL_SUCCESS;
}

struct span sasl_exchange_username(const struct sasl_exchange *x)
{
    return x->username;
}

struct span sasl_exchange_out(const struct sasl_exchange *x)
{
    return buffer_span(&x->out);
}

bool sasl_exchange_has_authzid(const struct sasl_exchange *x)
{
    return x->authzid.len > 0;
}

enum sasl_error sasl_exchange_error(const struct sasl_exchange *x)
{
    return x->error;
}
