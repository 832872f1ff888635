/* SPDX-License-Identifier: Apache-2.0 */
/* Wrong passwords, counted by where they came from and by whose they should have been, over all workers. Who
 * has been wrong too often waits before the next password is looked at, longer each time, right or wrong: so
 * a guess costs time, and its answer does not come early when it is right. */
#ifndef MUSTER_NET_GUESSES_H
#define MUSTER_NET_GUESSES_H

#include <pthread.h>

#include "base/hash.h"
#include "base/list.h"

struct guesses {
    pthread_mutex_t lock;
    struct hash_table table;
    struct list by_age; /* the oldest first */
    uint32_t free_count, delay_max_ms;
};

/* So many are free; delay_max_ms 0: all are. */
void guesses_init(struct guesses *g, uint32_t free_count, uint32_t delay_max_ms);
void guesses_fini(struct guesses *g);

enum guess_kind {
    GUESS_ACCOUNT, /* each waits on its own: nobody can make the owner wait for others' guesses */
    GUESS_ADDRESS, /* one after the other: many connections guess no faster than one */
};
/* The next password from there, or for it, has to wait for so long. */
uint64_t guesses_delay_ms(struct guesses *g, enum guess_kind kind, struct span of, uint64_t now_ms);
void guesses_wrong(struct guesses *g, enum guess_kind kind, struct span of, uint64_t now_ms);
/* The password was right. */
void guesses_forget(struct guesses *g, enum guess_kind kind, struct span of);

#endif
