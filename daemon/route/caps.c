/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions can do, as far as it decides who hears of what. A presence claims it by a hash; the first
 * session to claim a hash that is not known here is asked what it stands for, and what it says is taken for
 * everybody's who claims the same only if it has that hash. A few are asked at once, so that one who does not
 * answer, or lies, holds up nobody; who lies is taken at its word for itself. */
#include <stdio.h>
#include <stdlib.h>

#include "route/internal.h"
#include "sasl/digest.h"
#include "stanza/caps.h"
#include "xml/tree.h"
#include "xml/write.h"

/* Of those who claim the same and are not known yet. */
#define CAPS_ASKED_MAX 4
/* After that the next one is asked; an answer is taken all the same. */
#define CAPS_ANSWER_MS 15000
#define CAPS_ID "caps-"

/* A session's claim. */
struct capable {
    struct list link;   /* in its caps' waiting or asked, while that is not known */
    struct timer timer; /* while its answer is due */
    struct router *router;
    struct session *session;
    struct caps *told; /* a reference: it has the last items of what this wants, or they are on their way; may
                          be NULL */
    uint32_t queries;  /* how often it was asked: in the id of the last one */
    struct caps_claim claim; /* into `text` */
    char text[];
};

static bool claim_is_same(const struct caps_claim *a, const struct caps_claim *b)
{
    return a->kind == b->kind && span_equal(a->hash, b->hash) && span_equal(a->algorithm, b->algorithm) &&
           span_equal(a->node, b->node);
}

bool router_is_for(const struct session *s, const struct caps_node *node)
{
    return session_is_hearing(s) && (!node || caps_want(s->caps, node));
}

/* ---- asking ---- */

static void ask_next(struct caps *caps);

static void not_due(struct capable *c)
{
    if (!timer_is_running(&c->timer))
        return;
    loop_timer_stop(c->router->loop, &c->timer);
    c->session->caps->asked_count--;
}

static void answer_is_late(struct timer *t)
{
    struct capable *c = container_of(t, struct capable, timer);
    c->session->caps->asked_count--;
    ask_next(c->session->caps);
}

static struct frame *question(struct capable *c)
{
    struct router *r = c->router;
    struct session *s = c->session;
    struct jid account = entity_jid(s->account->entity);
    struct buffer out = {0}, node = {0};
    struct arena arena;
    arena_init(&arena);
    caps_claim_node(&c->claim, &arena, &node);
    buffer_printf(&out, "<iq type='get' id='" CAPS_ID "%u'", ++c->queries);
    xml_write_attribute(&out, "from", jid_domain(&account));
    xml_write_attribute(&out, "to", session_jid(s));
    buffer_literal(&out, "><query xmlns='http://jabber.org/protocol/disco#info'");
    xml_write_attribute(&out, "node", buffer_span(&node));
    buffer_literal(&out, "/></iq>");
    r->counters.caps_asked++;
    struct frame *f =
        buffer_ok(&out) && buffer_ok(&node) ? frame_new(buffer_span(&out), FRAME_NO_HEAD, FRAME_OTHER) : NULL;
    buffer_fini(&out);
    buffer_fini(&node);
    arena_fini(&arena);
    return f;
}

static void ask_next(struct caps *caps)
{
    struct list *link;
    while (caps->asked_count < CAPS_ASKED_MAX && (link = list_take(&caps->waiting))) {
        struct capable *c = container_of(link, struct capable, link);
        struct frame *f = question(c);
        list_append(&caps->asked, &c->link);
        if (!f)
            continue;
        caps->asked_count++;
        loop_timer_start(c->router->loop, &c->timer, CAPS_ANSWER_MS);
        stream_send(c->session->stream, f);
    }
}

/* ---- claims ---- */

static void capable_free(struct capable *c)
{
    struct session *s = c->session;
    struct caps *caps = s->caps;
    not_due(c);
    list_remove(&c->link);
    router_latest_stop(s->latest);
    s->latest = NULL;
    caps_unref(c->told);
    s->capable = NULL;
    s->caps = NULL;
    if (!caps->is_known)
        ask_next(caps);
    caps_unref(caps);
    free(c);
}

static struct span text_put(char **to, struct span text)
{
    struct span put = span_make(*to, text.len);
    if (text.len)
        memcpy(*to, text.ptr, text.len);
    *to += text.len;
    return put;
}

static struct capable *capable_new(struct router *r, struct session *s, const struct caps_claim *claim)
{
    struct capable *c = malloc(sizeof *c + claim->algorithm.len + claim->hash.len + claim->node.len);
    if (!c)
        return NULL;
    *c = (struct capable){.router = r, .session = s};
    char *text = c->text;
    c->claim = (struct caps_claim){.kind = claim->kind};
    c->claim.algorithm = text_put(&text, claim->algorithm);
    c->claim.hash = text_put(&text, claim->hash);
    c->claim.node = text_put(&text, claim->node);
    timer_init(&c->timer, answer_is_late);
    list_init(&c->link);
    return c;
}

/* A hash that cannot be checked says nothing about anybody else's. */
static struct caps *caps_claimed(struct router *r, const struct caps_claim *claim)
{
    struct buffer key = {0};
    if (digest_is_known(claim->algorithm)) {
        buffer_append_char(&key, claim->kind == CAPS_CLAIM_0390 ? '2' : '1');
        buffer_append(&key, claim->algorithm);
        buffer_append_char(&key, ' ');
        buffer_append(&key, claim->hash);
    }
    struct caps *caps = buffer_ok(&key) ? caps_take(&r->caps, buffer_span(&key)) : NULL;
    buffer_fini(&key);
    return caps;
}

void router_caps_claim(struct router *r, struct session *s, const struct caps_claim *claim)
{
    if (s->capable && claim_is_same(&s->capable->claim, claim))
        return;
    struct capable *c = claim->kind == CAPS_CLAIM_NONE ? NULL : capable_new(r, s, claim);
    struct caps *caps = c ? caps_claimed(r, claim) : NULL;
    if (caps && s->capable && !s->latest) { /* what it was told of it need not be told again */
        c->told = s->capable->told;
        s->capable->told = NULL;
    }
    router_caps_drop(s);
    if (!caps) {
        free(c);
        return;
    }
    s->capable = c;
    s->caps = caps;
    if (caps->is_known)
        return;
    list_append(&caps->waiting, &c->link);
    ask_next(caps);
}

void router_caps_drop(struct session *s)
{
    if (s->capable)
        capable_free(s->capable);
}

void router_caps_tell(struct router *r, struct session *s)
{
    struct capable *c = s->capable;
    if (!c || !s->caps->is_known || c->told == s->caps || !session_is_available(s))
        return;
    struct latest *latest = router_latest_begin(r, s, s->caps, c->told);
    if (latest) {
        router_latest_stop(s->latest);
        s->latest = latest;
    }
    caps_unref(c->told);
    c->told = caps_ref(s->caps);
}

/* ---- answers ---- */

/* What it stands for is known: to all who claim it. */
static void caps_settle(struct caps *caps)
{
    struct list *link;
    list_splice(&caps->asked, &caps->waiting);
    while ((link = list_take(&caps->asked))) {
        struct capable *c = container_of(link, struct capable, link);
        not_due(c);
        router_caps_tell(c->router, c->session);
    }
}

/* It is not what it claims: what it says is its own alone. */
static void caps_of_its_own(struct router *r, struct capable *c, const struct disco_info *info)
{
    struct session *s = c->session;
    struct caps *claimed = s->caps, *own = caps_take(&r->caps, (struct span){0});
    if (!own || caps_know(own, info->features, info->feature_count) < 0) {
        caps_unref(own);
        return;
    }
    list_remove(&c->link);
    s->caps = own;
    ask_next(claimed);
    caps_unref(claimed);
    router_caps_tell(r, s);
}

static void answer_take(struct router *r, struct capable *c, const struct xml_node *query, struct span lang)
{
    struct caps *caps = c->session->caps;
    struct disco_info info;
    int outcome = caps_claim_check(&c->claim, query, lang, &r->arena, &info);
    if (outcome == 0 || (outcome == CAPS_MISMATCH && !caps->is_listed)) {
        if (caps_know(caps, info.features, info.feature_count) == 0)
            caps_settle(caps);
        return;
    }
    r->counters.caps_refused++;
    if (outcome == CAPS_MISMATCH)
        caps_of_its_own(r, c, &info);
}

void router_caps_answer(struct router *r, struct session *s, const struct stanza *stanza)
{
    char id[24];
    struct capable *c = s->capable;
    struct xml_node *iq;
    if (!c || s->caps->is_known)
        return;
    int len = snprintf(id, sizeof id, CAPS_ID "%u", c->queries);
    if (!span_equal(stanza->id, span_make(id, (size_t)len)))
        return;
    not_due(c);
    if (stanza->type.iq == IQ_RESULT &&
        xml_tree_build(&r->arena, stanza->raw, SPAN("jabber:client"), &iq) == 0) {
        const struct xml_node *query =
            xml_node_child(iq, SPAN("query"), SPAN("http://jabber.org/protocol/disco#info"));
        if (query)
            answer_take(r, c, query, stanza->lang.ptr ? stanza->lang : stream_lang(s->stream));
    }
    if (s->caps && !s->caps->is_known)
        ask_next(s->caps);
    arena_reset(&r->arena);
}
