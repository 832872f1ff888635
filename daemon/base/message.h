/* SPDX-License-Identifier: Apache-2.0 */
/* What one thread tells a worker: a node that the sender allocated and the receiver frees, and the queue between them.
 * Many senders, one receiver, no lock; each sender's messages keep their order. */
#ifndef MUSTER_BASE_MESSAGE_H
#define MUSTER_BASE_MESSAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct message {
    struct message *next;
    /* Runs on the receiving worker, whose loop owner's context this is; frees the message. */
    void (*handle)(struct message *m, void *context);
};

struct mailbox {
    _Atomic(struct message *) newest;
};

/* Returns true when the mailbox was empty: then its owner must be woken. */
static inline bool mailbox_put(struct mailbox *b, struct message *m)
{
    struct message *newest = atomic_load_explicit(&b->newest, memory_order_relaxed);
    do
        m->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&b->newest, &newest, m, memory_order_release,
                                                  memory_order_relaxed));
    return newest == NULL;
}

/* Take all, oldest first; NULL when empty. */
static inline struct message *mailbox_take_all(struct mailbox *b)
{
    struct message *newest = atomic_exchange_explicit(&b->newest, NULL, memory_order_acquire);
    struct message *oldest = NULL;
    while (newest) {
        struct message *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

#endif
