/* SPDX-License-Identifier: Apache-2.0 */
#include "commands_presence.h"

#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "route/cost.h"
#include "route/explain.h"

/* More lines than anybody reads; what is asked for is kept sorted on the workers. */
#define TOP_COUNT_MAX 1000

/* The next word of a command. */
static struct span word_cut(struct span *rest)
{
    const char *end = rest->len ? memchr(rest->ptr, '\t', rest->len) : NULL;
    struct span word = span_make(rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len);
    *rest = span_skip(*rest, end ? word.len + 1 : word.len);
    return word;
}

static bool number_read(struct span word, uint32_t most, uint32_t *ret)
{
    uint32_t value = 0;
    if (!word.len)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] < '0' || word.ptr[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(word.ptr[i] - '0');
        if (value > most)
            return false;
    }
    *ret = value;
    return value >= 1;
}

/* ---- stats ---- */

struct cost_totals {
    pthread_mutex_t lock;
    struct histogram queued_ns, sent_ns, width;
};

static void ask_cost(struct worker *w, void *context)
{
    struct cost_totals *t = context;
    pthread_mutex_lock(&t->lock);
    histogram_merge(&t->queued_ns, &w->router.cost->queued_ns);
    histogram_merge(&t->sent_ns, &w->router.cost->sent_ns);
    histogram_merge(&t->width, &w->router.cost->width);
    pthread_mutex_unlock(&t->lock);
}

static void histogram_write(const struct histogram *h, const char *name, const char *unit, uint64_t divisor,
                            struct buffer *out)
{
    static const unsigned percents[] = {50, 90, 99};
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++)
        buffer_printf(out, "%s_p%u%s\t%llu\n", name, percents[i], unit,
                      (unsigned long long)(histogram_percentile(h, percents[i]) / divisor));
    buffer_printf(out, "%s_max%s\t%llu\n", name, unit, (unsigned long long)(h->max / divisor));
}

void stats_cost_write(struct broker *b, struct buffer *out)
{
    struct cost_totals *t = calloc(1, sizeof *t);
    if (!t)
        return;
    pthread_mutex_init(&t->lock, NULL);
    broker_ask(b, ask_cost, t);
    buffer_printf(out, "fanouts\t%llu\n", (unsigned long long)t->width.count);
    histogram_write(&t->width, "fanout_width", "", 1, out);
    histogram_write(&t->queued_ns, "fanout_queued", "_us", 1000, out);
    histogram_write(&t->sent_ns, "fanout_sent", "_us", 1000, out);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* ---- top ---- */

struct top_question {
    pthread_mutex_t lock;
    struct cost_top top;
    struct cost_readers readers;
    uint32_t seconds;
    bool is_failed;
};

static void ask_top(struct worker *w, void *context)
{
    struct top_question *q = context;
    pthread_mutex_lock(&q->lock);
    if (!cost_top_gather(&q->top, &w->router, q->seconds))
        q->is_failed = true;
    pthread_mutex_unlock(&q->lock);
}

static void ask_readers(struct worker *w, void *context)
{
    struct top_question *q = context;
    pthread_mutex_lock(&q->lock);
    cost_readers_gather(&q->readers, &w->router);
    pthread_mutex_unlock(&q->lock);
}

static bool top_readers(struct broker *b, uint32_t count, struct buffer *reply)
{
    struct top_question q = {.lock = PTHREAD_MUTEX_INITIALIZER};
    if (cost_readers_init(&q.readers, count) < 0) {
        buffer_literal(reply, "no memory");
        return false;
    }
    broker_ask(b, ask_readers, &q);
    cost_readers_write(&q.readers, reply);
    cost_readers_fini(&q.readers);
    return true;
}

static bool top_publishers(struct broker *b, enum cost_order order, uint32_t count, uint32_t seconds,
                           struct buffer *reply)
{
    struct top_question q = {.lock = PTHREAD_MUTEX_INITIALIZER, .seconds = seconds};
    cost_top_init(&q.top);
    broker_ask(b, ask_top, &q);
    if (q.is_failed) {
        buffer_literal(reply, "no memory");
    } else {
        cost_top_merge(&q.top, order, count);
        cost_top_write(&q.top, reply);
    }
    cost_top_fini(&q.top);
    return !q.is_failed;
}

static bool top(struct broker *b, struct span rest, struct buffer *reply)
{
    static const struct {
        const char *word;
        enum cost_order order;
    } orders[] = {{"deliveries", COST_BY_DELIVERIES}, {"changes", COST_BY_CHANGES}, {"bytes", COST_BY_BYTES}};
    uint32_t count, seconds;
    struct span by = word_cut(&rest), lines = word_cut(&rest), window = word_cut(&rest);
    if (!number_read(lines, TOP_COUNT_MAX, &count)) {
        buffer_printf(reply, "a count is a number from 1 to %u", TOP_COUNT_MAX);
        return false;
    }
    if (!number_read(window, COST_SECONDS_MAX, &seconds)) {
        buffer_printf(reply, "a number of seconds is one from 1 to %u", COST_SECONDS_MAX);
        return false;
    }
    if (span_is(by, "queued"))
        return top_readers(b, count, reply);
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (span_equal(by, span_of(orders[i].word)))
            return top_publishers(b, orders[i].order, count, seconds, reply);
    buffer_literal(reply, "top is by deliveries, changes, bytes or queued");
    return false;
}

/* ---- explain ---- */

static void ask_publisher(struct worker *w, void *context)
{
    struct explanation *e = context;
    if (w->index == e->publisher.home)
        explain_publisher(e, &w->router);
}

static void ask_watcher(struct worker *w, void *context)
{
    struct explanation *e = context;
    if (w->index == e->watcher.home)
        explain_watcher(e, &w->router);
}

static void roster_read(struct broker *b, struct explained_account *a, const struct explained_account *other)
{
    struct arena arena;
    struct store_roster roster = {0};
    if (a->is_roster_known)
        return;
    arena_init(&arena);
    int result = broker_roster_read(b, jid_bare(&a->jid), &arena, &roster);
    explain_stored(a, result, &roster, &other->jid);
    arena_fini(&arena);
}

static bool account_read(struct span word, char storage[static JID_BYTES_MAX], struct jid *ret,
                         struct buffer *reply)
{
    if (jid_parse(word, storage, ret) == 0 && ret->local_len)
        return true;
    buffer_append(reply, word);
    buffer_literal(reply, ": not the address of an account or one of its resources");
    return false;
}

static bool explain(struct broker *b, struct span rest, struct buffer *reply)
{
    char texts[2][JID_BYTES_MAX];
    struct jid publisher, watcher;
    struct explanation e;
    struct verdict v;
    if (!account_read(word_cut(&rest), texts[0], &publisher, reply) ||
        !account_read(word_cut(&rest), texts[1], &watcher, reply))
        return false;
    explanation_init(&e, b->routers[0], &publisher, &watcher);
    broker_ask(b, ask_publisher, &e);
    broker_ask(b, ask_watcher, &e);
    roster_read(b, &e.publisher, &e.watcher);
    roster_read(b, &e.watcher, &e.publisher);
    verdict_make(&e, &v);
    buffer_append(reply, verdict_is_seen(&v) ? SPAN("sees\n") : SPAN("unseen\n"));
    if (span_is(rest, "json"))
        verdict_write_json(&v, &e, reply);
    else
        verdict_write(&v, &e, reply);
    verdict_fini(&v);
    explanation_fini(&e);
    return true;
}

/* ---- the commands ---- */

static const struct {
    const char *word;
    bool (*run)(struct broker *b, struct span rest, struct buffer *reply);
} commands[] = {
    {"explain", explain},
    {"top", top},
};

/* The row of a command, or -1; *ret_rest: the words behind its own. */
static int command_find(struct span command, struct span *ret_rest)
{
    struct span rest = command, word = word_cut(&rest);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!span_equal(word, span_of(commands[i].word)))
            continue;
        *ret_rest = rest;
        return (int)i;
    }
    return -1;
}

bool command_presence_known(struct span command)
{
    struct span rest;
    return command_find(command, &rest) >= 0;
}

bool command_presence_run(struct broker *b, struct span command, struct buffer *reply)
{
    struct span rest;
    int row = command_find(command, &rest);
    return row >= 0 && commands[row].run(b, rest, reply);
}
