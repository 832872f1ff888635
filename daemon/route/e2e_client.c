/* SPDX-License-Identifier: Apache-2.0 */
/* The door of our clients: while an object is verified its stream is not read on, so everything that it says stays in order (RFC 6120
 * s. 10.1), nothing is copied but the object, and nobody else waits. */
#include <stdlib.h>

#include "route/e2e.h"

/* The stanza that is being verified, told from another that a resumed session may begin with. */
struct e2e_wait {
    struct edge_check *check;
    size_t len;
    char raw[];
};

static void on_done(void *context)
{
    struct session *s = context;
    if (s->stream->is_waiting)
        stream_continue(s->stream);
}

void router_e2e_session_ends(struct session *s)
{
    if (s->e2e)
        edge_check_free(s->e2e->check);
    free(s->e2e);
    s->e2e = NULL;
}

/* Of the stanza at hand; NULL: it is under way. */
static const struct smime_verdict *verdict_of(const struct e2e_arrival *a, struct session *s)
{
    static const struct smime_verdict busy = {.reason = SMIME_BUSY};
    struct span raw = a->stanza->raw;
    if (s->e2e && !span_equal(span_make(s->e2e->raw, s->e2e->len), raw))
        router_e2e_session_ends(s);
    if (s->e2e)
        return edge_check_verdict(s->e2e->check);
    struct e2e_wait *w = malloc(sizeof *w + raw.len);
    if (!w || !(w->check = router_e2e_verify(a, on_done, s))) {
        free(w);
        return &busy;
    }
    w->len = raw.len;
    memcpy(w->raw, raw.ptr, raw.len);
    s->e2e = w;
    return NULL;
}

static void turn_away(struct router *r, struct session *s, const struct stanza **stanza,
                      enum stanza_error refusal, struct stanza *clean)
{
    const struct stanza *end = router_e2e_end(*stanza, clean);
    r->counters.e2e_refused++;
    if (!end)
        router_refuse(r, s, *stanza, refusal);
    *stanza = end;
}

static void refuse(struct router *r, struct session *s, const struct stanza *stanza,
                   const struct e2e_judgement *j)
{
    struct span from = stanza->has_to ? jid_full(&stanza->to) : entity_text(s->account->entity);
    struct frame *f = router_e2e_error(stanza, j, from, session_jid(s));
    r->counters.errors += f != NULL;
    if (f)
        stream_send(s->stream, f);
}

bool router_e2e_client(struct router *r, struct session *s, const struct stanza **stanza,
                       struct stanza *clean)
{
    const struct jid from = jid_of_prepared(session_jid(s)), own = entity_jid(s->account->entity);
    struct e2e_arrival a = {.router = r,
                            .stanza = *stanza,
                            .from = &from,
                            .to = (*stanza)->has_to ? &(*stanza)->to : &own,
                            .is_client = true,
                            .arena = &s->stream->worker->arena};
    struct e2e_judgement j = {0};
    enum e2e_course course;
    enum stanza_error refusal;
    if (router_e2e_look(&a, &course, &refusal) < 0) {
        course = E2E_REFUSED;
        refusal = STANZA_RESOURCE_CONSTRAINT;
    }
    if (course != E2E_CHECKED)
        router_e2e_session_ends(s); /* what waited for a verdict, and goes by other rules now */
    if (course == E2E_REFUSED) {
        turn_away(r, s, stanza, refusal, clean);
        return true;
    }
    if (course == E2E_CHECKED) {
        const struct smime_verdict *verdict = verdict_of(&a, s);
        if (!verdict)
            return false;
        router_e2e_judge(&a, verdict, &j);
        router_e2e_session_ends(s);
    }
    if (j.is_refused) {
        if (!(*stanza = router_e2e_end(a.stanza, clean)))
            refuse(r, s, a.stanza, &j);
    } else if (!(*stanza = router_e2e_clean(&a, buffer_span(&j.mark), clean))) {
        router_refuse(r, s, a.stanza, STANZA_RESOURCE_CONSTRAINT);
    }
    buffer_fini(&j.mark);
    return true;
}
