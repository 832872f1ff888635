/* SPDX-License-Identifier: Apache-2.0 */
/* The door of other servers. One stream carries what all users of a domain say, so it is not held up: what one of them says to one of
 * ours waits behind what is being verified of the same two (RFC 6120 s. 10.1), and nothing else does. */
#include <stdlib.h>

#include "base/hash.h"
#include "route/e2e.h"

/* What may wait on one worker, and of two. When it is more, what they wait for counts as busy, and they go on at once, in order: nothing is
 * lost, and a flood makes nobody's memory grow. At half a millisecond each, the second is a wait that people notice. */
#define WAITING_STANZAS_MAX 4096
#define WAITING_BYTES_MAX (16u << 20)
#define WAITING_OF_PAIR_MAX 128

struct e2e_waiting {
    struct hash_table pairs;
    struct arena arena;
    struct stanza stanza, clean; /* scratch: large */
    uint32_t count, bytes;
};

/* Who says it and to whom, both bare; there while something waits. */
struct pair {
    struct hash_node node;
    struct router *router;
    struct list waiting; /* the oldest first */
    uint32_t count;
    bool is_hasty; /* too much waits: nothing is waited for any more */
    uint16_t from_len, to_len;
    char text[];
};

struct waiting {
    struct list link;
    struct edge_check *check; /* of the pair's first; NULL: not begun */
    uint16_t from_len, lang_len;
    uint32_t raw_len;
    char bytes[]; /* from, lang, raw */
};

static struct span pair_from(const struct pair *p)
{
    return span_make(p->text, p->from_len);
}

static struct span pair_to(const struct pair *p)
{
    return span_make(p->text + p->from_len, p->to_len);
}

static uint64_t pair_hash(struct span from, struct span to)
{
    return hash_bytes(from) + 3 * hash_bytes(to);
}

static struct pair *pair_find(const struct e2e_waiting *e, struct span from, struct span to)
{
    struct hash_node *n = hash_table_first(&e->pairs, pair_hash(from, to));
    for (; n; n = hash_node_next(n)) {
        struct pair *p = container_of(n, struct pair, node);
        if (span_equal(pair_from(p), from) && span_equal(pair_to(p), to))
            return p;
    }
    return NULL;
}

static struct pair *pair_new(struct router *r, struct span from, struct span to)
{
    struct pair *p = malloc(sizeof *p + from.len + to.len);
    if (!p)
        return NULL;
    *p = (struct pair){.router = r, .from_len = (uint16_t)from.len, .to_len = (uint16_t)to.len};
    list_init(&p->waiting);
    memcpy(p->text, from.ptr, from.len);
    memcpy(p->text + from.len, to.ptr, to.len);
    if (hash_table_insert(&r->e2e->pairs, &p->node, pair_hash(from, to)) == 0)
        return p;
    free(p);
    return NULL;
}

static void waiting_free(struct router *r, struct pair *p, struct waiting *w)
{
    edge_check_free(w->check);
    list_remove(&w->link);
    p->count--;
    r->e2e->count--;
    r->e2e->bytes -= w->raw_len;
    free(w);
}

static void pair_free(struct router *r, struct pair *p)
{
    list_each(node, &p->waiting) waiting_free(r, p, container_of(node, struct waiting, link));
    hash_table_remove(&r->e2e->pairs, &p->node);
    free(p);
}

static struct waiting *waiting_add(struct pair *p, const struct stanza *stanza, struct span from,
                                   struct span lang)
{
    struct e2e_waiting *e = p->router->e2e;
    struct waiting *w = malloc(sizeof *w + from.len + lang.len + stanza->raw.len);
    if (!w)
        return NULL;
    *w = (struct waiting){
        .from_len = (uint16_t)from.len, .lang_len = (uint16_t)lang.len, .raw_len = (uint32_t)stanza->raw.len};
    memcpy(w->bytes, from.ptr, from.len);
    if (lang.len)
        memcpy(w->bytes + from.len, lang.ptr, lang.len);
    memcpy(w->bytes + from.len + lang.len, stanza->raw.ptr, stanza->raw.len);
    list_append(&p->waiting, &w->link);
    p->count++;
    e->count++;
    e->bytes += w->raw_len;
    return w;
}

/* ---- passing ---- */

static void refuse(struct router *r, const struct e2e_arrival *a, const struct e2e_judgement *j)
{
    struct frame *f = router_e2e_error(a->stanza, j, jid_full(a->to), jid_full(a->from));
    r->counters.errors += f != NULL;
    router_send_stanza(r, f, jid_full(a->to), a->from);
}

/* With its verdict; NULL: none was due. */
static void pass(struct e2e_arrival *a, const struct smime_verdict *verdict, struct span lang)
{
    struct router *r = a->router;
    struct e2e_judgement j = {0};
    if (verdict)
        router_e2e_judge(a, verdict, &j);
    const struct stanza *clean = j.is_refused ? router_e2e_end(a->stanza, &r->e2e->clean)
                                              : router_e2e_clean(a, buffer_span(&j.mark), &r->e2e->clean);
    if (clean)
        router_remote_pass(r, clean, a->from, lang);
    else if (j.is_refused)
        refuse(r, a, &j);
    else
        router_bounce(r, a->stanza, STANZA_RESOURCE_CONSTRAINT, a->to, a->from);
    buffer_fini(&j.mark);
}

static void turn_away(struct router *r, const struct stanza *stanza, const struct jid *from, struct span lang,
                      enum stanza_error refusal)
{
    const struct stanza *end = r->e2e ? router_e2e_end(stanza, &r->e2e->clean) : NULL;
    r->counters.e2e_refused++;
    if (end)
        router_remote_pass(r, end, from, lang);
    else
        router_bounce(r, stanza, refusal, &stanza->to, from);
}

/* ---- waiting ---- */

static void on_done(void *context);

/* What was kept is read again. It was read once, so it is a stanza; also outside of its stream, for a stanza declares every prefix that it uses, whatever
 * the stream's header declares (xml/scanner.h). False: no memory. */
static bool waiting_read(struct router *r, const struct waiting *w, struct stanza *ret)
{
    struct xml_item item;
    size_t used;
    enum xml_error error;
    struct span raw = span_make(w->bytes + w->from_len + w->lang_len, w->raw_len);
    xml_scan_reset(r->scan);
    return xml_scan_next(r->scan, XML_AT_CONTENT, SPAN("stream:stream"), raw, &item, &used, &error) == 0 &&
           stanza_read(&item, SPAN("jabber:server"), &r->e2e->arena, ret) == 0;
}

/* Let the first go on. False: it is being verified. */
static bool first_passes(struct pair *p, struct waiting *w)
{
    static const struct smime_verdict busy = {.reason = SMIME_BUSY};
    struct router *r = p->router;
    struct stanza *stanza = &r->e2e->stanza;
    const struct jid from = jid_of_prepared(span_make(w->bytes, w->from_len));
    const struct smime_verdict *verdict = NULL;
    enum e2e_course course;
    enum stanza_error refusal;
    const struct span lang = span_make(w->bytes + w->from_len, w->lang_len);
    if (!waiting_read(r, w, stanza))
        return true;
    struct e2e_arrival a = {
        .router = r, .stanza = stanza, .from = &from, .to = &stanza->to, .arena = &r->e2e->arena};
    if (router_e2e_look(&a, &course, &refusal) < 0) {
        course = E2E_REFUSED;
        refusal = STANZA_RESOURCE_CONSTRAINT;
    }
    if (course == E2E_CHECKED && !w->check && !p->is_hasty)
        w->check = router_e2e_verify(&a, on_done, p);
    if (course == E2E_CHECKED && w->check)
        verdict = edge_check_verdict(w->check);
    if (course == E2E_CHECKED && !verdict) {
        if (w->check && !p->is_hasty)
            return false;
        verdict = &busy;
    }
    if (course == E2E_REFUSED)
        turn_away(r, stanza, &from, lang, refusal);
    else
        pass(&a, verdict, lang);
    return true;
}

static void pair_go_on(struct pair *p)
{
    struct router *r = p->router;
    bool goes_on = true;
    while (goes_on && !list_empty(&p->waiting)) {
        struct waiting *w = container_of(p->waiting.next, struct waiting, link);
        if ((goes_on = first_passes(p, w)))
            waiting_free(r, p, w);
        arena_reset(&r->e2e->arena);
    }
    if (list_empty(&p->waiting))
        pair_free(r, p);
}

static void on_done(void *context)
{
    pair_go_on(context);
}

static bool is_crowded(const struct e2e_waiting *e)
{
    return e->count >= WAITING_STANZAS_MAX || e->bytes >= WAITING_BYTES_MAX;
}

static struct e2e_waiting *waiting_of(struct router *r)
{
    struct e2e_waiting *e = r->e2e ? r->e2e : calloc(1, sizeof *e);
    if (!e || r->e2e)
        return e;
    hash_table_init(&e->pairs);
    arena_init(&e->arena);
    return r->e2e = e;
}

/* Behind what the two have waiting. */
static void wait_behind(struct pair *p, const struct stanza *stanza, const struct jid *from, struct span lang)
{
    struct router *r = p->router;
    bool is_first = list_empty(&p->waiting);
    if (!waiting_add(p, stanza, jid_full(from), lang))
        turn_away(r, stanza, from, lang, STANZA_RESOURCE_CONSTRAINT);
    if (is_first)
        pair_go_on(p);
}

/* Nobody of the two waits. */
static void arrive(struct router *r, const struct stanza *stanza, const struct jid *from, struct span lang)
{
    static const struct smime_verdict busy = {.reason = SMIME_BUSY};
    struct e2e_arrival a = {
        .router = r, .stanza = stanza, .from = from, .to = &stanza->to, .arena = &r->e2e->arena};
    enum e2e_course course;
    enum stanza_error refusal;
    struct pair *p = NULL;
    if (router_e2e_look(&a, &course, &refusal) < 0) {
        course = E2E_REFUSED;
        refusal = STANZA_RESOURCE_CONSTRAINT;
    }
    if (course == E2E_CHECKED && !is_crowded(r->e2e))
        p = pair_new(r, jid_bare(from), jid_bare(&stanza->to));
    if (p)
        wait_behind(p, stanza, from, lang);
    else if (course == E2E_REFUSED)
        turn_away(r, stanza, from, lang, refusal);
    else
        pass(&a, course == E2E_CHECKED ? &busy : NULL, lang);
}

void router_e2e_remote(struct router *r, const struct stanza *stanza, const struct jid *from,
                       struct span lang)
{
    struct e2e_waiting *e = waiting_of(r);
    if (!e) {
        turn_away(r, stanza, from, lang, STANZA_RESOURCE_CONSTRAINT);
        return;
    }
    struct pair *p = e->count ? pair_find(e, jid_bare(from), jid_bare(&stanza->to)) : NULL;
    if (p && (p->count >= WAITING_OF_PAIR_MAX || is_crowded(e))) {
        p->is_hasty = true;
        pair_go_on(p);
        p = NULL;
    }
    if (p)
        wait_behind(p, stanza, from, lang);
    else
        arrive(r, stanza, from, lang);
    arena_reset(&e->arena);
}

void router_e2e_free(struct router *r)
{
    struct e2e_waiting *e = r->e2e;
    if (!e)
        return;
    for (struct hash_node *n = hash_table_next(&e->pairs, NULL), *next; n; n = next) {
        next = hash_table_next(&e->pairs, n);
        pair_free(r, container_of(n, struct pair, node));
    }
    hash_table_fini(&e->pairs);
    arena_fini(&e->arena);
    free(e);
    r->e2e = NULL;
}
