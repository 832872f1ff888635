/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "base/clock.h"

static void stage_online(struct session *s);
static void stage_stanza(struct session *s, const struct element *stanza);
static void stage_ended(struct session *s, const char *reason);

static const struct session_hooks stage_hooks = {stage_online, stage_stanza, stage_ended};

static struct stage *stage_of(const struct session *s)
{
    return ((struct crowd *)s->owner)->owner;
}

int stage_open(struct stage *st, const struct options *o)
{
    *st = (struct stage){0};
    if (o->rosters == NULL && !o->everybody) {
        fprintf(stderr, "muster-bench: --rosters FILE is needed (muster-bench prepare writes one)\n");
        return 1;
    }
    if (crowd_open(&st->crowd, o, &stage_hooks, st) != 0)
        return 1;
    uint32_t count = st->crowd.accounts.count;
    st->sent_ns = calloc(count, sizeof *st->sent_ns);
    st->has_left = calloc(count, sizeof *st->has_left);
    st->is_beside = calloc(count, sizeof *st->is_beside);
    st->got_ns = calloc(count, sizeof *st->got_ns);
    st->told_ns = calloc(count, sizeof *st->told_ns);
    if (st->sent_ns == NULL || st->has_left == NULL || st->is_beside == NULL || st->got_ns == NULL ||
        st->told_ns == NULL || RAND_bytes((unsigned char *)&st->run, sizeof st->run) != 1) {
        fprintf(stderr, "muster-bench: out of memory\n");
        return 1;
    }
    return 0;
}

void stage_fini(struct stage *st)
{
    if (st->sent_ns != NULL)
        for (uint32_t i = 0; i < st->crowd.accounts.count; i++)
            free(st->sent_ns[i]);
    free(st->sent_ns);
    free(st->has_left);
    free(st->is_beside);
    free(st->got_ns);
    free(st->told_ns);
    checker_free(st->checker);
    crowd_fini(&st->crowd);
}

/* Everybody watches those who have it as "from" or "both" in their roster, and itself (RFC 6121
 * section 4.2.2: own resources include the sender); or everybody watches everybody. Who does not take part
 * watches nothing and publishes nothing. */
static struct checker *checker_build(const struct stage *st, uint32_t sequence_max)
{
    const struct accounts *a = &st->crowd.accounts;
    size_t room = st->crowd.options->everybody ? (size_t)a->count * a->count : a->line_count + a->count,
           count = 0;
    struct checker_edge *edges = calloc(room, sizeof *edges);
    if (edges == NULL)
        return NULL;
    for (uint32_t i = 0; st->crowd.options->everybody && i < a->count; i++)
        for (uint32_t j = 0; j < a->count; j++)
            edges[count++] = (struct checker_edge){.watcher = i, .publisher = j};
    for (uint32_t i = 0; count < room && i < a->count; i++)
        edges[count++] = (struct checker_edge){.watcher = i, .publisher = i};
    for (size_t i = 0; count < room && i < a->line_count; i++)
        if (a->lines[i].from)
            edges[count++] =
                (struct checker_edge){.watcher = a->lines[i].contact, .publisher = a->lines[i].owner};
    struct checker *checker = checker_new(a->count, edges, count, sequence_max);
    free(edges);
    for (uint32_t i = 0; checker != NULL && i < a->count; i++)
        checker_leave(checker, i);
    for (uint32_t i = 0; checker != NULL && i < st->crowd.member_count; i++)
        checker_join(checker, st->crowd.members[i]);
    return checker;
}

static void logging_in(struct stage *st, bool is_under_way)
{
    st->is_logging_in = is_under_way;
    st->checker->tolerates_repeats = is_under_way && !st->crowd.options->strict_login;
}

int stage_login(struct stage *st, uint32_t sequence_max)
{
    st->sequence_max = sequence_max;
    st->checker = checker_build(st, sequence_max);
    if (st->checker == NULL) {
        fprintf(stderr, "muster-bench: out of memory\n");
        return 1;
    }
    logging_in(st, true);
    if (crowd_login(&st->crowd) != 0)
        return 1;
    stage_wait(st, "initial presence");
    crowd_rest(&st->crowd, st->crowd.options->settle_ms);
    logging_in(st, false);
    return 0;
}

/* What marks a presence as ours: run, publisher, sequence. */
static void presence_print(const struct stage *st, struct buffer *out, uint32_t publisher, uint32_t sequence,
                           bool is_available)
{
    static const char *const shows[] = {"", "<show>away</show>", "<show>dnd</show>"};
    if (is_available)
        buffer_printf(out, "<presence>%s", shows[sequence % 3]);
    else
        buffer_literal(out, "<presence type='unavailable'>");
    buffer_printf(out, "<status>mb %u %u %u ", st->run, publisher, sequence);
    size_t rest = sizeof "</status></presence>" - 1;
    while (out->len + rest < st->crowd.options->stanza_bytes && buffer_ok(out))
        buffer_append_char(out, 'x');
    buffer_literal(out, "</status></presence>");
}

/* Remember when; a publisher that only logs in costs nothing. */
static void sent_note(struct stage *st, uint32_t publisher, uint32_t sequence)
{
    if (sequence == 0)
        return;
    if (st->sent_ns[publisher] == NULL)
        st->sent_ns[publisher] = calloc(st->sequence_max + 1, sizeof(uint64_t));
    if (st->sent_ns[publisher] != NULL)
        st->sent_ns[publisher][sequence] = clock_now_ns();
}

void stage_publish(struct stage *st, uint32_t publisher)
{
    struct buffer stanza;
    buffer_init(&stanza);
    uint32_t sequence = checker_publish(st->checker, publisher);
    presence_print(st, &stanza, publisher, sequence, true);
    sent_note(st, publisher, sequence);
    session_send(&st->crowd.sessions[publisher], buffer_span(&stanza));
    buffer_fini(&stanza);
}

void stage_leave(struct stage *st, const uint32_t *leavers, uint32_t count, enum leave_mode mode)
{
    /* First nobody who leaves expects anything, then what the others must see is counted. */
    for (uint32_t i = 0; i < count; i++) {
        checker_leave(st->checker, leavers[i]);
        st->has_left[leavers[i]] = true;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct session *s = &st->crowd.sessions[leavers[i]];
        uint32_t sequence = checker_publish(st->checker, leavers[i]);
        checker_silence(st->checker, leavers[i]);
        sent_note(st, leavers[i], sequence);
        if (mode == LEAVE_CUT) {
            session_cut(s);
            continue;
        }
        struct buffer stanza;
        buffer_init(&stanza);
        presence_print(st, &stanza, leavers[i], sequence, false);
        session_send(s, buffer_span(&stanza));
        session_close(s);
        buffer_fini(&stanza);
    }
}

static void stage_online(struct session *s)
{
    stage_publish(stage_of(s), s->index);
}

static void stage_ended(struct session *s, const char *reason)
{
    (void)s;
    (void)reason; /* the crowd counts it; what the session misses is found missing */
}

/* Take a decimal number and the blank behind it off `text`. */
static bool number_take(struct span *text, uint32_t *ret_number)
{
    uint64_t number = 0;
    size_t at = 0;
    while (at < text->len && at < 10 && text->ptr[at] >= '0' && text->ptr[at] <= '9')
        number = number * 10 + (uint64_t)(text->ptr[at++] - '0');
    if (at == 0 || at >= text->len || text->ptr[at] != ' ' || number > UINT32_MAX)
        return false;
    *text = span_skip(*text, at + 1);
    *ret_number = (uint32_t)number;
    return true;
}

/* Read what presence_print marked; false when it is not of this run and publisher. */
static bool mark_read(const struct stage *st, const struct element *presence, uint32_t publisher,
                      uint32_t *ret_sequence)
{
    struct element status;
    uint32_t run, named;
    if (!element_child(presence, "status", &status) || !span_starts(status.body, SPAN("mb ")))
        return false;
    struct span text = span_skip(status.body, 3);
    return number_take(&text, &run) && number_take(&text, &named) && number_take(&text, ret_sequence) &&
           run == st->run && named == publisher;
}

static void complain(struct stage *st, enum violation_kind kind, uint32_t watcher, uint32_t publisher)
{
    checker_violation(st->checker, (struct violation){kind, watcher, publisher, UINT32_MAX});
}

static void arrive(struct stage *st, uint32_t watcher, uint32_t publisher, uint32_t sequence, size_t bytes)
{
    if (!checker_deliver(st->checker, watcher, publisher, sequence))
        return;
    st->arrived_bytes += bytes;
    st->last_arrival_ns = st->got_ns[watcher] = st->told_ns[publisher] = clock_now_ns();
    crowd_moved(&st->crowd);
    if (st->crowd.sessions[watcher].is_exempt)
        st->late_at_exempt++;
    else if (sequence > 0 && st->sent_ns[publisher] != NULL &&
             !checker_is_first(st->checker, publisher, sequence))
        histogram_add(st->is_beside[publisher] ? &st->beside : &st->delivery,
                      st->last_arrival_ns - st->sent_ns[publisher][sequence]);
}

static void on_available(struct stage *st, const struct session *s, const struct element *presence,
                         uint32_t publisher, struct span from)
{
    uint32_t sequence;
    const char *full_jid = st->crowd.sessions[publisher].full_jid;
    if (!mark_read(st, presence, publisher, &sequence) || full_jid == NULL ||
        !span_equal(from, span_of(full_jid)))
        complain(st, VIOLATION_GARBLED, s->index, publisher);
    else
        arrive(st, s->index, publisher, sequence, presence->raw.len);
}

static void on_unavailable(struct stage *st, const struct session *s, const struct element *presence,
                           uint32_t publisher)
{
    if (!checker_watches(st->checker, s->index, publisher))
        complain(st, VIOLATION_MISDELIVERED, s->index, publisher);
    else if (st->crowd.sessions[publisher].is_exempt || st->crowd.sessions[s->index].is_exempt)
        st->late_at_exempt += st->crowd.sessions[s->index].is_exempt;
    else if (st->is_logging_in && !checker_has_seen(st->checker, s->index, publisher))
        st->offline_answers++; /* RFC 6121 section 4.3.2.3 */
    else if (st->has_left[publisher])
        arrive(st, s->index, publisher, st->checker->published[publisher] - 1, presence->raw.len);
    else
        complain(st, VIOLATION_UNEXPECTED, s->index, publisher);
}

static void stage_stanza(struct session *s, const struct element *stanza)
{
    struct stage *st = stage_of(s);
    if (!span_is(stanza->name, "presence")) {
        if (st->other != NULL)
            st->other(st->other_context, s, stanza);
        else if (!span_is(element_attribute_or_empty(stanza, "type"), "result"))
            st->other_stanzas++;
        return;
    }
    struct span from = element_attribute_or_empty(stanza, "from");
    struct span to = element_attribute_or_empty(stanza, "to");
    struct span type = element_attribute_or_empty(stanza, "type");
    uint32_t publisher = from.len > 0 ? accounts_find(&st->crowd.accounts, from) : s->index;
    if (to.len > 0 && accounts_find(&st->crowd.accounts, to) != s->index)
        complain(st, VIOLATION_MISDELIVERED, s->index, publisher);
    else if (publisher == ACCOUNTS_UNKNOWN && st->is_logging_in && span_is(type, "unavailable"))
        st->offline_answers++; /* of a contact that takes no part */
    else if (publisher == ACCOUNTS_UNKNOWN)
        complain(st, VIOLATION_UNEXPECTED, s->index, CHECKER_NOBODY);
    else if (type.len == 0)
        on_available(st, s, stanza, publisher, from);
    else if (span_is(type, "unavailable"))
        on_unavailable(st, s, stanza, publisher);
    else
        complain(st, VIOLATION_UNEXPECTED, s->index, publisher);
}

/* Deliveries of which one of these is an end. */
static uint64_t concerned(const struct checker *c, const uint32_t *who, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (uint64_t)c->due[who[i]] + c->owed[who[i]];
    return sum;
}

bool stage_wait_for(struct stage *st, const uint32_t *who, uint32_t count, const char *what)
{
    uint64_t first = concerned(st->checker, who, count), last = first, moved_ms = clock_now_ms();
    while (last > 0) {
        if (clock_now_ms() - moved_ms > st->crowd.options->timeout_s * 1000 ||
            crowd_turn(&st->crowd, 50) != 0)
            return false;
        uint64_t now = concerned(st->checker, who, count);
        if (now < last)
            moved_ms = clock_now_ms();
        last = now;
        progress_show(what, first > last ? first - last : 0, first);
    }
    return true;
}

/* Until each of them has really gone. */
static bool wait_off(struct stage *st, const uint32_t *who, uint32_t count)
{
    uint64_t began_ms = clock_now_ms();
    for (uint32_t i = 0; i < count;) {
        if (st->crowd.sessions[who[i]].state == SESSION_OFF)
            i++;
        else if (clock_now_ms() - began_ms > st->crowd.options->timeout_s * 1000 ||
                 crowd_turn(&st->crowd, 20) != 0)
            return false;
    }
    return true;
}

bool stage_return(struct stage *st, const uint32_t *who, uint32_t count)
{
    if (!wait_off(st, who, count))
        return false;
    logging_in(st, true);
    for (uint32_t i = 0; i < count; i++) {
        st->has_left[who[i]] = false;
        checker_return(st->checker, who[i]);
    }
    bool complete =
        crowd_login_some(&st->crowd, who, count) == 0 && stage_wait_for(st, who, count, "coming back");
    crowd_rest(&st->crowd, st->crowd.options->settle_ms);
    logging_in(st, false);
    return complete;
}

bool stage_wait(struct stage *st, const char *what)
{
    crowd_moved(&st->crowd);
    while (!checker_is_complete(st->checker)) {
        if (crowd_is_stalled(&st->crowd) || crowd_turn(&st->crowd, 50) != 0)
            return false;
        progress_show(what, st->checker->arrived, st->checker->expected);
    }
    return true;
}

int stage_play(const struct options *o, int (*run)(struct stage *st, const struct options *o))
{
    static struct stage stage; /* its histograms are large for a stack, and it is one per process */
    int code = stage_open(&stage, o);
    if (code == 0) {
        code = run(&stage, o);
        crowd_logout(&stage.crowd);
    }
    stage_fini(&stage);
    return code;
}

int stage_play_first(const struct options *o, int (*serve)(struct partner *first, const void *options),
                     int (*run)(struct stage *st, struct partner *second, const struct options *o))
{
    static struct stage stage; /* large */
    struct partner second;
    if (partner_start(&second, serve, o) != 0)
        return 1;
    int code = stage_open(&stage, o);
    if (code == 0) {
        code = run(&stage, &second, o);
        crowd_logout(&stage.crowd);
    }
    stage_fini(&stage);
    return partner_end(&second, NULL, 0) ? code : 1;
}

int stage_play_second(struct partner *first, const struct options *given,
                      int (*run)(struct stage *st, struct partner *first))
{
    static struct stage stage; /* large */
    struct options o = *given;
    int code = stage_open(&stage, &o);
    o.keys = NULL; /* they are there; the first process writes them */
    if (code == 0) {
        code = run(&stage, first);
        crowd_logout(&stage.crowd);
    }
    stage_fini(&stage);
    return code;
}

bool stage_meet(struct stage *st, const struct partner *second)
{
    char answer;
    while (!partner_is_ready(second))
        crowd_rest(&st->crowd, 20);
    return partner_hear(second, &answer);
}

static const char *name_of(const struct stage *st, uint32_t session)
{
    return session < st->crowd.accounts.count ? st->crowd.accounts.list[session].jid : "somebody unknown";
}

bool stage_report(struct stage *st, struct report *r, bool is_complete)
{
    struct checker *c = st->checker;
    char text[400];
    checker_finish(c);
    report_count(r, "deliveries_expected", c->expected);
    report_count(r, "deliveries_arrived", c->arrived);
    if (c->arrived > 0)
        report_number(r, "delivered_bytes", (double)st->arrived_bytes / (double)c->arrived);
    report_count(r, "repeats_at_login", c->repeats);
    report_count(r, "offline_answers_at_login", st->offline_answers);
    report_count(r, "other_stanzas", st->other_stanzas);
    report_count(r, "sessions_lost", st->crowd.failed);
    if (st->crowd.failed > 0)
        report_text(r, "first_loss", st->crowd.first_failure);
    report_count(r, "violations", checker_violations(c));
    for (int kind = 0; kind < VIOLATION_KINDS; kind++)
        report_count(r, violation_name((enum violation_kind)kind), c->violation_count[kind]);
    report_list(r, "violation_list");
    for (uint32_t i = 0; i < c->kept_count; i++) {
        const struct violation *v = &c->kept[i];
        int len = snprintf(text, sizeof text, "%s: presence of %s at %s", violation_name(v->kind),
                           name_of(st, v->publisher), name_of(st, v->watcher));
        if (v->sequence != UINT32_MAX && len > 0 && (size_t)len < sizeof text)
            snprintf(text + len, sizeof text - (size_t)len, ", change %u", v->sequence);
        report_list_item(r, text);
    }
    report_list_end(r);
    bool is_clean =
        is_complete && checker_violations(c) == 0 && st->crowd.failed == 0 && checker_is_complete(c);
    report_text(r, "result", is_clean ? "ok" : "FAILED");
    return is_clean;
}
