/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are read again when they change. Whoever needs what is in them looks first, at most every few seconds, and one of those
 * who look reads while the others go on with what there was: no thread of its own, no signal, and a file that is half written leaves
 * what was read before in force. Which files, and how they are read, is the owner's. Any thread. */
#ifndef MUSTER_BASE_WATCHED_H
#define MUSTER_BASE_WATCHED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct watched {
    pthread_mutex_t reading; /* one reads */
    uint64_t looked_ms;      /* under `reading`: when */
    uint64_t seen;   /* likewise: the digest of the files that are in force; the owner sets the first */
    uint64_t unread; /* likewise: of those that could not be read; 0: none */
    _Atomic uint64_t read, failed; /* readings after the first; such as left the old files in force */
};

void watched_init(struct watched *w);
void watched_fini(struct watched *w);

/* True: it is time to look, and the caller's to do; it ends with watched_end. */
bool watched_begin(struct watched *w);
void watched_end(struct watched *w);
/* Between the two: files with this digest, taken before, were read, or could not be. True: that is news; a failure is tried each time
 * and told once. */
bool watched_is_news(struct watched *w, uint64_t digest, int error);

/* What tells one state of a file from another. NULL, and what is not there: 1. */
uint64_t watched_digest(const char *path);

#endif
