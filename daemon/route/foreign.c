/* SPDX-License-Identifier: Apache-2.0 */
/* What contacts of other domains show, as they last told it to this account: a resource that becomes
 * available is told from here, and nobody need be asked again (RFC 6121 s. 4.3.1). It is kept for each
 * account by itself, since a contact may show itself to one and not to another; what several are told alike
 * is in memory once. It stays until the contact says otherwise, also when no stream to its server is left,
 * and ends when no session of the account hears any more. */
#include <stdlib.h>

#include "route/abroad.h"

/* More resources of one contact than anybody has; what the others say is delivered, and not kept. */
#define RESOURCES_MAX 16
/* A signed presence with its certificate takes a third of it. What is longer is delivered, and not kept:
 * another server must not decide how much memory its accounts' contacts take here. */
#define KEPT_BYTES_MAX 8192

/* The same bytes, for everybody who was told them. */
struct told {
    struct hash_node node; /* in router->told_abroad, by the frame's bytes */
    struct frame *frame;   /* a reference; with a gap for the recipient's head */
    uint32_t holders;
};

struct foreign {
    struct hash_node node;  /* in abroad->contacts, by the contact's hash */
    struct entity *contact; /* a reference */
    uint32_t count;         /* 0: it has said that it is not there */
    bool is_partial;        /* something else was heard, and not kept: who comes later must ask */
    struct told *resources[];
};

/* ---- frames, each in memory once ---- */

static struct told *told_take(struct router *r, struct frame *frame)
{
    uint64_t hash = hash_bytes(span_make(frame->bytes, frame->len));
    for (struct hash_node *n = hash_table_first(&r->told_abroad, hash); n; n = hash_node_next(n)) {
        struct told *t = container_of(n, struct told, node);
        if (frame_is_same(t->frame, frame)) {
            t->holders++;
            return t;
        }
    }
    struct told *t = malloc(sizeof *t);
    if (!t)
        return NULL;
    *t = (struct told){.frame = frame_ref(frame), .holders = 1};
    if (hash_table_insert(&r->told_abroad, &t->node, hash) == 0)
        return t;
    frame_unref(frame);
    free(t);
    return NULL;
}

static void told_give(struct router *r, struct told *t)
{
    if (--t->holders)
        return;
    hash_table_remove(&r->told_abroad, &t->node);
    frame_unref(t->frame);
    free(t);
}

/* ---- contacts ---- */

static struct foreign *foreign_find(const struct account *a, const struct entity *contact)
{
    struct hash_node *n = a->abroad ? hash_table_first(&a->abroad->contacts, contact->node.hash) : NULL;
    for (; n; n = hash_node_next(n)) {
        struct foreign *f = container_of(n, struct foreign, node);
        if (f->contact == contact)
            return f;
    }
    return NULL;
}

static void foreign_drop(struct router *r, struct account *a, struct foreign *f)
{
    hash_table_remove(&a->abroad->contacts, &f->node);
    while (f->count)
        told_give(r, f->resources[--f->count]);
    entity_give(&r->entities, f->contact);
    free(f);
}

/* With room for `count` resources, which it need not have yet; in the place of `old`, if there is one. */
static struct foreign *foreign_make(struct account *a, struct foreign *old, struct entity *contact,
                                    uint32_t count)
{
    struct abroad *abroad = abroad_of(a);
    struct foreign *f = abroad ? malloc(sizeof *f + count * sizeof(struct told *)) : NULL;
    if (!f)
        return NULL;
    *f = (struct foreign){.contact = contact};
    if (hash_table_insert(&abroad->contacts, &f->node, contact->node.hash) < 0) {
        free(f);
        return NULL;
    }
    if (!old) {
        entity_ref(contact);
        return f;
    }
    f->is_partial = old->is_partial;
    for (; f->count < old->count; f->count++)
        f->resources[f->count] = old->resources[f->count];
    hash_table_remove(&abroad->contacts, &old->node);
    free(old);
    return f;
}

static uint32_t resource_find(const struct foreign *f, const struct frame *frame)
{
    struct span publisher = presence_frame_publisher(frame);
    for (uint32_t i = 0; i < f->count; i++)
        if (span_equal(presence_frame_publisher(f->resources[i]->frame), publisher))
            return i;
    return f->count;
}

static void resource_drop(struct router *r, struct foreign *f, uint32_t at)
{
    told_give(r, f->resources[at]);
    f->resources[at] = f->resources[--f->count];
}

static void keep_partial(struct account *a, struct entity *contact)
{
    struct foreign *f = foreign_find(a, contact);
    if (!f)
        f = foreign_make(a, NULL, contact, 0);
    if (f)
        f->is_partial = true;
    else
        abroad_settle(a);
}

static void keep_available(struct router *r, struct account *a, struct entity *contact, struct frame *frame)
{
    struct foreign *f = foreign_find(a, contact);
    uint32_t at = f ? resource_find(f, frame) : 0;
    bool is_new = !f || at == f->count;
    bool is_long = frame->len > KEPT_BYTES_MAX;
    if (is_long || (is_new && at >= RESOURCES_MAX)) {
        if (!is_new) /* nor is what it was before */
            resource_drop(r, f, at);
        keep_partial(a, contact);
        return;
    }
    struct told *told = told_take(r, frame);
    if (told && is_new)
        f = foreign_make(a, f, contact, at + 1);
    if (!told || !f) {
        if (told)
            told_give(r, told);
        abroad_settle(a);
        return;
    }
    if (is_new)
        f->count++;
    else
        told_give(r, f->resources[at]);
    f->resources[at] = told;
}

static void keep_unavailable(struct router *r, struct account *a, struct entity *contact,
                             const struct frame *frame, bool is_bare)
{
    struct foreign *f = foreign_find(a, contact);
    if (!f) { /* the answer to a probe: it is known now that nothing is there */
        if (!foreign_make(a, NULL, contact, 0))
            abroad_settle(a);
        return;
    }
    f->is_partial &= !is_bare;
    while (is_bare && f->count)
        told_give(r, f->resources[--f->count]);
    uint32_t at = resource_find(f, frame);
    if (at < f->count)
        resource_drop(r, f, at);
}

void foreign_hear(struct router *r, struct account *a, const struct stanza *stanza, const struct jid *from,
                  struct entity *contact)
{
    struct frame *frame = account_is_hearing(a)
                              ? stanza_frame(stanza, jid_full(from), (struct span){0}, (struct span){0})
                              : NULL;
    if (!frame)
        return;
    if (stanza->type.presence == PRESENCE_UNAVAILABLE)
        keep_unavailable(r, a, contact, frame, !from->resource_len);
    else if (from->resource_len)
        keep_available(r, a, contact, frame);
    else
        keep_partial(a, contact);
    account_each_session(s, a)
    {
        if (!session_is_hearing(s))
            continue;
        r->counters.presence_deliveries++;
        stream_send(s->stream, frame_ref(frame));
    }
    frame_unref(frame);
}

void foreign_gone(struct router *r, struct account *a, const struct jid *from, struct entity *contact)
{
    struct frame *frame = account_is_hearing(a) ? stanza_presence_frame(PRESENCE_UNAVAILABLE, jid_full(from),
                                                                        (struct span){0}, (struct span){0})
                                                : NULL;
    if (frame)
        keep_unavailable(r, a, contact, frame, !from->resource_len);
    frame_unref(frame);
}

bool foreign_show(struct router *r, const struct session *s, const struct entity *contact)
{
    const struct foreign *f = foreign_find(s->account, contact);
    for (uint32_t i = 0; f && i < f->count; i++) {
        r->counters.presence_deliveries++;
        stream_send(s->stream, frame_ref(f->resources[i]->frame));
    }
    return f && !f->is_partial;
}

void foreign_forget(struct router *r, struct account *a, const struct entity *contact)
{
    struct foreign *f = foreign_find(a, contact);
    if (!f)
        return;
    foreign_drop(r, a, f);
    abroad_settle(a);
}

void foreign_end(struct router *r, struct account *a)
{
    struct hash_node *next = a->abroad ? hash_table_next(&a->abroad->contacts, NULL) : NULL;
    while (next) {
        struct foreign *f = container_of(next, struct foreign, node);
        next = hash_table_next(&a->abroad->contacts, next);
        foreign_drop(r, a, f);
    }
    abroad_settle(a);
}
