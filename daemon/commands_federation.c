/* SPDX-License-Identifier: Apache-2.0 */
#include "commands_federation.h"

#include "broker.h"
#include "commands_session.h"
#include "federation.h"
#include "link/link.h"

struct totals {
    pthread_mutex_t lock;
    struct link_counters counters;
};

static void ask_totals(struct worker *w, void *context)
{
    struct totals *t = context;
    const uint64_t *more = (const uint64_t *)&federation_links(w)->counters; /* nothing but uint64_t */
    uint64_t *sum = (uint64_t *)&t->counters;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < sizeof t->counters / sizeof *sum; i++)
        sum[i] += more[i];
    pthread_mutex_unlock(&t->lock);
}

void federation_stats_write(struct broker *b, struct buffer *out)
{
    struct totals t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    if (!b->federation)
        return;
    broker_ask(b, ask_totals, &t);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"server_streams_in", t.counters.incoming},
        {"server_streams_out", t.counters.outgoing},
        {"server_streams_accepted", t.counters.accepted},
        {"server_streams_refused", t.counters.refused},
        {"server_streams_opened", t.counters.opened},
        {"server_authentications_in", t.counters.authenticated_incoming},
        {"server_authentications_out", t.counters.authenticated_outgoing},
        {"server_streams_failed", t.counters.failed},
        {"server_streams_bidirectional", t.counters.bidirectional},
        {"server_stream_errors", t.counters.stream_errors},
        {"server_streams_throttled", t.counters.throttled},
        {"server_stanzas_received", t.counters.stanzas_received},
        {"server_stanzas_sent", t.counters.stanzas_sent},
        {"server_stanzas_queued", t.counters.queued},
        {"server_stanzas_failed", t.counters.stanzas_failed},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        buffer_printf(out, "%s\t%llu\n", rows[i].name, (unsigned long long)rows[i].value);
}

struct report {
    pthread_mutex_t lock;
    struct buffer *out;
};

static void ask_links(struct worker *w, void *context)
{
    struct report *report = context;
    struct buffer mine = {0};
    links_write(federation_links(w), &mine);
    pthread_mutex_lock(&report->lock);
    buffer_append(report->out, buffer_span(&mine));
    pthread_mutex_unlock(&report->lock);
    buffer_fini(&mine);
}

bool federation_command_known(struct span command)
{
    return span_is(command, "server\tlist");
}

bool federation_command_run(struct broker *b, struct span command, struct buffer *reply)
{
    (void)command;
    if (!b->federation) {
        buffer_literal(reply, "federation is not enabled");
        return false;
    }
    struct report report = {PTHREAD_MUTEX_INITIALIZER, reply};
    broker_ask(b, ask_links, &report);
    command_lines_sort(reply);
    return true;
}
