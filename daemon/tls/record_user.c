/* SPDX-License-Identifier: Apache-2.0 */
/* TLS records sealed and opened in user space: TLS 1.3 (RFC 8446 s. 5) and TLS 1.2 with AEAD suites (RFC
 * 5246 s. 6.2.3.3, RFC 5288, RFC 7905), with the messages that may come after a handshake: alerts and
 * KeyUpdate. */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "tls/keys.h"
#include "tls/record_cipher.h"
#include "tls/record_ops.h"
#include "tls/wire.h"

/* AES-GCM is good for 2^24.5 records (RFC 8446 s. 5.5). TLS 1.3 rotates ahead of it, any suite, to have one
 * rule; TLS 1.2 cannot rotate and ends there. */
#define ROTATE_AT_RECORDS (UINT64_C(1) << 24)
#define TLS12_GCM_RECORDS_MAX UINT64_C(23726566)
/* Sequence numbers must not wrap: this one is never used. */
#define SEQUENCE_END UINT64_MAX

/* Records in a row that bring no application data (empty ones, ignored alerts). Padding traffic of that kind
 * is allowed, to keep us busy with nothing is not. */
#define QUIET_RECORDS_MAX 32
/* KeyUpdates in a row without application data between: each costs us derivations, and an answer if it
 * asks. */
#define KEY_UPDATES_MAX 64

#define GCM_EXPLICIT_NONCE_BYTES 8
#define GCM_SALT_BYTES 4

/* One direction as it is used record by record. */
struct key_state {
    struct tls_direction direction;
    uint64_t key_number;
};

enum input_state { INPUT_OPEN, INPUT_CLOSED, INPUT_BAD };

struct record_user {
    struct record record; /* first */
    uint16_t version;
    uint8_t suite, hash_bytes;
    uint8_t input; /* enum input_state */
    uint8_t quiet_records, key_updates;
    bool is_client;
    struct key_state send, receive;
};

static const struct record_ops user_ops;

static struct record_user *user_of(struct record *r)
{
    return (struct record_user *)r;
}

static bool is_tls13(const struct record_user *u)
{
    return u->version == 0x0304;
}

/* TLS 1.2 GCM writes half of its nonce in front of each record. */
static size_t explicit_nonce_bytes(const struct record_user *u)
{
    return is_tls13(u) || u->suite == TLS_CHACHA20_POLY1305 ? 0 : GCM_EXPLICIT_NONCE_BYTES;
}

struct record *record_user_new(const struct tls_secrets *secrets)
{
    struct record_user *u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    u->version = secrets->version;
    u->suite = secrets->suite;
    u->hash_bytes = secrets->hash_bytes;
    u->is_client = secrets->is_client;
    u->send = (struct key_state){secrets->send, record_key_number_new()};
    u->receive = (struct key_state){secrets->receive, record_key_number_new()};
    u->record.ops = &user_ops;
    u->record.bad_alert = TLS_ALERT_NONE;
    u->record.head_bytes = (uint8_t)(TLS_HEADER_BYTES + explicit_nonce_bytes(u));
    u->record.tail_bytes = TLS_TAG_BYTES + (is_tls13(u) ? 1 : 0);
    return &u->record;
}

void record_user_secrets(const struct record *r, struct tls_secrets *ret_secrets)
{
    const struct record_user *u = (const struct record_user *)r;
    *ret_secrets = (struct tls_secrets){.version = u->version,
                                        .suite = u->suite,
                                        .hash_bytes = u->hash_bytes,
                                        .is_client = u->is_client,
                                        .send = u->send.direction,
                                        .receive = u->receive.direction};
}

static void user_free(struct record *r)
{
    struct record_user *u = user_of(r);
    OPENSSL_cleanse(u, sizeof(*u));
    free(u);
}

static void number_write(uint8_t *to, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(number >> (56 - 8 * i));
}

/* The associated data of TLS 1.2: sequence, then a header with the length of the text. */
enum { ASSOCIATED12_BYTES = 8 + TLS_HEADER_BYTES };

/* The AEAD call for the record whose header is at `header` and whose text is `text_len` long.
 * `explicit_nonce` is NULL unless TLS 1.2 GCM; `space` is for the associated data and must live as long as
 * the call. */
static struct record_aead aead_make(const struct record_user *u, const struct key_state *k,
                                    const char *header, const char *explicit_nonce, size_t text_len,
                                    char space[ASSOCIATED12_BYTES])
{
    struct record_aead a = {.key_number = k->key_number,
                            .suite = u->suite,
                            .key = k->direction.key,
                            .associated = header,
                            .associated_len = TLS_HEADER_BYTES};
    uint8_t sequence[8];

    number_write(sequence, k->direction.sequence);
    memcpy(a.nonce, k->direction.iv, TLS_IV_BYTES);
    if (explicit_nonce)
        memcpy(a.nonce + GCM_SALT_BYTES, explicit_nonce, GCM_EXPLICIT_NONCE_BYTES);
    else
        for (int i = 0; i < 8; i++)
            a.nonce[TLS_IV_BYTES - 8 + i] ^= sequence[i];
    if (!is_tls13(u)) {
        memcpy(space, sequence, sizeof(sequence));
        memcpy(space + 8, header, 3);
        space[11] = (char)(text_len >> 8);
        space[12] = (char)text_len;
        a.associated = space;
        a.associated_len = ASSOCIATED12_BYTES;
    }
    return a;
}

/* Seal the `len` bytes at space + head_bytes as one record of `type`, under the present key, come what may. */
static int record_write(struct record_user *u, struct record_worker *w, uint8_t type, char *space, size_t len,
                        size_t *ret_len)
{
    size_t head = u->record.head_bytes, whole = head + len + u->record.tail_bytes;
    char *text = space + head, *nonce = NULL, associated[ASSOCIATED12_BYTES];
    size_t text_len = len;

    tls_header_write(space, is_tls13(u) ? TLS_APPLICATION_DATA : type, whole - TLS_HEADER_BYTES);
    if (is_tls13(u)) {
        text[text_len++] = (char)type;
    } else if (explicit_nonce_bytes(u) > 0) {
        nonce = space + TLS_HEADER_BYTES;
        number_write((uint8_t *)nonce, u->send.direction.sequence);
    }
    struct record_aead a = aead_make(u, &u->send, space, nonce, text_len, associated);
    int r = record_aead_seal(w, &a, text, text_len);
    if (r == 0) {
        u->send.direction.sequence++;
        *ret_len = whole;
    }
    return r;
}

static int message_append(struct record_user *u, struct record_worker *w, uint8_t type, struct span message,
                          struct buffer *out)
{
    size_t len = 0;
    char *space = buffer_reserve(out, record_sealed_bytes(&u->record, message.len));
    if (!space)
        return -ENOMEM;
    memcpy(space + u->record.head_bytes, message.ptr, message.len);
    int r = record_write(u, w, type, space, message.len, &len);
    out->len += (uint32_t)len;
    return r;
}

static int key_rotate(struct record_user *u, struct key_state *k)
{
    int r = tls_direction_update(&k->direction, u->suite, u->hash_bytes);
    if (r == 0)
        k->key_number = record_key_number_new();
    return r;
}

/* Tell the peer under the old key, then change it (RFC 8446 s. 4.6.3). */
static int send_key_rotate(struct record_user *u, struct record_worker *w, struct buffer *out)
{
    static const char key_update[TLS_KEY_UPDATE_BYTES] = {TLS_KEY_UPDATE, 0, 0, 1, 0};
    if (u->send.direction.sequence == SEQUENCE_END)
        return -EKEYEXPIRED;
    int r = message_append(u, w, TLS_HANDSHAKE, span_make(key_update, sizeof(key_update)), out);
    return r == 0 ? key_rotate(u, &u->send) : r;
}

static bool send_key_expired(const struct record_user *u)
{
    uint64_t sequence = u->send.direction.sequence;
    if (sequence == SEQUENCE_END)
        return true;
    return !is_tls13(u) && u->suite != TLS_CHACHA20_POLY1305 && sequence >= TLS12_GCM_RECORDS_MAX;
}

static int user_seal(struct record *r, struct record_worker *w, char *space, size_t plain_len,
                     size_t *ret_len, struct buffer *before)
{
    struct record_user *u = user_of(r);
    assert(plain_len <= RECORD_PLAIN_MAX);
    if (send_key_expired(u))
        return -EKEYEXPIRED;
    if (is_tls13(u) && u->send.direction.sequence >= ROTATE_AT_RECORDS) {
        int error = send_key_rotate(u, w, before);
        if (error < 0)
            return error;
    }
    return record_write(u, w, TLS_APPLICATION_DATA, space, plain_len, ret_len);
}

static void user_alert(struct record *r, struct record_worker *w, uint8_t description, struct buffer *out)
{
    struct record_user *u = user_of(r);
    bool is_closure = description == TLS_ALERT_CLOSE_NOTIFY || description == TLS_ALERT_USER_CANCELED;
    const char alert[TLS_ALERT_BYTES] = {is_closure ? TLS_ALERT_WARNING : TLS_ALERT_FATAL, (char)description};
    /* An alert that cannot be sealed is not sent: the connection closes all the same. */
    if (u->send.direction.sequence != SEQUENCE_END)
        (void)message_append(u, w, TLS_ALERT, span_make(alert, sizeof(alert)), out);
}

static int input_bad(struct record_user *u, uint8_t alert)
{
    u->input = INPUT_BAD;
    u->record.bad_alert = alert;
    return RECORD_BAD;
}

/* A record without application data is fine, a row of them is not. */
static int quiet_record(struct record_user *u)
{
    if (++u->quiet_records > QUIET_RECORDS_MAX)
        return input_bad(u, TLS_ALERT_UNEXPECTED_MESSAGE);
    return 0;
}

static int alert_take(struct record_user *u, struct span alert)
{
    if (alert.len == 0)
        return input_bad(u, TLS_ALERT_UNEXPECTED_MESSAGE);
    if (alert.len != TLS_ALERT_BYTES)
        return input_bad(u, TLS_ALERT_DECODE_ERROR);
    uint8_t level = (uint8_t)alert.ptr[0], description = (uint8_t)alert.ptr[1];

    if (description == TLS_ALERT_CLOSE_NOTIFY) {
        u->input = INPUT_CLOSED;
        return RECORD_CLOSED;
    }
    /* TLS 1.3 gives the level no meaning but knows one harmless alert; in TLS 1.2 all warnings are. */
    bool is_ignored = is_tls13(u) ? description == TLS_ALERT_USER_CANCELED : level == TLS_ALERT_WARNING;
    return is_ignored ? quiet_record(u) : input_bad(u, TLS_ALERT_NONE);
}

/* Is it nothing but whole session tickets, which a server may send at any time (RFC 8446 s. 4.6.1)? None is used. */
static bool is_tickets(struct span messages)
{
    enum { HEAD_BYTES = 4 };
    while (messages.len >= HEAD_BYTES && messages.ptr[0] == TLS_NEW_SESSION_TICKET) {
        const uint8_t *head = (const uint8_t *)messages.ptr;
        size_t len = HEAD_BYTES + ((size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3]);
        if (len > messages.len)
            return false;
        messages = span_skip(messages, len);
        if (messages.len == 0)
            return true;
    }
    return false;
}

/* KeyUpdate is the only message a client may send now, and it ends its record (RFC 8446 s. 5.1). One cut in
 * pieces would be lawful, but nobody sends it, and it is refused to keep no pieces. */
static int handshake13_take(struct record_user *u, struct record_worker *w, struct span message,
                            struct buffer *reply)
{
    if (u->is_client && is_tickets(message))
        return quiet_record(u);
    if (message.len < TLS_KEY_UPDATE_BYTES || message.ptr[0] != TLS_KEY_UPDATE)
        return input_bad(u, TLS_ALERT_UNEXPECTED_MESSAGE);
    if (memcmp(message.ptr + 1, "\0\0\1", 3) != 0)
        return input_bad(u, TLS_ALERT_DECODE_ERROR);
    uint8_t request_update = (uint8_t)message.ptr[4];
    if (request_update > 1)
        return input_bad(u, TLS_ALERT_ILLEGAL_PARAMETER);
    if (message.len > TLS_KEY_UPDATE_BYTES || ++u->key_updates > KEY_UPDATES_MAX)
        return input_bad(u, TLS_ALERT_UNEXPECTED_MESSAGE);

    int r = key_rotate(u, &u->receive);
    if (r == 0 && request_update == 1) {
        r = send_key_rotate(u, w, reply);
        r = r == 0 ? RECORD_REPLY : r;
    }
    return r;
}

static int handshake12_take(struct record_user *u, struct span message)
{
    bool is_renegotiation = message.len > 0 && message.ptr[0] == TLS_CLIENT_HELLO;
    return input_bad(u, is_renegotiation ? TLS_ALERT_NO_RENEGOTIATION : TLS_ALERT_UNEXPECTED_MESSAGE);
}

static int content_take(struct record_user *u, struct record_worker *w, uint8_t type, struct span content,
                        struct span *ret_plain, struct buffer *reply)
{
    switch (type) {
    case TLS_APPLICATION_DATA:
        *ret_plain = content;
        if (content.len == 0)
            return quiet_record(u);
        u->quiet_records = u->key_updates = 0;
        return 0;
    case TLS_ALERT:
        return alert_take(u, content);
    case TLS_HANDSHAKE:
        return is_tls13(u) ? handshake13_take(u, w, content, reply) : handshake12_take(u, content);
    default:
        return input_bad(u, TLS_ALERT_UNEXPECTED_MESSAGE);
    }
}

/* May a record of this outer type come at all? In TLS 1.3 all wear the same, and a ChangeCipherSpec belongs
 * before the client's Finished (RFC 8446 s. 5). */
static bool outer_type_ok(const struct record_user *u, uint8_t type)
{
    if (is_tls13(u))
        return type == TLS_APPLICATION_DATA;
    return type == TLS_APPLICATION_DATA || type == TLS_ALERT || type == TLS_HANDSHAKE;
}

/* Decrypt the record at `in`, body_len behind its header, and find the type and content in it. 0, RECORD_BAD
 * or -errno. */
static int record_decrypt(struct record_user *u, struct record_worker *w, char *in, size_t body_len,
                          uint8_t *ret_type, struct span *ret_content)
{
    size_t nonce_len = explicit_nonce_bytes(u), inner_type_len = is_tls13(u) ? 1 : 0;
    char *nonce = nonce_len > 0 ? in + TLS_HEADER_BYTES : NULL;
    char *text = in + TLS_HEADER_BYTES + nonce_len, associated[ASSOCIATED12_BYTES];

    if (body_len < nonce_len + TLS_TAG_BYTES)
        return input_bad(u, TLS_ALERT_BAD_RECORD_MAC);
    size_t len = body_len - nonce_len - TLS_TAG_BYTES;
    struct record_aead a = aead_make(u, &u->receive, in, nonce, len, associated);
    int r = record_aead_open(w, &a, text, len);
    if (r != 0)
        return r == RECORD_FORGED ? input_bad(u, TLS_ALERT_BAD_RECORD_MAC) : r;
    u->receive.direction.sequence++;
    if (len > RECORD_PLAIN_MAX + inner_type_len)
        return input_bad(u, TLS_ALERT_RECORD_OVERFLOW);

    uint8_t type = tls_type(in);
    if (is_tls13(u)) {
        /* Content, type, zeros (RFC 8446 s. 5.4). */
        while (len > 0 && text[len - 1] == 0)
            len--;
        if (len == 0)
            return input_bad(u, TLS_ALERT_UNEXPECTED_MESSAGE);
        type = (uint8_t)text[--len];
    }
    *ret_type = type;
    *ret_content = span_make(text, len);
    return 0;
}

static int record_take(struct record_user *u, struct record_worker *w, char *in, size_t in_len,
                       struct span *ret_plain, size_t *ret_used, struct buffer *reply)
{
    uint8_t type = 0;
    struct span content = {0};

    if (in_len < TLS_HEADER_BYTES)
        return RECORD_MORE;
    size_t body_len = tls_body_bytes(in);
    if (!outer_type_ok(u, tls_type(in)))
        return input_bad(u, TLS_ALERT_UNEXPECTED_MESSAGE);
    if (body_len > TLS_BODY_BYTES_MAX)
        return input_bad(u, TLS_ALERT_RECORD_OVERFLOW);
    if (in_len < TLS_HEADER_BYTES + body_len)
        return RECORD_MORE;
    if (u->receive.direction.sequence == SEQUENCE_END)
        return input_bad(u, TLS_ALERT_INTERNAL_ERROR);

    *ret_used = TLS_HEADER_BYTES + body_len;
    *ret_plain = span_make(in, 0);
    int r = record_decrypt(u, w, in, body_len, &type, &content);
    return r == 0 ? content_take(u, w, type, content, ret_plain, reply) : r;
}

static int user_open(struct record *r, struct record_worker *w, char *in, size_t in_len,
                     struct span *ret_plain, size_t *ret_used, struct buffer *reply)
{
    struct record_user *u = user_of(r);
    int outcome = u->input == INPUT_CLOSED ? RECORD_CLOSED
                  : u->input == INPUT_BAD  ? RECORD_BAD
                                           : record_take(u, w, in, in_len, ret_plain, ret_used, reply);

    if (outcome < 0)
        (void)input_bad(u, TLS_ALERT_INTERNAL_ERROR);
    /* What follows a closure alert or a failure is ignored (RFC 8446 s. 6.1). */
    if (outcome == RECORD_CLOSED || outcome == RECORD_BAD)
        *ret_used = in_len;
    return outcome;
}

static const struct record_ops user_ops = {
    .open = user_open,
    .seal = user_seal,
    .alert = user_alert,
    .free = user_free,
    .bytes = sizeof(struct record_user),
};
