/* SPDX-License-Identifier: Apache-2.0 */
#include "route/e2e.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "xml/write.h"

#define NANOSECONDS_PER_US 1000

/* ---- rules ---- */

static int span_compare(struct span a, struct span b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int rule_compare(const void *a, const void *b)
{
    const struct e2e_rule *x = a, *y = b;
    int order = span_compare(x->name, y->name);
    return order ? order : (int)y->mode - (int)x->mode;
}

uint32_t e2e_rules_sort(struct e2e_rule *rules, uint32_t count)
{
    uint32_t kept = 0;
    if (count)
        qsort(rules, count, sizeof *rules, rule_compare);
    for (uint32_t i = 0; i < count; i++)
        if (!kept || !span_equal(rules[kept - 1].name, rules[i].name))
            rules[kept++] = rules[i];
    return kept;
}

static int name_compare(const void *name, const void *rule)
{
    return span_compare(*(const struct span *)name, ((const struct e2e_rule *)rule)->name);
}

static const struct e2e_rule *rule_find(const struct e2e_rule *rules, uint32_t count, struct span name)
{
    return count ? bsearch(&name, rules, count, sizeof *rules, name_compare) : NULL;
}

static enum e2e_mode domain_mode(const struct e2e_settings *e, struct span domain)
{
    const struct e2e_rule *rule = rule_find(e->domains, e->domain_count, domain);
    return rule ? rule->mode : e->mode;
}

enum e2e_mode router_e2e_mode(const struct router *r, const struct jid *from, const struct jid *to)
{
    const struct e2e_settings *e = &r->settings->e2e;
    if (!e->edge)
        return E2E_OFF;
    const struct e2e_rule *peer = rule_find(e->peers, e->peer_count, jid_bare(from));
    if (!peer)
        peer = rule_find(e->peers, e->peer_count, jid_domain(from));
    if (peer)
        return peer->mode;
    return domain_mode(e, router_is_local(r, jid_domain(to)) ? jid_domain(to) : jid_domain(from));
}

bool router_e2e_marks(const struct router *r, struct span domain)
{
    const struct e2e_settings *e = &r->settings->e2e;
    if (!e->edge)
        return false;
    for (uint32_t i = 0; i < e->peer_count; i++)
        if (e->peers[i].mode >= E2E_ANNOTATE)
            return true;
    return domain_mode(e, domain) >= E2E_ANNOTATE;
}

/* ---- before a verdict ---- */

static bool is_error(const struct stanza *s)
{
    return (s->kind == STANZA_MESSAGE && s->type.message == MESSAGE_ERROR) ||
           (s->kind == STANZA_PRESENCE && s->type.presence == PRESENCE_ERROR) ||
           (s->kind == STANZA_IQ && s->type.iq == IQ_ERROR);
}

/* A query that this server answers, or refuses, itself. */
static bool is_for_server(const struct e2e_arrival *a)
{
    return a->stanza->kind == STANZA_IQ && router_is_local(a->router, jid_domain(a->to)) &&
           (!a->to->local_len || !a->to->resource_len);
}

/* With nothing in it that could be taken for what somebody says. */
static bool is_bare_error(const struct stanza *s)
{
    return stanza_has_one_child(s) && span_is(s->child_name, "error");
}

/* What must not be taken for the sender's without a signature, and what only its content must not be: presence whose type is for servers, who may say it
 * by themselves, in the account's name. Presence from another server may be a broadcast, which servers, and no clients, address. Probes and
 * queries are read by programs. */
enum unsigned_course { UNSIGNED_PASSES, UNSIGNED_EMPTIED, UNSIGNED_REFUSED };

static enum unsigned_course unsigned_course(const struct e2e_arrival *a)
{
    const struct stanza *s = a->stanza;
    bool is_directed = a->is_client && s->has_to;
    if (a->mode != E2E_MUST_SIGN || s->kind == STANZA_IQ)
        return UNSIGNED_PASSES;
    if (s->kind == STANZA_MESSAGE)
        return UNSIGNED_REFUSED;
    switch (s->type.presence) {
    case PRESENCE_AVAILABLE:
        return is_directed ? UNSIGNED_REFUSED : UNSIGNED_PASSES;
    case PRESENCE_UNAVAILABLE:
        return is_directed && s->content.len ? UNSIGNED_EMPTIED : UNSIGNED_PASSES;
    case PRESENCE_SUBSCRIBE:
    case PRESENCE_SUBSCRIBED:
    case PRESENCE_UNSUBSCRIBE:
    case PRESENCE_UNSUBSCRIBED:
        return s->content.len ? UNSIGNED_EMPTIED : UNSIGNED_PASSES;
    case PRESENCE_PROBE:
    case PRESENCE_ERROR:
    case PRESENCE_UNKNOWN:
        break;
    }
    return UNSIGNED_PASSES;
}

int router_e2e_look(struct e2e_arrival *a, enum e2e_course *ret_course, enum stanza_error *ret_refusal)
{
    int error = e2e_find(a->stanza, a->arena, &a->found);
    if (error)
        return error;
    *ret_course = E2E_PASSES;
    if (!a->found.objects && !a->router->settings->e2e.has_must_sign)
        return 0;
    if (is_for_server(a))
        return 0;
    a->mode = router_e2e_mode(a->router, a->from, a->to);
    if (is_error(a->stanza)) { /* it may bring back what was sent, and is never answered */
        *ret_refusal = STANZA_NOT_ACCEPTABLE;
        *ret_course = a->mode == E2E_MUST_SIGN && !is_bare_error(a->stanza) ? E2E_REFUSED : E2E_PASSES;
        return 0;
    }
    if (a->mode == E2E_OFF)
        return 0;
    if (!a->found.objects) {
        enum unsigned_course course = unsigned_course(a);
        *ret_refusal = STANZA_NOT_ACCEPTABLE;
        *ret_course = course == UNSIGNED_REFUSED ? E2E_REFUSED : E2E_PASSES;
        a->is_emptied = course == UNSIGNED_EMPTIED;
        return 0;
    }
    /* RFC 3923 s. 4.1: directed presence only. Of two objects a client may show another one than was verified. */
    bool is_undirected = a->stanza->kind == STANZA_PRESENCE && !a->stanza->has_to;
    *ret_refusal = STANZA_BAD_REQUEST;
    *ret_course =
        is_undirected || (a->found.objects > 1 && a->mode > E2E_OBSERVE) ? E2E_REFUSED : E2E_CHECKED;
    return 0;
}

static struct moment now_moment(void)
{
    uint64_t us = clock_wall_us();
    return (struct moment){(int64_t)(us / 1000000), (uint32_t)(us % 1000000) * NANOSECONDS_PER_US};
}

struct edge_check *router_e2e_verify(const struct e2e_arrival *a, void (*done)(void *context), void *context)
{
    const struct smime_claim claim = {.from = *a->from,
                                      .to = *a->to,
                                      .is_presence = a->stanza->kind == STANZA_PRESENCE,
                                      .is_strict = a->mode >= E2E_ENFORCE,
                                      .now = now_moment()};
    return edge_verify(a->router->settings->e2e.edge, a->router->loop, &claim, a->is_client, a->found.object,
                       done, context);
}

/* ---- by a verdict ---- */

static const char *const eku_names[] = {
    [SMIME_EKU_IM] = "im",
    [SMIME_EKU_IM_MIXED] = "im-mixed",
    [SMIME_EKU_LEGACY] = "legacy",
};

static void mark_write(const struct e2e_arrival *a, const struct smime_verdict *v, enum smime_reason reason,
                       struct buffer *out)
{
    bool is_encrypted = v->form == SMIME_FORM_ENCRYPTED;
    buffer_printf(out, "<" E2E_MARK_NAME " xmlns='" E2E_MARK_XMLNS "' result='%s'",
                  reason == SMIME_OK ? "valid"
                  : is_encrypted     ? "encrypted"
                                     : "invalid");
    if (reason != SMIME_OK && !is_encrypted)
        buffer_printf(out, " reason='%s'", smime_reason_name(reason));
    if (reason == SMIME_OK) {
        char key[2 * sizeof v->key_id + 1], stamp[MOMENT_BYTES];
        hex_write(v->key_id, sizeof v->key_id, key);
        moment_write(v->stamp, stamp);
        xml_write_attribute(out, "jid", span_of(v->jid));
        buffer_printf(out, " key='sha-256:%s' time='%s' eku='%s'", key, stamp, eku_names[v->eku]);
    }
    if (a->found.has_body) /* which anybody on the way may have put there */
        buffer_literal(out, " beside='body'");
    buffer_literal(out, "/>");
}

/* The one that fits says why to the sender; RFC 3923 s. 7, cases 3 and 4. */
static const char *condition_of(enum smime_reason reason)
{
    switch (reason) {
    case SMIME_OLD_TIMESTAMP:
    case SMIME_FUTURE_TIMESTAMP:
    case SMIME_DECREASING_TIMESTAMP:
    case SMIME_REPLAY:
        return "bad-timestamp";
    default:
        return "unverified-signature";
    }
}

/* One line a second: a peer can make as many as it likes. */
static void log_invalid(struct router *r, const struct e2e_arrival *a, enum smime_reason reason)
{
    uint64_t now_s = loop_now_ms(r->loop) / 1000;
    if (now_s == r->e2e_logged_s)
        return;
    r->e2e_logged_s = now_s;
    struct span from = jid_bare(a->from);
    log_info("smime-invalid", "jid=%.*s reason=%s", (int)from.len, from.ptr, smime_reason_name(reason));
}

/* What verifying leaves open: whether it is said now, for the first time, and in its order. */
static enum smime_reason freshness_of(const struct e2e_arrival *a, const struct smime_verdict *v)
{
    if (v->reason != SMIME_OK)
        return v->reason;
    if (!v->has_stamp) /* it could come again for ever */
        return SMIME_OLD_TIMESTAMP;
    const struct freshness_item item = {.key_id = v->key_id,
                                        .from = jid_full(a->from),
                                        .to = jid_bare(a->to),
                                        .stamp = v->stamp,
                                        .digest = v->digest};
    return edge_freshness(a->router->settings->e2e.edge, &item, now_moment(), a->mode >= E2E_ENFORCE);
}

void router_e2e_judge(const struct e2e_arrival *a, const struct smime_verdict *verdict,
                      struct e2e_judgement *ret_judgement)
{
    struct router *r = a->router;
    struct e2e_judgement j = {.reason = freshness_of(a, verdict)};
    bool is_encrypted = verdict->form == SMIME_FORM_ENCRYPTED && j.reason == SMIME_NO_SIGNATURE;
    if (a->found.objects > 1) /* observed only, or it would not be here */
        j.reason = SMIME_BAD_MIME;
    if (is_encrypted)
        r->counters.e2e_encrypted++; /* whatever is within is for its reader to judge */
    else
        r->counters.e2e_reasons[j.reason]++;
    if (j.reason != SMIME_OK && !is_encrypted)
        log_invalid(r, a, j.reason);
    j.is_refused = j.reason != SMIME_OK && a->mode >= (is_encrypted ? E2E_MUST_SIGN : E2E_ENFORCE);
    j.condition = is_encrypted ? NULL : condition_of(j.reason);
    /* An iq has one child, and no room for a mark (RFC 6120 s. 8.2.3); other servers are not told what we think. */
    if (!j.is_refused && a->mode >= E2E_ANNOTATE && a->stanza->kind != STANZA_IQ &&
        router_is_local(r, jid_domain(a->to)))
        mark_write(a, verdict, j.reason, &j.mark);
    r->counters.e2e_refused += j.is_refused;
    *ret_judgement = j;
}

struct frame *router_e2e_error(const struct stanza *stanza, const struct e2e_judgement *j, struct span from,
                               struct span to)
{
    struct buffer more = {0};
    if (!stanza_error_may_answer(stanza))
        return NULL;
    if (j->condition)
        buffer_printf(&more, "<%s xmlns='" E2E_XMLNS "'/>", j->condition);
    struct frame *f =
        stanza_error_frame_more(stanza, STANZA_NOT_ACCEPTABLE, from, to,
                                j->condition ? smime_reason_name(j->reason) : NULL, buffer_span(&more));
    buffer_fini(&more);
    return f;
}

/* ---- what goes on ---- */

static const struct stanza *emptied(const struct stanza *stanza, struct stanza *copy)
{
    *copy = *stanza; /* whose JID stays where it is */
    copy->content.len = 0;
    stanza_first_child_read(copy);
    return copy;
}

const struct stanza *router_e2e_clean(const struct e2e_arrival *a, struct span mark, struct stanza *copy)
{
    if (a->is_emptied) {
        a->router->counters.e2e_refused++;
        return emptied(a->stanza, copy);
    }
    if (!a->found.marks && !mark.len)
        return a->stanza;
    *copy = *a->stanza; /* whose JID stays where it is */
    if (a->found.marks) {
        a->router->counters.e2e_marks_removed += a->found.marks;
        copy->content = e2e_content_unmarked(a->stanza, a->arena);
        stanza_first_child_read(copy);
    }
    copy->aside = mark.len ? arena_copy(a->arena, mark) : (struct span){0};
    return copy->content.ptr && (!mark.len || copy->aside.ptr) ? copy : NULL;
}

const struct stanza *router_e2e_end(const struct stanza *stanza, struct stanza *copy)
{
    bool is_end = stanza->kind == STANZA_PRESENCE && stanza->type.presence == PRESENCE_UNAVAILABLE;
    return is_end ? emptied(stanza, copy) : NULL;
}

struct frame *router_frame_for(const struct session *s, struct frame *frame)
{
    struct frame *marked = frame->aside_len && s->has_marks ? e2e_frame_marked(frame) : NULL;
    return marked ? marked : frame_ref(frame); /* without memory nothing is said of it */
}

bool router_e2e_is_object(struct router *r, const struct stanza *stanza)
{
    struct e2e_found found;
    return r->settings->e2e.edge && (e2e_find(stanza, &r->arena, &found) < 0 || found.objects);
}

struct frame *router_frame_unmarked(struct router *r, struct frame *frame)
{
    struct e2e_found found;
    if (!memmem(frame->bytes, frame->len, E2E_MARK_NAME, sizeof E2E_MARK_NAME - 1))
        return frame;
    if (router_frame_read(r, frame, &r->stanza) < 0 ||
        (e2e_find(&r->stanza, &r->arena, &found) == 0 && !found.marks))
        return frame;
    struct frame *clean = e2e_frame_unmarked(&r->stanza, &r->arena, frame);
    frame_unref(frame);
    return clean;
}
