/* SPDX-License-Identifier: Apache-2.0 */
/* kTLS (Linux Documentation/networking/tls.rst; facts that were measured: keys are handed over with sequence numbers, a control
 * record makes a plain receive fail with EIO and is read with a control buffer, and only new kernels take new keys). */
#include "tls/record_kernel.h"

#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/crypto.h>

#include "tls/keys.h"
#include "tls/record_ops.h"
#include "tls/wire.h"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* The same bounds as in user space (record_user.c). The kernel counts sequence numbers itself; what we count is
 * what we gave it. */
#define ROTATE_AT_RECORDS (UINT64_C(1) << 24)
#define KEY_UPDATES_MAX 64
#define QUIET_RECORDS_MAX 32
/* Alerts are 2 bytes, a KeyUpdate 5; whatever is longer is refused, read or not. */
#define CONTROL_BYTES_MAX 64

struct record_kernel {
    struct record record; /* first */
    int fd;
    uint16_t version;
    uint8_t suite, hash_bytes;
    uint8_t key_updates, quiet_records;
    bool can_rekey;
    uint64_t sent;                      /* records under the present key */
    struct tls_direction send, receive; /* TLS 1.3: the secrets, for the next keys */
};

static const struct record_ops kernel_ops;

static struct record_kernel *kernel_of(struct record *r)
{
    return (struct record_kernel *)r;
}

bool record_is_kernel(const struct record *r)
{
    return r && r->ops == &kernel_ops;
}

/* ---- handing keys over ---- */

union crypto_info {
    struct tls_crypto_info info;
    struct tls12_crypto_info_aes_gcm_128 aes128;
    struct tls12_crypto_info_aes_gcm_256 aes256;
    struct tls12_crypto_info_chacha20_poly1305 chacha;
};

static void sequence_write(unsigned char to[8], uint64_t sequence)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)(sequence >> (56 - 8 * i));
}

/* TLS 1.3 has one 12-byte iv, of which the kernel takes 4 as salt; in TLS 1.2 GCM the other 8 are the explicit nonce, which
 * starts at the sequence number as our own records' does. */
static void gcm_nonce_write(unsigned char salt[4], unsigned char iv[8], uint16_t version,
                            const struct tls_direction *d)
{
    memcpy(salt, d->iv, 4);
    if (version == TLS_1_3_VERSION)
        memcpy(iv, d->iv + 4, 8);
    else
        sequence_write(iv, d->sequence);
}

/* Returns the length to give to setsockopt; 0: no such suite. */
static socklen_t crypto_info_make(union crypto_info *c, uint16_t version, uint8_t suite,
                                  const struct tls_direction *d)
{
    memset(c, 0, sizeof *c);
    c->info.version = version;
    switch ((enum tls_suite)suite) {
    case TLS_AES_128_GCM:
        c->info.cipher_type = TLS_CIPHER_AES_GCM_128;
        memcpy(c->aes128.key, d->key, sizeof c->aes128.key);
        gcm_nonce_write(c->aes128.salt, c->aes128.iv, version, d);
        sequence_write(c->aes128.rec_seq, d->sequence);
        return sizeof c->aes128;
    case TLS_AES_256_GCM:
        c->info.cipher_type = TLS_CIPHER_AES_GCM_256;
        memcpy(c->aes256.key, d->key, sizeof c->aes256.key);
        gcm_nonce_write(c->aes256.salt, c->aes256.iv, version, d);
        sequence_write(c->aes256.rec_seq, d->sequence);
        return sizeof c->aes256;
    case TLS_CHACHA20_POLY1305:
        c->info.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
        memcpy(c->chacha.key, d->key, sizeof c->chacha.key);
        memcpy(c->chacha.iv, d->iv, sizeof c->chacha.iv);
        sequence_write(c->chacha.rec_seq, d->sequence);
        return sizeof c->chacha;
    case TLS_SUITE_NONE:
        break;
    }
    return 0;
}

static int keys_give(int fd, int direction, uint16_t version, uint8_t suite, const struct tls_direction *d)
{
    union crypto_info info;
    socklen_t len = crypto_info_make(&info, version, suite, d);
    int error = !len ? -EOPNOTSUPP : setsockopt(fd, SOL_TLS, direction, &info, len) < 0 ? -errno : 0;
    OPENSSL_cleanse(&info, sizeof info);
    return error;
}

int record_kernel_attach(int fd)
{
    return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") < 0 ? -errno : 0;
}

int record_kernel_new(struct record *user, int fd, bool can_rekey, struct record **ret_record)
{
    struct tls_secrets secrets;
    struct record_kernel *k = calloc(1, sizeof *k);
    if (!k)
        return -ENOMEM;
    record_user_secrets(user, &secrets);
    int error = record_kernel_attach(fd);
    if (!error)
        error = keys_give(fd, TLS_TX, secrets.version, secrets.suite, &secrets.send);
    if (!error && keys_give(fd, TLS_RX, secrets.version, secrets.suite, &secrets.receive) < 0)
        error = -EPIPE;
    if (!error) {
        *k = (struct record_kernel){
            .record = {.ops = &kernel_ops, .bad_alert = TLS_ALERT_NONE},
            .fd = fd,
            .version = secrets.version,
            .suite = secrets.suite,
            .hash_bytes = secrets.hash_bytes,
            .can_rekey = can_rekey,
            .sent = secrets.send.sequence,
            .send = secrets.send,
            .receive = secrets.receive,
        };
        *ret_record = &k->record;
        record_free(user);
    } else {
        free(k);
    }
    OPENSSL_cleanse(&secrets, sizeof secrets);
    return error;
}

bool record_kernel_fits(const struct record *user, const struct record_kernel_abilities *abilities)
{
    struct tls_secrets secrets;
    record_user_secrets(user, &secrets);
    uint32_t suites = secrets.version == TLS_1_3_VERSION ? abilities->tls13_suites : abilities->tls12_suites;
    bool fits = suites & 1u << secrets.suite;
    OPENSSL_cleanse(&secrets, sizeof secrets);
    return fits;
}

/* ---- control records ---- */

static int control_send(int fd, uint8_t type, const void *bytes, size_t len)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(uint8_t))];
    } control = {0};
    struct iovec piece = {(void *)(uintptr_t)bytes, len};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_TLS;
    head->cmsg_type = TLS_SET_RECORD_TYPE;
    head->cmsg_len = CMSG_LEN(sizeof(uint8_t));
    *CMSG_DATA(head) = type;
    /* Never waits: a peer so slow that two bytes find no room gets no alert. */
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len ? 0 : -errno;
}

static int keys_renew(struct record_kernel *k, int which, struct tls_direction *d)
{
    int error = tls_direction_update(d, k->suite, k->hash_bytes);
    return error ? error : keys_give(k->fd, which, k->version, k->suite, d);
}

/* Tell the peer under the old key, then change it (RFC 8446 s. 4.6.3). */
static int send_keys_renew(struct record_kernel *k)
{
    static const char key_update[TLS_KEY_UPDATE_BYTES] = {TLS_KEY_UPDATE, 0, 0, 1, 0};
    if (!k->can_rekey)
        return -EKEYEXPIRED;
    int error = control_send(k->fd, TLS_HANDSHAKE, key_update, sizeof key_update);
    if (!error)
        error = keys_renew(k, TLS_TX, &k->send);
    k->sent = 0;
    return error;
}

int record_kernel_update_keys(struct record *r)
{
    return send_keys_renew(kernel_of(r));
}

static int bad(struct record_kernel *k, uint8_t alert)
{
    k->record.bad_alert = alert;
    return RECORD_BAD;
}

static int quiet(struct record_kernel *k)
{
    return ++k->quiet_records > QUIET_RECORDS_MAX ? bad(k, TLS_ALERT_UNEXPECTED_MESSAGE) : 0;
}

static int alert_take(struct record_kernel *k, const uint8_t *bytes, size_t len)
{
    if (len != TLS_ALERT_BYTES)
        return bad(k, TLS_ALERT_DECODE_ERROR);
    if (bytes[1] == TLS_ALERT_CLOSE_NOTIFY)
        return RECORD_CLOSED;
    bool is_ignored =
        k->version == TLS_1_3_VERSION ? bytes[1] == TLS_ALERT_USER_CANCELED : bytes[0] == TLS_ALERT_WARNING;
    return is_ignored ? quiet(k) : bad(k, TLS_ALERT_NONE);
}

static int key_update_take(struct record_kernel *k, const uint8_t *bytes, size_t len)
{
    if (k->version != TLS_1_3_VERSION)
        return bad(k, len && bytes[0] == TLS_CLIENT_HELLO ? TLS_ALERT_NO_RENEGOTIATION
                                                          : TLS_ALERT_UNEXPECTED_MESSAGE);
    if (len < TLS_KEY_UPDATE_BYTES || bytes[0] != TLS_KEY_UPDATE)
        return bad(k, TLS_ALERT_UNEXPECTED_MESSAGE);
    if (memcmp(bytes + 1, "\0\0\1", 3) != 0)
        return bad(k, TLS_ALERT_DECODE_ERROR);
    if (bytes[4] > 1)
        return bad(k, TLS_ALERT_ILLEGAL_PARAMETER);
    if (len > TLS_KEY_UPDATE_BYTES || ++k->key_updates > KEY_UPDATES_MAX)
        return bad(k, TLS_ALERT_UNEXPECTED_MESSAGE);
    if (!k->can_rekey || keys_renew(k, TLS_RX, &k->receive) < 0)
        return RECORD_UNRENEWABLE;
    if (bytes[4] == 1 && send_keys_renew(k) < 0)
        return RECORD_UNRENEWABLE;
    return 0;
}

int record_kernel_control(struct record *r)
{
    struct record_kernel *k = kernel_of(r);
    uint8_t bytes[CONTROL_BYTES_MAX];
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(uint8_t))];
    } control = {0};
    struct iovec piece = {bytes, sizeof bytes};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    ssize_t len = recvmsg(k->fd, &message, MSG_DONTWAIT);
    if (len < 0)
        return -errno;
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (!head || head->cmsg_level != SOL_TLS || head->cmsg_type != TLS_GET_RECORD_TYPE)
        return bad(k, TLS_ALERT_INTERNAL_ERROR);
    if (len == 0) /* RFC 8446 s. 5.1: only application data may be empty */
        return bad(k, TLS_ALERT_UNEXPECTED_MESSAGE);
    switch (*CMSG_DATA(head)) {
    case TLS_ALERT:
        return alert_take(k, bytes, (size_t)len);
    case TLS_HANDSHAKE:
        return key_update_take(k, bytes, (size_t)len);
    default:
        return bad(k, TLS_ALERT_UNEXPECTED_MESSAGE);
    }
}

uint8_t record_kernel_alert_of(int error)
{
    switch (error) {
    case -EBADMSG:
        return TLS_ALERT_BAD_RECORD_MAC;
    case -EMSGSIZE:
        return TLS_ALERT_RECORD_OVERFLOW;
    case -EINVAL:
        return TLS_ALERT_UNEXPECTED_MESSAGE; /* a header that is none */
    default:
        return TLS_ALERT_NONE;
    }
}

/* ---- the calls of record.h ---- */

void record_kernel_data_came(struct record *r)
{
    kernel_of(r)->key_updates = kernel_of(r)->quiet_records = 0;
}

/* What the socket gave is plain already. */
static int kernel_open(struct record *r, struct record_worker *w, char *in, size_t in_len,
                       struct span *ret_plain, size_t *ret_used, struct buffer *reply)
{
    (void)w;
    (void)reply;
    record_kernel_data_came(r);
    *ret_plain = span_make(in, in_len);
    *ret_used = in_len;
    return 0;
}

static int kernel_seal(struct record *r, struct record_worker *w, char *space, size_t plain_len,
                       size_t *ret_len, struct buffer *before)
{
    (void)w;
    (void)space;
    (void)before;
    struct record_kernel *k = kernel_of(r);
    if (k->sent >= ROTATE_AT_RECORDS) {
        int error = k->version == TLS_1_3_VERSION ? send_keys_renew(k) : -EKEYEXPIRED;
        if (error)
            return error;
    }
    k->sent++;
    *ret_len = plain_len;
    return 0;
}

/* At once, past `out`: an alert is not application data. Its callers have nothing in flight then. */
static void kernel_alert(struct record *r, struct record_worker *w, uint8_t description, struct buffer *out)
{
    (void)w;
    (void)out;
    bool is_closure = description == TLS_ALERT_CLOSE_NOTIFY || description == TLS_ALERT_USER_CANCELED;
    const uint8_t alert[TLS_ALERT_BYTES] = {is_closure ? TLS_ALERT_WARNING : TLS_ALERT_FATAL, description};
    /* A record that did not open is the socket's error until it is asked for, and nothing can be sent before. */
    int refusal;
    socklen_t len = sizeof refusal;
    (void)getsockopt(kernel_of(r)->fd, SOL_SOCKET, SO_ERROR, &refusal, &len);
    (void)control_send(kernel_of(r)->fd, TLS_ALERT, alert, sizeof alert);
}

static void kernel_free(struct record *r)
{
    OPENSSL_cleanse(kernel_of(r), sizeof(struct record_kernel));
    free(r);
}

static const struct record_ops kernel_ops = {
    .open = kernel_open,
    .seal = kernel_seal,
    .alert = kernel_alert,
    .free = kernel_free,
    .bytes = sizeof(struct record_kernel),
};
