/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts what a server sends into stream header, stanzas and stream end by counting depth. It trusts the
 * server to write well-formed XML and checks only what it needs to stay in step: it is a measuring
 * instrument, not a parser, and must cost little per byte. */
#ifndef MUSTER_BENCH_SPLITTER_H
#define MUSTER_BENCH_SPLITTER_H

#include <stdint.h>

#include "base/buffer.h"

enum splitter_outcome {
    SPLITTER_MORE = 1, /* nothing whole is left */
    SPLITTER_BAD = 2   /* not XML, or longer than SPLITTER_ITEM_BYTES_MAX; only a reset helps */
};

enum splitter_kind {
    SPLITTER_OPEN,   /* the stream header */
    SPLITTER_STANZA, /* a whole child of the stream */
    SPLITTER_CLOSE   /* the end tag of the stream */
};

/* A roster of 100,000 contacts is about 10 MiB; anything longer is a server gone wrong. */
#define SPLITTER_ITEM_BYTES_MAX (64u << 20)

struct splitter {
    struct buffer carry; /* the unfinished item between two feeds; no memory while there is none */
    struct span data;    /* what is being cut: the feed itself, or `carry` */
    size_t at;           /* everything before it has been looked at */
    size_t start;        /* of the current item */
    uint32_t depth;      /* 0 before the header, 1 between stanzas */
    uint8_t state;       /* enum scan_state of splitter.c */
    uint8_t matched;     /* bytes of "[CDATA[" seen */
};

void splitter_init(struct splitter *s);
void splitter_fini(struct splitter *s);
/* Expect a new stream header; whatever was fed is forgotten. */
void splitter_reset(struct splitter *s);

/* Give bytes; they are borrowed until splitter_next has answered SPLITTER_MORE. 0 or -ENOMEM. */
int splitter_feed(struct splitter *s, struct span bytes);
/* Take the next item; *ret_item is borrowed until the next feed. 0, SPLITTER_MORE, SPLITTER_BAD, -ENOMEM. */
int splitter_next(struct splitter *s, enum splitter_kind *ret_kind, struct span *ret_item);

#endif
