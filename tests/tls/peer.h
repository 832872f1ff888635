/* SPDX-License-Identifier: Apache-2.0 */
/* The other end for the tests of this room: certificates made on the spot, and OpenSSL's client over
 * memory. */
#ifndef MUSTER_TESTS_TLS_PEER_H
#define MUSTER_TESTS_TLS_PEER_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "base/buffer.h"
#include "tls/context.h"
#include "tls/handshake.h"
#include "tls/record.h"

/* A new directory below $TMPDIR or /tmp, and its removal with the files in it. */
void scratch_make(char path[256]);
void scratch_remove(const char *path);

/* How a certificate is made: `curve` NULL is RSA 2048, "ED25519" that; `hash` NULL is the key's own. */
struct certificate_recipe {
    const char *curve, *hash;
    long starts_s, ends_s; /* from now */
    long serial;           /* 0: 1 */
};
/* Writes `dir`/`name`.pem and `dir`/`name`.key, self-signed. */
void certificate_make(const char *dir, const char *name, const struct certificate_recipe *recipe);

/* A context of the room itself with such a certificate in a scratch directory of its own, already removed. */
struct tls_context *context_make(bool allow_tls12);
/* The group's set-up and its end: one that allows TLS 1.3 only, and one that allows TLS 1.2 as well. */
extern struct tls_context *context13, *context12;
int contexts_make(void **state);
int contexts_drop(void **state);

struct peer {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;        /* belong to ssl */
    SSL_SESSION *session; /* the newest ticket */
    int tickets;
};

/* `version` is TLS1_3_VERSION or TLS1_2_VERSION, `suite` the library's name of it or NULL. */
void peer_init(struct peer *p, int version, const char *suite);
/* Another connection of the same client; offers the ticket of the one before if there is one. */
void peer_again(struct peer *p);
void peer_fini(struct peer *p);

/* The client's own step: eats `in` if any, appends what it says to `out`. 1 when its handshake is done, 0
 * when it waits, -1 when it failed. */
int peer_handshake(struct peer *p, struct span in, struct buffer *out);
void peer_give(struct peer *p, struct span in);
/* What SSL_read has, appended to `ret_plain`; the last SSL_get_error. */
int peer_read(struct peer *p, struct buffer *ret_plain);
/* Seal with SSL_write and append the records to `out`. */
void peer_write(struct peer *p, struct span plain, struct buffer *out);
/* Whatever it has to say by itself (KeyUpdate, alerts). */
void peer_drain(struct peer *p, struct buffer *out);

/* Everything of a finished connection. */
struct connection {
    struct tls_secrets secrets;
    struct tls_bindings bindings;
    struct record *record;
    struct record_worker *worker;
};

/* The whole handshake of `p` with a new tls_handshake; the bytes for the server come `chunk` at a time (0:
 * all). The client sees everything the server sent. 0 and *ret filled, or TLS_BAD with the reason in
 * `reason`. */
int connection_open(struct connection *ret, struct peer *p, struct tls_context *context, bool direct,
                    size_t chunk, char reason[128]);
void connection_close(struct connection *c);

/* Seal `plain` with our side and append the records (KeyUpdate ahead) to `out`. */
void connection_write(struct connection *c, struct span plain, struct buffer *out);
/* Open everything in `in`, which is consumed; application data goes to `ret_plain`, answers to `reply`. The
 * last outcome of record_open that was not 0 or RECORD_REPLY. */
int connection_read(struct connection *c, struct buffer *in, struct buffer *ret_plain, struct buffer *reply);

#endif
