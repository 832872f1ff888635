/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that session tickets are sealed with (RFC 8446 s. 4.6.1, RFC 5077 s. 4): made at random, replaced
 * in time, shared by all workers of the process. A ticket of the key before the present one still resumes,
 * and is replaced. */
#ifndef MUSTER_TLS_TICKETS_H
#define MUSTER_TLS_TICKETS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#define TICKET_KEY_BYTES 32

struct ticket_key {
    uint8_t name[16];
    uint8_t cipher[TICKET_KEY_BYTES], mac[TICKET_KEY_BYTES];
    uint64_t made_ms;
    bool is_made;
};

struct tickets {
    pthread_mutex_t lock;      /* handshakes run on several threads */
    struct ticket_key keys[2]; /* the present one, the one before */
};

/* 0 or -EIO (no randomness). */
int tickets_init(struct tickets *t);
void tickets_fini(struct tickets *t); /* wipes; once tickets_init was called, whatever it said */
/* Seal and open the tickets of `ctx` with `t`, which outlives it and may be that of others. 0 or -EINVAL. */
int tickets_use(struct tickets *t, SSL_CTX *ctx);
/* Replace the present key when its time is over at `now_ms` (of clock_now_ms); every ticket made or shown
 * does this first. 0 or -EIO (no randomness: the present key stays). */
int tickets_turn(struct tickets *t, uint64_t now_ms);

#endif
