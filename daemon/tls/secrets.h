/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a TLS handshake: enough to seal and open records, in user space or by the kernel. */
#ifndef MUSTER_TLS_SECRETS_H
#define MUSTER_TLS_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

struct tls_client;
struct tls_server;

#define TLS_SECRET_BYTES_MAX 48
#define TLS_KEY_BYTES_MAX 32
#define TLS_IV_BYTES 12

enum tls_suite { TLS_SUITE_NONE, TLS_AES_128_GCM, TLS_AES_256_GCM, TLS_CHACHA20_POLY1305 };
#define TLS_SUITES (TLS_CHACHA20_POLY1305 + 1)

/* One direction. */
struct tls_direction {
    /* TLS 1.3 application traffic secret, for KeyUpdate; unused in 1.2 */
    uint8_t secret[TLS_SECRET_BYTES_MAX];
    uint8_t key[TLS_KEY_BYTES_MAX];
    uint8_t iv[TLS_IV_BYTES]; /* TLS 1.2 GCM: 4 bytes of salt, then zeros */
    uint64_t sequence;        /* of the next record */
};

struct tls_secrets {
    uint16_t version;   /* 0x0304 or 0x0303 */
    uint8_t suite;      /* enum tls_suite */
    uint8_t hash_bytes; /* 32 or 48: of the suite's hash */
    bool is_client;     /* we are TLS's client: the peer may send session tickets */
    struct tls_direction send, receive;
};

/* Channel bindings; len 0: not to be had on this connection. */
struct tls_bindings {
    uint8_t exporter_len;  /* tls-exporter, RFC 9266: TLS 1.3, or 1.2 with extended master secret */
    uint8_t end_point_len; /* tls-server-end-point, RFC 5929 s. 4 */
    uint8_t unique_len;    /* tls-unique, RFC 5929 s. 3: the first Finished. RFC 9266 leaves it undefined for
                              TLS 1.3, yet clients in use (slixmpp before 1.9) send the same value there, and it
                              is as unique: taken, not offered */
    struct tls_client *
        client; /* what its certificate says, a reference; NULL: it has shown none that is good for anything */
    struct tls_server *server; /* the same of another server's, malloced; for the roles with servers */
    uint8_t exporter[32];
    uint8_t end_point[64];
    uint8_t unique[64];
};

#endif
