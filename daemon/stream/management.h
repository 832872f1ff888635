/* SPDX-License-Identifier: Apache-2.0 */
/* What stream management (XEP-0198) knows of a session: how many stanzas came and were handled, which ones
 * went and are not acknowledged yet. It outlives the connection. Counts only; the dialogue is resume.c's. */
#ifndef MUSTER_STREAM_MANAGEMENT_H
#define MUSTER_STREAM_MANAGEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/frame.h"
#include "base/timer.h"

struct stream;

/* 128 random bits in hexadecimal: nobody guesses another's, and it is never given out twice. */
#define MANAGEMENT_ID_LEN 32

/* A frame that was sent; of a stanza in several frames, one of them. */
struct unacked {
    struct frame *frame; /* a reference */
    uint32_t sent_s;     /* the loop's clock */
};

struct management {
    struct stream *stream;   /* that has the session now */
    struct unacked *unacked; /* a ring, the oldest at `first`; NULL: empty */
    uint32_t first, count, capacity;
    uint32_t stanzas;     /* in it */
    uint32_t acked;       /* the peer's last h; so `acked` + `stanzas` were sent */
    uint32_t handled;     /* ours */
    uint32_t asked_at;    /* stanzas + acked when the peer was last asked */
    uint32_t resume_ms;   /* that it may stay without a connection; 0: it may not */
    uint64_t bytes;       /* of the frames in `unacked` */
    uint64_t asked_bytes; /* sent since the peer was last asked */
    struct timer timer;   /* until the peer is asked; without a connection: until the session's end */
    bool is_asked;        /* an answer is due */
    bool is_urgent;       /* a message went since the peer was last asked */
    bool is_resumable;
    char id[MANAGEMENT_ID_LEN + 1];
};

/* NULL without memory. */
struct management *management_new(struct stream *s, uint32_t resume_ms, void (*expired)(struct timer *t));
/* Gives back what is in it; its timer is stopped. Takes NULL, returns NULL. */
struct management *management_free(struct management *m);

/* The frame is sent: a reference of its own is kept. 0 or -ENOMEM. */
int management_sent(struct management *m, struct frame *f, uint32_t now_s);
/* The peer has handled `h` stanzas, modulo 2^32. 0, or MANAGEMENT_TOO_HIGH: it was not sent so many (what is
 * behind the last h looks the same) and nothing has changed. */
enum { MANAGEMENT_TOO_HIGH = 1 };
int management_ack(struct management *m, uint32_t h);

/* The i-th frame that is not acknowledged; borrowed. i < count. */
static inline const struct unacked *management_at(const struct management *m, uint32_t i)
{
    return &m->unacked[(m->first + i) & (m->capacity - 1)];
}
/* Take the oldest off, with its reference; NULL: there is none. */
struct frame *management_take(struct management *m, uint32_t *ret_sent_s);

/* A count as an attribute has it (XML Schema's unsignedInt). false: it is none. */
bool management_count_read(struct span text, uint32_t *ret);

#endif
