/* SPDX-License-Identifier: Apache-2.0 */
/* A doubly linked list whose nodes are embedded in what they link. A node that is in no list
 * points to itself, so that removing it twice is harmless. */
#ifndef MUSTER_BASE_LIST_H
#define MUSTER_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

/* The object of type `type` whose member `member` is at `node`. */
#define container_of(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Put `node`, which is in no list, at the end of `l`. */
static inline void list_append(struct list *l, struct list *node)
{
    node->prev = l->prev;
    node->next = l;
    l->prev->next = node;
    l->prev = node;
}

/* Take the first node off `l`; NULL when it is empty. */
static inline struct list *list_take(struct list *l)
{
    struct list *node = l->next;
    if (node == l)
        return NULL;
    list_remove(node);
    return node;
}

/* Move every node of `from` to the end of `to`; `from` is empty after it. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* Walk `l`; the body may remove `node` itself but no other node. */
#define list_each(node, l)                                                                                   \
    for (struct list *node = (l)->next, *node##_next = node->next; node != (l);                              \
         node = node##_next, node##_next = node->next)

#endif
