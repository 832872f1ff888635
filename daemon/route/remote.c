/* SPDX-License-Identifier: Apache-2.0 */
/* What is for other domains, and what comes from them (RFC 6120 s. 10.4): to a link and from it. What has
 * come is from here on as if a session of another worker had said it, and goes to its addressee's home. */
#include "route/remote.h"

#include <assert.h>
#include <stdlib.h>

#include "route/abroad.h"
#include "route/e2e.h"
#include "xml/write.h"

/* ---- recipients ---- */

/* Everybody of one domain whom a presence is for: what is put into the frame's gap for each, which never
 * changes, so that every presence until somebody comes or goes shares it. */
struct remote_audience {
    _Atomic int32_t references;
    uint32_t count;
    uint32_t len;
    char heads[]; /* each with its length in front: uint16_t */
};

struct remote_audience *remote_audience_new(struct entity *const *recipients, uint32_t count)
{
    struct buffer heads = {0}, head = {0};
    for (uint32_t i = 0; i < count; i++) {
        buffer_clear(&head);
        xml_write_attribute(&head, "to", entity_text(recipients[i]));
        uint16_t len = (uint16_t)head.len;
        buffer_append(&heads, span_make((const char *)&len, sizeof len));
        buffer_append(&heads, buffer_span(&head));
    }
    struct remote_audience *a = buffer_ok(&heads) && buffer_ok(&head) ? malloc(sizeof *a + heads.len) : NULL;
    if (a) {
        atomic_init(&a->references, 1);
        a->count = count;
        a->len = heads.len;
        if (heads.len)
            memcpy(a->heads, heads.ptr, heads.len);
    }
    buffer_fini(&heads);
    buffer_fini(&head);
    return a;
}

struct remote_audience *remote_audience_ref(struct remote_audience *a)
{
    if (a)
        atomic_fetch_add_explicit(&a->references, 1, memory_order_relaxed);
    return a;
}

struct remote_audience *remote_audience_unref(struct remote_audience *a)
{
    if (a && atomic_fetch_sub_explicit(&a->references, 1, memory_order_acq_rel) == 1)
        free(a);
    return NULL;
}

size_t remote_stanza_bytes(const struct remote_stanza *s)
{
    const struct remote_audience *a = s->audience;
    return a ? (size_t)a->count * s->frame->len + a->len - a->count * sizeof(uint16_t) : s->frame->len;
}

bool remote_stanza_write(const struct remote_stanza *s, uint32_t *position, struct buffer *out,
                         size_t bytes_max)
{
    const struct remote_audience *a = s->audience;
    const struct frame *f = s->frame;
    if (!a) {
        buffer_append(out, span_make(f->bytes, f->len));
        return false;
    }
    size_t end = out->len + bytes_max;
    while (*position < a->len && out->len < end && buffer_ok(out)) {
        uint16_t len;
        memcpy(&len, a->heads + *position, sizeof len);
        buffer_append(out, span_make(f->bytes, f->head_at));
        buffer_append(out, span_make(a->heads + *position + sizeof len, len));
        buffer_append(out, span_make(f->bytes + f->head_at, f->len - f->head_at));
        *position += (uint32_t)sizeof len + len;
    }
    return *position < a->len;
}

void remote_stanza_free(struct remote_stanza *s)
{
    frame_unref(s->frame);
    remote_audience_unref(s->audience);
    free(s);
}

/* ---- out ---- */

void router_remote_use(struct router *r, const struct remote_link *link, void *context)
{
    r->remote = link;
    r->remote_context = context;
}

bool router_reaches(const struct router *r, struct span domain)
{
    return r->remote || router_is_local(r, domain);
}

static struct remote_stanza *remote_stanza_new(struct frame *frame, struct span domain, struct span from,
                                               struct span to)
{
    struct remote_stanza *s = malloc(sizeof *s + domain.len + from.len + to.len);
    if (!s)
        return NULL;
    *s = (struct remote_stanza){.frame = frame,
                                .kind = STANZA_PRESENCE,
                                .domain_len = (uint16_t)domain.len,
                                .from_len = (uint16_t)from.len,
                                .to_len = (uint16_t)to.len};
    memcpy(s->text, domain.ptr, domain.len);
    memcpy(s->text + domain.len, from.ptr, from.len);
    if (to.len)
        memcpy(s->text + domain.len + from.len, to.ptr, to.len);
    return s;
}

/* A frame is a stanza's bytes: `<m`essage, `<i`q, `<p`resence. */
static enum stanza_kind kind_of(const struct frame *f)
{
    return f->bytes[1] == 'm' ? STANZA_MESSAGE : f->bytes[1] == 'i' ? STANZA_IQ : STANZA_PRESENCE;
}

void router_send_remote(struct router *r, struct frame *frame, struct span from, const struct jid *to,
                        bool is_answerable)
{
    struct remote_stanza *s = r->remote ? remote_stanza_new(frame, jid_domain(to), from, jid_full(to)) : NULL;
    if (!s) {
        frame_unref(frame);
        return;
    }
    s->kind = kind_of(frame);
    s->is_answerable = is_answerable || s->kind != STANZA_PRESENCE;
    r->counters.remote_sent++;
    r->remote->send(r->remote_context, s);
}

void router_send_said(struct router *r, struct frame *frame, struct span from, const struct jid *to)
{
    if (frame && !router_is_local(r, jid_domain(to)))
        router_send_remote(r, frame, from, to, true);
    else
        router_send_stanza(r, frame, from, to);
}

void router_send_audience(struct router *r, struct frame *frame, struct span from, struct span domain,
                          struct remote_audience *audience)
{
    struct remote_stanza *s =
        r->remote && audience ? remote_stanza_new(frame_ref(frame), domain, from, (struct span){0}) : NULL;
    if (!s)
        return;
    s->audience = remote_audience_ref(audience);
    r->counters.remote_sent += audience->count;
    r->remote->send(r->remote_context, s);
}

/* ---- what could not be delivered ---- */

/* RFC 6121 s. 3.1.2, 4.6, 8.1; RFC 6120 s. 10.4.3: who waits for something hears that it will not come. Never
 * of an answer, nor of an end. */
static bool is_answered(const struct stanza *stanza)
{
    if (stanza->kind != STANZA_PRESENCE)
        return stanza_error_may_answer(stanza);
    return stanza->type.presence == PRESENCE_AVAILABLE || stanza->type.presence == PRESENCE_SUBSCRIBE;
}

void router_remote_failed(struct router *r, struct remote_stanza *s, enum stanza_error e)
{
    r->counters.remote_failed++;
    struct jid from = jid_of_prepared(remote_stanza_from(s)), to = jid_of_prepared(remote_stanza_to(s));
    if (s->is_answerable && from.local_len && router_frame_read(r, s->frame, &r->stanza) == 0 &&
        is_answered(&r->stanza))
        router_bounce(r, &r->stanza, e, &to, &from);
    arena_reset(&r->arena);
    remote_stanza_free(s);
}

/* ---- in ---- */

static void refuse(struct router *r, const struct stanza *stanza, const struct jid *from, enum stanza_error e)
{
    router_bounce(r, stanza, e, &stanza->to, from);
}

static bool is_subscription(const struct stanza *stanza)
{
    return stanza->kind == STANZA_PRESENCE &&
           (stanza->type.presence == PRESENCE_SUBSCRIBE || stanza->type.presence == PRESENCE_SUBSCRIBED ||
            stanza->type.presence == PRESENCE_UNSUBSCRIBE || stanza->type.presence == PRESENCE_UNSUBSCRIBED);
}

/* What no server may say (RFC 6120 s. 8.2.3, RFC 6121 s. 4.7.1). */
static bool is_malformed(const struct stanza *stanza)
{
    if (stanza->kind == STANZA_PRESENCE)
        return stanza->type.presence == PRESENCE_UNKNOWN;
    if (stanza->kind != STANZA_IQ)
        return false;
    bool is_request = stanza->type.iq == IQ_GET || stanza->type.iq == IQ_SET;
    return stanza->type.iq == IQ_UNKNOWN || !stanza->id.ptr || (is_request && !stanza_has_one_child(stanza));
}

/* To the server itself, which has no mailbox and shows no presence. */
static void to_server(struct router *r, const struct stanza *stanza, const struct jid *from)
{
    if (stanza->kind == STANZA_MESSAGE)
        refuse(r, stanza, from, STANZA_SERVICE_UNAVAILABLE);
    else if (stanza->kind == STANZA_IQ && stanza_error_may_answer(stanza))
        router_query_remote(r, stanza, from);
}

void router_remote_stanza(struct router *r, const struct stanza *stanza, const struct jid *from,
                          struct span lang)
{
    assert(!router_is_local(r, jid_domain(from)) && stanza->has_to &&
           router_is_local(r, jid_domain(&stanza->to)));
    r->counters.remote_received++;
    if (r->settings->e2e.edge)
        router_e2e_remote(r, stanza, from, lang);
    else
        router_remote_pass(r, stanza, from, lang);
}

void router_remote_pass(struct router *r, const struct stanza *stanza, const struct jid *from,
                        struct span lang)
{
    if (is_malformed(stanza)) {
        refuse(r, stanza, from, STANZA_BAD_REQUEST);
        return;
    }
    if (!stanza->to.local_len) {
        to_server(r, stanza, from);
        return;
    }
    /* RFC 6121 s. 3: a subscription is between accounts, whatever resource is named. */
    bool is_bare = is_subscription(stanza);
    struct jid sender = is_bare ? jid_of_prepared(jid_bare(from)) : *from;
    struct jid to = is_bare ? jid_of_prepared(jid_bare(&stanza->to)) : stanza->to;
    struct frame *frame = stanza_frame(stanza, jid_full(&sender), jid_full(&to), lang);
    if (frame)
        router_send_stanza(r, frame, jid_full(&sender), &to);
    else
        refuse(r, stanza, from, STANZA_RESOURCE_CONSTRAINT);
}
