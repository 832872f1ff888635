/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of `musterctl explain`: a sentence for every condition, in the order in which presence meets
 * them, and the first one that fails is why. Nothing here looks at anything but the explanation. */
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "route/explain.h"

#define JID(a) (int)jid_full(&(a)->jid).len, jid_full(&(a)->jid).ptr
#define BARE(a) (int)jid_bare(&(a)->jid).len, jid_bare(&(a)->jid).ptr

/* By what right the watcher sees the publisher. A pair is served by its watch when there is one, else by the
 * groups. */
enum right { RIGHT_NONE, RIGHT_OWN, RIGHT_SUBSCRIPTION, RIGHT_GROUP, RIGHT_DIRECTED };

static void say(struct buffer *out, const char *format, va_list arguments)
{
    char text[2 * JID_BYTES_MAX + 512];
    int len = vsnprintf(text, sizeof text, format, arguments);
    if (len > 0)
        buffer_append(out, span_make(text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1));
}

static void step(struct verdict *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void step(struct verdict *v, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(&v->steps, format, arguments);
    va_end(arguments);
    buffer_append_char(&v->steps, '\n');
}

/* A sentence for each line. */
static void lines_step(struct verdict *v, const struct buffer *lines, const char *before, const char *after)
{
    for (struct span rest = buffer_span(lines); rest.len;) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
        step(v, "%s%.*s%s", before, (int)len, rest.ptr, after);
        rest = span_skip(rest, end ? len + 1 : len);
    }
}

/* The first reason counts. */
static void fails(struct verdict *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fails(struct verdict *v, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!v->why.len)
        say(&v->why, format, arguments);
    va_end(arguments);
}

static void is_late(struct verdict *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void is_late(struct verdict *v, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (v->late.len)
        buffer_literal(&v->late, "; ");
    say(&v->late, format, arguments);
    va_end(arguments);
}

/* ---- the accounts ---- */

static void memory_step(struct verdict *v, const struct explained_account *a)
{
    switch (a->state) {
    case ACCOUNT_LOADING:
        step(v, "%.*s is being read from the store; what arrives waits.", BARE(a));
        return;
    case ACCOUNT_FAILED:
        step(v, "%.*s could not be read from the store.", BARE(a));
        return;
    case ACCOUNT_READY:
    case ACCOUNT_BUSY:
    case ACCOUNT_MISSING:
        break;
    }
    step(v, "%.*s is in memory at worker %u; resources connected: %u, available: %u.", BARE(a), a->home,
         a->sessions, a->available);
    lines_step(v, &a->resources, "  ", "");
    if (a->lost)
        step(v, "  %u more lost their connection and are shown as available for presence.flap_grace.",
             a->lost);
    if (a->state == ACCOUNT_BUSY)
        step(v,
             "%.*s is busy (changes on their way to the disk: %u, walks over its roster: %u); its clients "
             "wait.",
             BARE(a), a->changes, a->walks);
    if (a->is_queue_waiting)
        step(v, "Stanzas for %.*s wait in its queue.", BARE(a));
}

static void account_step(struct verdict *v, const struct explained_account *a)
{
    switch (a->existence) {
    case EXPLAINED_FOREIGN:
        step(v, "%.*s is of a domain that is not served here.", BARE(a));
        fails(v, "%.*s is of another server, which is not asked", BARE(a));
        return;
    case EXPLAINED_MISSING:
        step(v, "There is no account %.*s.", BARE(a));
        fails(v, "there is no account %.*s", BARE(a));
        return;
    case EXPLAINED_UNREADABLE:
        step(v, "The store could not say anything about %.*s.", BARE(a));
        fails(v, "the store could not say anything about %.*s", BARE(a));
        return;
    case EXPLAINED_STORED:
        step(v, "%.*s is an account, and offline: it is not in memory.", BARE(a));
        return;
    case EXPLAINED_IN_MEMORY:
        memory_step(v, a);
        return;
    }
}

/* ---- the right ---- */

static void item_step(struct verdict *v, const struct explained_account *a,
                      const struct explained_account *other, bool is_met, const char *meaning)
{
    if (!a->has_item) {
        step(v, "The roster of %.*s does not have %.*s.", BARE(a), BARE(other));
        return;
    }
    step(v, "The roster of %.*s has %.*s with subscription %s%s%s%s: %s%s.", BARE(a), BARE(other),
         subscription_name(a->subscription),
         subscription_is_pending_out(a->subscription) ? ", asked for" : "",
         subscription_is_pending_in(a->subscription) ? ", and a request that waits for an answer" : "",
         a->is_approved ? ", approved beforehand" : "", is_met ? "" : "not ", meaning);
}

static enum right subscription_step(struct verdict *v, const struct explanation *e)
{
    const struct explained_account *p = &e->publisher, *w = &e->watcher;
    bool is_allowed = subscription_has_from(p->subscription),
         is_wanted = subscription_has_to(w->subscription);
    if (!p->is_roster_known || !w->is_roster_known)
        return RIGHT_NONE;
    item_step(v, p, w, is_allowed, "shown its presence");
    item_step(v, w, p, is_wanted, "shown the other's presence");
    if (is_allowed != is_wanted)
        step(v, "The two rosters disagree. The publisher's decides; the watcher's is put right when it asks "
                "next.");
    lines_step(v, &e->groups, "It is shown by the shared group ", ".");
    if (is_allowed && is_wanted && (e->has_slot || !e->groups.len) && (p->is_available || !e->directed))
        return RIGHT_SUBSCRIPTION;
    if (e->groups.len && (p->is_available || !e->directed))
        return RIGHT_GROUP;
    if (e->directed) {
        step(v, "%.*s has sent %.*s directed presence, from %u of its resources.", BARE(p), BARE(w),
             e->directed);
        return RIGHT_DIRECTED;
    }
    if (is_wanted)
        fails(v, "the rosters disagree: that of %.*s does not let it", BARE(p));
    else if (is_allowed)
        fails(v, "the rosters disagree: that of %.*s does not ask for it", BARE(w));
    else if (subscription_is_pending_in(p->subscription))
        fails(v, "%.*s has not answered its subscription request", BARE(p));
    else if (subscription_is_pending_out(w->subscription))
        fails(v, "its subscription request has not reached %.*s, or was dropped there", BARE(p));
    else
        fails(v, "it is not subscribed");
    return RIGHT_NONE;
}

/* Whoever blocks the other, neither sees the other. */
static void block_step(struct verdict *v, const struct explained_account *a,
                       const struct explained_account *other)
{
    if (!a->is_blocking)
        return;
    step(v, "The block list of %.*s has %.*s, or its domain.", BARE(a), JID(other));
    fails(v, "%.*s blocks %.*s", BARE(a), JID(other));
}

static enum right right_step(struct verdict *v, const struct explanation *e)
{
    if (!span_equal(jid_bare(&e->publisher.jid), jid_bare(&e->watcher.jid)))
        return subscription_step(v, e);
    step(v, "They are resources of one account, which see each other.");
    return RIGHT_OWN;
}

/* ---- being there ---- */

static void available_step(struct verdict *v, const struct explained_account *a)
{
    if (a->is_available)
        return;
    if (a->is_connected)
        fails(v, "%.*s is connected, but has not said that it is available", JID(a));
    else
        fails(v, "%.*s is offline", JID(a));
}

/* ---- the watch ---- */

static bool is_changing(const struct explained_account *a)
{
    return a->state != ACCOUNT_READY;
}

static void watch_step(struct verdict *v, const struct explanation *e)
{
    const struct explained_account *p = &e->publisher, *w = &e->watcher;
    step(v, "The home of %.*s (worker %u) counts %u watchers at that of %.*s (worker %u).", BARE(p), p->home,
         e->grants, BARE(w), w->home);
    if (!e->has_slot) {
        step(v, "%.*s is not in the list of watchers there.", BARE(w));
        if (e->is_grant_to_come)
            fails(v, "%.*s has just come online, and its contacts are being told; its turn has yet to come",
                  BARE(p));
        else if (is_changing(p) || is_changing(w))
            fails(v, "%.*s is busy, and the watch is not made yet", BARE(is_changing(p) ? p : w));
        else
            fails(v, "it is not in the list of watchers, although it should be; its next log-in asks again");
        return;
    }
    if (e->slot_incarnation != e->incarnation) {
        step(v,
             "%.*s is in the list of watchers there, of an earlier time that %.*s was online (%u, now %u).",
             BARE(w), BARE(p), e->slot_incarnation, e->incarnation);
        fails(v, "its place in the list of watchers is of an earlier time that %.*s was online", BARE(p));
        return;
    }
    step(v, "%.*s is in the list of watchers there, of this time that %.*s is online.", BARE(w), BARE(p));
    if (e->fanout_all)
        step(v, "A change is being told: %u of %u watchers have it. Under way to %.*s: %u.", e->fanout_done,
             e->fanout_all, BARE(w), e->changes_due);
    if (e->changes_due)
        is_late(v, "changes under way to it: %u", e->changes_due);
}

static void group_step(struct verdict *v, const struct explanation *e)
{
    const struct explained_account *late = !e->is_shown_to_groups ? &e->publisher
                                           : !e->hears_groups     ? &e->watcher
                                                                  : NULL;
    if (late)
        fails(v,
              "%.*s has just come online, and stands in the lists of its groups only when its contacts are "
              "told",
              BARE(late));
    if (e->is_group_wave) {
        step(v, "%.*s is being told of the members of its groups.", BARE(&e->watcher));
        is_late(v, "it is being told of the members of its groups");
    }
}

static void reader_step(struct verdict *v, const struct explanation *e)
{
    if (e->paced)
        step(v, "The last change of %u resources of %.*s waits for presence.rate.", e->paced,
             BARE(&e->publisher));
    if (e->watcher.is_queue_waiting && is_changing(&e->watcher))
        is_late(v, "it is busy, and what is for it waits");
    if (!e->readers_holding)
        return;
    step(v, "Presence of %.*s is held back for %u of %u sessions: inactive, or behind in reading.",
         BARE(&e->publisher), e->readers_holding, e->readers);
    if (e->readers_holding == e->readers)
        is_late(v, "presence is held back, for it is inactive or behind in reading");
}

void verdict_make(const struct explanation *e, struct verdict *ret)
{
    *ret = (struct verdict){0};
    account_step(ret, &e->publisher);
    account_step(ret, &e->watcher);
    if (!verdict_is_seen(ret))
        return;
    block_step(ret, &e->publisher, &e->watcher);
    block_step(ret, &e->watcher, &e->publisher);
    enum right right = right_step(ret, e);
    if (right != RIGHT_DIRECTED) /* which needs no presence to everybody */
        available_step(ret, &e->publisher);
    available_step(ret, &e->watcher);
    if (right == RIGHT_SUBSCRIPTION && verdict_is_seen(ret))
        watch_step(ret, e);
    if (right == RIGHT_GROUP && verdict_is_seen(ret))
        group_step(ret, e);
    if (verdict_is_seen(ret))
        reader_step(ret, e);
}

void verdict_fini(struct verdict *v)
{
    buffer_fini(&v->steps);
    buffer_fini(&v->why);
    buffer_fini(&v->late);
}

/* ---- writing ---- */

static void buffer_add(struct buffer *out, const struct buffer *text)
{
    buffer_append(out, buffer_span(text));
}

void verdict_write(const struct verdict *v, const struct explanation *e, struct buffer *out)
{
    bool is_seen = verdict_is_seen(v);
    buffer_add(out, &v->steps);
    buffer_literal(out, "VERDICT: ");
    buffer_append(out, jid_full(&e->watcher.jid));
    buffer_append(out, is_seen ? SPAN(" sees ") : SPAN(" does not see "));
    buffer_append(out, jid_full(&e->publisher.jid));
    if (!is_seen || v->late.len)
        buffer_append(out, is_seen ? SPAN(", but not the latest yet: ") : SPAN(": "));
    buffer_add(out, is_seen ? &v->late : &v->why);
    buffer_append_char(out, '\n');
}

static void json_member(struct buffer *out, const char *name, struct span text)
{
    buffer_printf(out, ", \"%s\": ", name);
    json_string(out, text);
}

void verdict_write_json(const struct verdict *v, const struct explanation *e, struct buffer *out)
{
    buffer_printf(out, "{\"sees\": %s", verdict_is_seen(v) ? "true" : "false");
    json_member(out, "publisher", jid_full(&e->publisher.jid));
    json_member(out, "watcher", jid_full(&e->watcher.jid));
    json_member(out, "why", buffer_span(&v->why));
    json_member(out, "late", buffer_span(&v->late));
    buffer_literal(out, ", \"steps\": [");
    for (struct span rest = buffer_span(&v->steps); rest.len;) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
        json_string(out, span_make(rest.ptr, len));
        rest = span_skip(rest, end ? len + 1 : len);
        if (rest.len)
            buffer_literal(out, ", ");
    }
    buffer_literal(out, "]}\n");
}
