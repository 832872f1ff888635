/* SPDX-License-Identifier: Apache-2.0 */
/* Who sees an account from other domains: while it is available, a list for each domain, as the watch index
 * has one for each worker. A change is one frame and one list for each domain, however many are in it; the
 * list is written when somebody comes or goes, not when something is said. */
#include <stdlib.h>

#include "route/abroad.h"
#include "route/watching.h"

struct outreach {
    struct hash_node node;    /* in abroad->domains, by the domain */
    struct entity **watchers; /* a reference each */
    uint32_t count, capacity;
    struct remote_audience *audience; /* all of them; NULL: to be made */
};

struct abroad *abroad_of(struct account *a)
{
    if (!a->abroad && (a->abroad = malloc(sizeof *a->abroad))) {
        hash_table_init(&a->abroad->domains);
        hash_table_init(&a->abroad->contacts);
    }
    return a->abroad;
}

void abroad_settle(struct account *a)
{
    if (!a->abroad || a->abroad->domains.count || a->abroad->contacts.count)
        return;
    hash_table_fini(&a->abroad->domains);
    hash_table_fini(&a->abroad->contacts);
    free(a->abroad);
    a->abroad = NULL;
}

static struct span domain_of(const struct entity *e)
{
    struct jid jid = entity_jid(e);
    return jid_domain(&jid);
}

/* ---- what a walk has found ---- */

static bool entities_add(struct entity ***list, uint32_t *count, uint32_t *capacity, struct entity *e)
{
    if (*count == *capacity) {
        uint32_t more = *capacity ? 2 * *capacity : 4;
        struct entity **grown = realloc(*list, more * sizeof *grown);
        if (!grown)
            return false;
        *list = grown;
        *capacity = more;
    }
    (*list)[(*count)++] = e;
    return true;
}

void found_abroad_add(struct found_abroad *f, struct entity *contact)
{
    entities_add(&f->contacts, &f->count, &f->capacity, contact); /* without memory it is not told */
}

static int by_domain(const void *a, const void *b)
{
    struct span x = domain_of(*(struct entity *const *)a), y = domain_of(*(struct entity *const *)b);
    return x.len != y.len ? (x.len < y.len ? -1 : 1) : memcmp(x.ptr, y.ptr, x.len);
}

void found_abroad_tell(struct router *r, struct found_abroad *f, struct frame *frame, struct span from)
{
    if (f->count)
        qsort(f->contacts, f->count, sizeof *f->contacts, by_domain);
    for (uint32_t i = 0, n; frame && i < f->count; i = n) {
        for (n = i + 1; n < f->count && by_domain(&f->contacts[i], &f->contacts[n]) == 0;)
            n++;
        struct remote_audience *audience = remote_audience_new(f->contacts + i, n - i);
        router_send_audience(r, frame, from, domain_of(f->contacts[i]), audience);
        remote_audience_unref(audience);
    }
    free(f->contacts);
    *f = (struct found_abroad){0};
}

/* ---- the lists ---- */

static struct outreach *outreach_find(const struct account *a, struct span domain, uint64_t hash)
{
    struct hash_node *node = a->abroad ? hash_table_first(&a->abroad->domains, hash) : NULL;
    for (; node; node = hash_node_next(node)) {
        struct outreach *o = container_of(node, struct outreach, node);
        if (span_equal(domain_of(o->watchers[0]), domain))
            return o;
    }
    return NULL;
}

static void outreach_free(struct account *a, struct outreach *o)
{
    hash_table_remove(&a->abroad->domains, &o->node);
    remote_audience_unref(o->audience);
    free(o->watchers);
    free(o);
}

static uint32_t position_of(const struct outreach *o, const struct entity *contact)
{
    uint32_t i = 0;
    while (i < o->count && o->watchers[i] != contact)
        i++;
    return i;
}

bool outreach_add(struct account *a, struct entity *contact)
{
    struct span domain = domain_of(contact);
    uint64_t hash = hash_bytes(domain);
    struct abroad *abroad = abroad_of(a);
    struct outreach *o = abroad ? outreach_find(a, domain, hash) : NULL;
    bool is_new = abroad && !o;
    if (is_new)
        o = calloc(1, sizeof *o);
    if (!o || !entities_add(&o->watchers, &o->count, &o->capacity, contact) ||
        (is_new && hash_table_insert(&abroad->domains, &o->node, hash) < 0)) {
        if (is_new && o) {
            free(o->watchers);
            free(o);
        }
        abroad_settle(a);
        return false;
    }
    entity_ref(contact);
    o->audience = remote_audience_unref(o->audience);
    return true;
}

void outreach_remove(struct router *r, struct account *a, const struct entity *contact)
{
    struct span domain = domain_of(contact);
    struct outreach *o = outreach_find(a, domain, hash_bytes(domain));
    uint32_t at = o ? position_of(o, contact) : 0;
    if (!o || at == o->count)
        return;
    struct entity *gone = o->watchers[at];
    o->watchers[at] = o->watchers[--o->count];
    o->audience = remote_audience_unref(o->audience);
    if (!o->count) {
        outreach_free(a, o);
        abroad_settle(a);
    }
    entity_give(&r->entities, gone);
}

void outreach_grant(struct router *r, struct account *a, struct entity *contact)
{
    struct span domain = domain_of(contact);
    const struct outreach *o = outreach_find(a, domain, hash_bytes(domain));
    if ((!o || position_of(o, contact) == o->count) && !outreach_add(a, contact))
        return;
    struct remote_audience *one = remote_audience_new(&contact, 1);
    account_each_session(s, a) if (session_is_available(s))
        router_send_audience(r, s->presence, session_jid(s), domain, one);
    for (const struct lost *l = NULL; (l = router_lost_next(r, a, l));)
        router_send_audience(r, l->presence, span_make(l->jid, l->jid_len), domain, one);
    remote_audience_unref(one);
}

static void outreach_release(struct router *r, struct account *a, struct outreach *o)
{
    struct entity **watchers = o->watchers;
    uint32_t count = o->count;
    o->watchers = NULL;
    outreach_free(a, o);
    while (count)
        entity_give(&r->entities, watchers[--count]);
    free(watchers);
}

void outreach_end(struct router *r, struct account *a)
{
    struct hash_node *next = a->abroad ? hash_table_next(&a->abroad->domains, NULL) : NULL;
    while (next) {
        struct outreach *o = container_of(next, struct outreach, node);
        next = hash_table_next(&a->abroad->domains, next);
        outreach_release(r, a, o);
    }
    abroad_settle(a);
}

void outreach_tell(struct router *r, struct account *a, struct frame *frame, bool is_last)
{
    /* Who says it stands in the frame; for the link the account is enough to keep its stanzas in order. */
    struct span from = entity_text(a->entity);
    for (struct hash_node *n = hash_table_next(&a->abroad->domains, NULL); n;
         n = hash_table_next(&a->abroad->domains, n)) {
        struct outreach *o = container_of(n, struct outreach, node);
        if (!o->audience)
            o->audience = remote_audience_new(o->watchers, o->count);
        router_send_audience(r, frame, from, domain_of(o->watchers[0]), o->audience);
    }
    if (is_last)
        outreach_end(r, a);
}
