/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM on the server (RFC 5802, 7677): parsing of the client's messages, the check of the proof. Written
 * here rather than taken from libgsasl: its 2.2 knows no tls-server-end-point binding (RFC 5929), which
 * servers of XMPP must have, and given stored keys the server's part is one digest and two HMACs. */
#include <openssl/crypto.h>

#include "sasl/scram.h"

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Take everything before the next comma, and the comma. Returns whether there was one: something must
 * follow. */
static bool take_field(struct span *in, struct span *ret_field)
{
    const char *comma = in->len ? memchr(in->ptr, ',', in->len) : NULL;
    size_t len = comma ? (size_t)(comma - in->ptr) : in->len;

    *ret_field = span_make(in->ptr, len);
    *in = span_skip(*in, comma ? len + 1 : len);
    return comma != NULL;
}

/* Is the field "x=..." with a value? */
static bool field_value(struct span field, char name, struct span *ret_value)
{
    if (field.len < 3 || field.ptr[0] != name || field.ptr[1] != '=')
        return false;
    *ret_value = span_skip(field, 2);
    return true;
}

/* saslname: "=2C" is a comma, "=3D" an equals sign, any other '=' is an error (RFC 5802 s. 5.1). */
static bool append_saslname(struct span value, struct buffer *out)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '=') {
            buffer_append_char(out, value.ptr[i]);
            continue;
        }
        struct span rest = span_skip(value, i);
        if (span_starts(rest, SPAN("=2C")))
            buffer_append_char(out, ',');
        else if (span_starts(rest, SPAN("=3D")))
            buffer_append_char(out, '=');
        else
            return false;
        i += 2;
    }
    return true;
}

/* attr-val *("," attr-val); what is unknown is ignored, "m" demands to be understood (RFC 5802 s. 5.1). */
static bool extensions_are_ignorable(struct span in)
{
    struct span field;
    bool has_more;

    do {
        has_more = take_field(&in, &field);
        if (field.len < 3 || !is_alpha(field.ptr[0]) || field.ptr[1] != '=' || field.ptr[0] == 'm')
            return false;
    } while (has_more);
    return true;
}

static bool is_nonce(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 0x21 || s.ptr[i] > 0x7E || s.ptr[i] == ',')
            return false;
    return s.len > 0;
}

void scram_init(struct scram *s, enum sasl_hash hash)
{
    *s = (struct scram){.hash = hash};
    buffer_init(&s->nonce);
    buffer_init(&s->cbind_input);
    buffer_init(&s->auth_message);
}

void scram_fini(struct scram *s)
{
    buffer_fini(&s->nonce);
    buffer_fini(&s->cbind_input);
    buffer_fini(&s->auth_message);
    OPENSSL_cleanse(s, sizeof(*s));
}

/* gs2-cbind-flag (RFC 5802 s. 6): sets the binding to be proved, empty for "n" and "y". */
static enum sasl_error check_binding_flag(struct span flag, const struct scram_offer *offer,
                                          struct span *ret_binding)
{
    const struct sasl_bindings *b = offer->bindings;
    struct span type;

    *ret_binding = (struct span){0};
    if (span_is(flag, "n") || span_is(flag, "y")) {
        if (offer->is_plus)
            return SASL_MALFORMED_REQUEST;
        /* The client could bind and believes that we cannot: somebody took the -PLUS names off our list. */
        return flag.ptr[0] == 'y' && offer->is_plus_offered ? SASL_NOT_AUTHORIZED : SASL_ERROR_NONE;
    }
    if (!field_value(flag, 'p', &type) || !offer->is_plus)
        return SASL_MALFORMED_REQUEST;
    if (span_is(type, "tls-exporter"))
        *ret_binding = sasl_hash_span(b->tls_exporter, b->tls_exporter_len);
    else if (span_is(type, "tls-server-end-point"))
        *ret_binding = sasl_hash_span(b->tls_server_end_point, b->tls_server_end_point_len);
    else if (span_is(type, "tls-unique"))
        *ret_binding = sasl_hash_span(b->tls_unique, b->tls_unique_len);
    /* A type we do not have on this connection must fail (s. 6). */
    return ret_binding->len > 0 ? SASL_ERROR_NONE : SASL_NOT_AUTHORIZED;
}

enum sasl_error scram_client_first(struct scram *s, struct span message, const struct scram_offer *offer,
                                   struct buffer *authzid, struct buffer *username)
{
    struct span rest = message, flag, identity, field, value, binding;
    enum sasl_error error;

    if (!take_field(&rest, &flag) || !take_field(&rest, &identity))
        return SASL_MALFORMED_REQUEST;
    error = check_binding_flag(flag, offer, &binding);
    if (error)
        return error;
    if (identity.len > 0 && !(field_value(identity, 'a', &value) && append_saslname(value, authzid)))
        return SASL_MALFORMED_REQUEST;
    buffer_append(&s->cbind_input, span_make(message.ptr, (size_t)(rest.ptr - message.ptr)));
    buffer_append(&s->cbind_input, binding);
    buffer_append(&s->auth_message, rest);
    buffer_append_char(&s->auth_message, ',');

    /* "m=", the mandatory extension that there is none of yet, would stand before the name. */
    if (!take_field(&rest, &field) || !field_value(field, 'n', &value) || !append_saslname(value, username))
        return SASL_MALFORMED_REQUEST;
    bool has_extensions = take_field(&rest, &field);
    if (!field_value(field, 'r', &value) || !is_nonce(value))
        return SASL_MALFORMED_REQUEST;
    if (has_extensions && !extensions_are_ignorable(rest))
        return SASL_MALFORMED_REQUEST;
    buffer_append(&s->nonce, value);
    return SASL_ERROR_NONE;
}

enum sasl_error scram_server_first(struct scram *s, const struct scram_keys *keys, struct span nonce,
                                   struct span announced, struct buffer *out)
{
    uint32_t begin = out->len;

    s->is_known = keys->is_known;
    memcpy(s->stored_key, keys->stored_key, sasl_hash_bytes(s->hash));
    memcpy(s->server_key, keys->server_key, sasl_hash_bytes(s->hash));
    buffer_append(&s->nonce, nonce);
    buffer_literal(out, "r=");
    buffer_append(out, buffer_span(&s->nonce));
    buffer_literal(out, ",s=");
    sasl_base64_encode(keys->salt, out);
    buffer_printf(out, ",i=%u", keys->iterations);
    if (announced.len > 0) {
        buffer_literal(out, ",h=");
        sasl_base64_encode(announced, out);
    }
    buffer_append(&s->auth_message, span_skip(buffer_span(out), begin));
    buffer_append_char(&s->auth_message, ',');
    return buffer_ok(&s->nonce) && buffer_ok(&s->auth_message) && buffer_ok(&s->cbind_input) && buffer_ok(out)
               ? SASL_ERROR_NONE
               : SASL_TEMPORARY_AUTH_FAILURE;
}

/* ClientKey := ClientProof XOR HMAC(StoredKey, AuthMessage); its hash must be StoredKey (RFC 5802 s. 3). The
 * same work whether the user is known or not, and before anything is answered. */
static enum sasl_error check_proof(struct scram *s, const uint8_t *proof, struct buffer *out)
{
    uint8_t key[SASL_HASH_BYTES_MAX], digest[SASL_HASH_BYTES_MAX], signature[SASL_HASH_BYTES_MAX];
    struct span text = buffer_span(&s->auth_message);
    size_t bytes = sasl_hash_bytes(s->hash);
    int rc = sasl_hash_hmac(s->hash, sasl_hash_span(s->stored_key, bytes), text, key);

    for (size_t i = 0; rc == 0 && i < bytes; i++)
        key[i] ^= proof[i];
    if (rc == 0)
        rc = sasl_hash_digest(s->hash, sasl_hash_span(key, bytes), digest);
    if (rc == 0)
        rc = sasl_hash_hmac(s->hash, sasl_hash_span(s->server_key, bytes), text, signature);
    OPENSSL_cleanse(key, sizeof(key));
    if (rc != 0)
        return SASL_TEMPORARY_AUTH_FAILURE;

    bool is_match = CRYPTO_memcmp(digest, s->stored_key, bytes) == 0;
    if (!is_match || !s->is_known)
        return SASL_NOT_AUTHORIZED;
    buffer_literal(out, "v=");
    sasl_base64_encode(sasl_hash_span(signature, bytes), out);
    return buffer_ok(out) ? SASL_ERROR_NONE : SASL_TEMPORARY_AUTH_FAILURE;
}

/* client-final-message = "c=" base64 "," "r=" nonce ["," extensions] "," "p=" base64. Borrowed from it. */
struct client_final {
    struct span binding, nonce, proof, without_proof;
};

static bool cut_client_final(struct span message, struct client_final *ret)
{
    const char *comma = message.len ? memrchr(message.ptr, ',', message.len) : NULL;
    struct span rest, field;

    if (!comma || !field_value(span_skip(message, (size_t)(comma - message.ptr) + 1), 'p', &ret->proof))
        return false;
    ret->without_proof = rest = span_make(message.ptr, (size_t)(comma - message.ptr));
    if (!take_field(&rest, &field) || !field_value(field, 'c', &ret->binding))
        return false;
    bool has_extensions = take_field(&rest, &field);
    if (!field_value(field, 'r', &ret->nonce))
        return false;
    return !has_extensions || extensions_are_ignorable(rest);
}

enum sasl_error scram_client_final(struct scram *s, struct span message, struct buffer *out)
{
    struct client_final final;
    struct buffer expected, decoded;
    enum sasl_error error = SASL_ERROR_NONE;

    if (!cut_client_final(message, &final))
        return SASL_MALFORMED_REQUEST;
    buffer_init(&expected);
    buffer_init(&decoded);
    sasl_base64_encode(buffer_span(&s->cbind_input), &expected);
    buffer_append(&s->auth_message, final.without_proof);
    if (sasl_base64_decode(final.proof, &decoded) != 0 || decoded.len != sasl_hash_bytes(s->hash))
        error = SASL_MALFORMED_REQUEST;
    else if (!buffer_ok(&expected) || !buffer_ok(&decoded) || !buffer_ok(&s->auth_message))
        error = SASL_TEMPORARY_AUTH_FAILURE;
    else if (!span_equal(final.nonce, buffer_span(&s->nonce)) ||
             !span_equal(final.binding, buffer_span(&expected)))
        error = SASL_NOT_AUTHORIZED;
    else
        error = check_proof(s, (const uint8_t *)decoded.ptr, out);
    buffer_fini(&expected);
    buffer_fini(&decoded);
    return error;
}
