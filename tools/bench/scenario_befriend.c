/* SPDX-License-Identifier: Apache-2.0 */
/* befriend: for servers that cannot import rosters. All log in, ask for the subscriptions of the roster
 * file that they do not have yet, and approve those of others that the file knows. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "crowd.h"
#include "scenarios.h"

/* Requests under way at a time: enough to keep a server busy, few enough not to run into its limits. */
#define REQUESTS_MAX 256

struct friendships {
    struct crowd crowd;
    struct roster_line *lines; /* sorted by owner, then contact: the crowd's */
    bool *is_done;             /* per line: the owner's roster says so */
    uint64_t wanted, done, asked;
};

static int compare_lines(const void *a, const void *b)
{
    const struct roster_line *x = a, *y = b;
    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    return x->contact < y->contact ? -1 : x->contact > y->contact;
}

static struct friendships *friendships_of(const struct session *s)
{
    return ((struct crowd *)s->owner)->owner;
}

static struct roster_line *line_find(struct friendships *f, uint32_t owner, uint32_t contact)
{
    struct roster_line key = {.owner = owner, .contact = contact};
    return bsearch(&key, f->lines, f->crowd.accounts.line_count, sizeof key, compare_lines);
}

static void subscription_send(struct session *s, const char *type, const char *to)
{
    struct buffer stanza;
    buffer_init(&stanza);
    buffer_printf(&stanza, "<presence type='%s' to='%s'/>", type, to);
    session_send(s, buffer_span(&stanza));
    buffer_fini(&stanza);
}

static void befriend_online(struct session *s)
{
    session_send(s, SPAN("<presence/>"));
}

/* The owner's roster tells what has come true. */
static void on_roster(struct friendships *f, const struct session *s, const struct element *query)
{
    struct element item;
    size_t cursor = 0;
    while (element_next_child(query, &cursor, &item)) {
        struct span subscription = element_attribute_or_empty(&item, "subscription");
        uint32_t contact = accounts_find(&f->crowd.accounts, element_attribute_or_empty(&item, "jid"));
        struct roster_line *line = contact == ACCOUNTS_UNKNOWN ? NULL : line_find(f, s->index, contact);
        bool sees = span_is(subscription, "both") || span_is(subscription, "to");
        if (line == NULL || !line->to || !sees || f->is_done[line - f->lines])
            continue;
        f->is_done[line - f->lines] = true;
        f->done++;
        crowd_moved(&f->crowd);
    }
}

static void befriend_stanza(struct session *s, const struct element *stanza)
{
    struct friendships *f = friendships_of(s);
    struct element query;
    if (span_is(stanza->name, "iq") && element_child(stanza, "query", &query)) {
        on_roster(f, s, &query);
    } else if (span_is(stanza->name, "presence") &&
               span_is(element_attribute_or_empty(stanza, "type"), "subscribe")) {
        uint32_t asker = accounts_find(&f->crowd.accounts, element_attribute_or_empty(stanza, "from"));
        struct roster_line *line = asker == ACCOUNTS_UNKNOWN ? NULL : line_find(f, s->index, asker);
        if (line != NULL && line->from)
            subscription_send(s, "subscribed", f->crowd.accounts.list[asker].jid);
    }
}

static void befriend_ended(struct session *s, const char *reason)
{
    (void)s;
    (void)reason;
}

static const struct session_hooks befriend_hooks = {befriend_online, befriend_stanza, befriend_ended};

static int requests_run(struct friendships *f)
{
    struct crowd *c = &f->crowd;
    uint64_t had = f->done;
    f->asked = 0;
    crowd_moved(c);
    for (size_t next = 0; f->done < f->wanted;) {
        while (next < c->accounts.line_count && f->asked - (f->done - had) < REQUESTS_MAX) {
            const struct roster_line *line = &f->lines[next];
            if (line->to && !f->is_done[next]) {
                subscription_send(&c->sessions[line->owner], "subscribe",
                                  c->accounts.list[line->contact].jid);
                f->asked++;
            }
            next++;
        }
        if (c->failed > 0 || crowd_turn(c, 50) != 0 || crowd_is_stalled(c)) {
            fprintf(stderr, "muster-bench: %llu of %llu subscriptions made: %s\n",
                    (unsigned long long)f->done, (unsigned long long)f->wanted,
                    c->failed > 0 ? c->first_failure : "nothing moves any more");
            return 1;
        }
        progress_show("subscriptions", f->done, f->wanted);
    }
    return 0;
}

static int befriend_run(struct friendships *f, const struct options *o)
{
    struct accounts *a = &f->crowd.accounts;
    f->lines = a->lines;
    f->is_done = calloc(a->line_count + 1, sizeof *f->is_done);
    if (f->is_done == NULL)
        return 1;
    qsort(f->lines, a->line_count, sizeof *f->lines, compare_lines);
    for (size_t i = 0; i < a->line_count; i++)
        f->wanted += f->lines[i].to;
    uint64_t started_ns = clock_now_ns();
    if (crowd_login(&f->crowd) != 0 || requests_run(f) != 0)
        return 1;
    struct report report;
    report_init(&report, o->as_json, "befriend");
    report_count(&report, "subscriptions", f->wanted);
    report_count(&report, "asked_for", f->asked);
    report_number(&report, "elapsed_s", (double)(clock_now_ns() - started_ns) / 1e9);
    report_text(&report, "result", "ok");
    report_finish(&report);
    return 0;
}

int scenario_befriend(const struct options *o)
{
    struct friendships f = {0};
    if (o->rosters == NULL) {
        fprintf(stderr, "muster-bench: --rosters FILE is needed\n");
        return 2;
    }
    int code = crowd_open(&f.crowd, o, &befriend_hooks, &f);
    if (code == 0) {
        code = befriend_run(&f, o);
        crowd_logout(&f.crowd);
    }
    crowd_fini(&f.crowd);
    free(f.is_done);
    return code;
}
