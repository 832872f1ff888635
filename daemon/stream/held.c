/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/held.h"

#include <errno.h>
#include <stdlib.h>

#include "stanza/stanza.h"

struct held_entry {
    struct list link; /* in held->order */
    struct hash_node node;
    struct frame *frame; /* a reference; its `from` is the key */
    uint32_t said_s;
    bool is_other; /* has no key */
};

struct held *held_new(void)
{
    struct held *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    list_init(&h->order);
    hash_table_init(&h->by_publisher);
    return h;
}

struct held *held_free(struct held *h)
{
    if (!h)
        return NULL;
    for (struct frame *f; (f = held_take(h, &(uint32_t){0}));)
        frame_unref(f);
    hash_table_fini(&h->by_publisher);
    free(h);
    return NULL;
}

static struct held_entry *held_find(const struct held *h, struct span publisher, uint64_t hash)
{
    for (struct hash_node *n = hash_table_first(&h->by_publisher, hash); n; n = hash_node_next(n)) {
        struct held_entry *e = container_of(n, struct held_entry, node);
        if (span_equal(presence_frame_publisher(e->frame), publisher))
            return e;
    }
    return NULL;
}

int held_put(struct held *h, struct frame *f, struct span publisher)
{
    uint64_t hash = hash_bytes(publisher);
    struct held_entry *e = held_find(h, publisher, hash);
    if (e) {
        h->bytes += f->len;
        h->bytes -= e->frame->len;
        frame_unref(e->frame);
        e->frame = f;
        list_remove(&e->link);
        list_append(&h->order, &e->link);
        return HELD_REPLACED;
    }
    e = calloc(1, sizeof *e);
    if (!e)
        return -ENOMEM;
    if (hash_table_insert(&h->by_publisher, &e->node, hash) < 0) {
        free(e);
        return -ENOMEM;
    }
    e->frame = f;
    list_init(&e->link);
    list_append(&h->order, &e->link);
    h->bytes += f->len;
    return 0;
}

int held_append(struct held *h, struct frame *f, uint32_t said_s)
{
    struct held_entry *e = malloc(sizeof *e);
    if (!e)
        return -ENOMEM;
    *e = (struct held_entry){.frame = f, .said_s = said_s, .is_other = true};
    list_init(&e->link);
    list_append(&h->order, &e->link);
    h->others++;
    h->bytes += f->len;
    return 0;
}

bool held_has_account(const struct held *h, struct span bare)
{
    list_each(node, &h->order)
    {
        struct span publisher = presence_frame_publisher(container_of(node, struct held_entry, link)->frame);
        if (span_starts(publisher, bare) && (publisher.len == bare.len || publisher.ptr[bare.len] == '/'))
            return true;
    }
    return false;
}

struct frame *held_take(struct held *h, uint32_t *ret_said_s)
{
    struct list *node = list_take(&h->order);
    if (!node)
        return NULL;
    struct held_entry *e = container_of(node, struct held_entry, link);
    struct frame *f = e->frame;
    if (e->is_other)
        h->others--;
    else
        hash_table_remove(&h->by_publisher, &e->node);
    h->bytes -= f->len;
    *ret_said_s = e->said_s;
    free(e);
    return f;
}
