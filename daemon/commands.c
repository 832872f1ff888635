/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator asks of the running daemon, by musterctl (on the control thread) or by ad-hoc
 * commands (on a job thread): one at a time. */
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "broker.h"
#include "commands_federation.h"
#include "commands_offload.h"
#include "commands_presence.h"
#include "commands_session.h"
#include "offload/verdict.h"
#include "store/command.h"
#include "tls/client.h"

struct totals {
    pthread_mutex_t lock;
    struct router_counters router;
    struct stream_counters stream;
    struct net_counters net;
    struct loop_counters loop;
    struct muster_loop_counters program;
    int64_t accounts, sessions, clients, entities;
    uint64_t record_bytes, entity_bytes, slab_bytes;
    size_t account_bytes, session_bytes; /* of one */
};

/* Each counters struct is nothing but uint64_t. */
static void counters_add(void *to, const void *from, size_t bytes)
{
    uint64_t *sum = to;
    const uint64_t *more = from;
    for (size_t i = 0; i < bytes / sizeof *sum; i++)
        sum[i] += more[i];
}

static void ask_totals(struct worker *w, void *context)
{
    struct totals *t = context;
    struct loop_counters loop = loop_counters_read(w->loop);
    struct muster_loop_counters program = loop_program_counters(w->loop);
    pthread_mutex_lock(&t->lock);
    counters_add(&t->router, &w->router.counters, sizeof t->router);
    counters_add(&t->stream, &w->streams.counters, sizeof t->stream);
    counters_add(&t->net, &w->net.counters, sizeof t->net);
    counters_add(&t->loop, &loop, sizeof t->loop);
    counters_add(&t->program, &program, sizeof t->program);
    t->accounts += w->router.accounts.live;
    t->sessions += w->router.sessions.live;
    t->clients += w->clients.live;
    t->entities += w->router.entities.table.count;
    t->record_bytes += w->net.record_bytes;
    t->entity_bytes += entity_table_bytes(&w->router.entities);
    t->slab_bytes +=
        slab_bytes(&w->clients) + slab_bytes(&w->router.accounts) + slab_bytes(&w->router.sessions);
    t->account_bytes = w->router.accounts.object_bytes;
    t->session_bytes = w->router.sessions.object_bytes;
    pthread_mutex_unlock(&t->lock);
}

/* What the allocator has given out, and what of it each room has for its objects in use. The rest: rosters, watch lists,
 * frames, addresses, queues, the daemon itself. */
static void memory_write(const struct totals *t, struct buffer *out)
{
    uint64_t conns = (uint64_t)t->clients * sizeof(struct conn);
    uint64_t streams = (uint64_t)t->clients * (sizeof(struct client) - sizeof(struct conn));
    uint64_t sessions = (uint64_t)t->sessions * t->session_bytes + t->entity_bytes;
    uint64_t accounts = (uint64_t)t->accounts * t->account_bytes;
    uint64_t in_slabs = conns + streams + accounts + (uint64_t)t->sessions * t->session_bytes;
    uint64_t unused = t->slab_bytes > in_slabs ? t->slab_bytes - in_slabs : 0;
    uint64_t named = conns + t->record_bytes + streams + sessions + accounts + unused;
    struct mallinfo2 heap = mallinfo2();
    uint64_t used = heap.uordblks + heap.hblkhd;
    const struct {
        const char *name;
        uint64_t bytes;
    } rows[] = {
        {"memory_net_bytes", conns},
        {"memory_tls_bytes", t->record_bytes},
        {"memory_stream_bytes", streams},
        {"memory_session_bytes", sessions},
        {"memory_presence_bytes", accounts},
        {"memory_slab_unused_bytes", unused},
        {"memory_other_bytes", used > named ? used - named : 0},
        {"memory_heap_used_bytes", used},
        {"memory_heap_free_bytes", heap.fordblks},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        buffer_printf(out, "%s\t%llu\n", rows[i].name, (unsigned long long)rows[i].bytes);
}

static void stats_write(struct broker *b, struct buffer *out)
{
    struct totals t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    broker_ask(b, ask_totals, &t);
    struct store_counters store = store_counters_read(b->store);
    struct tls_client_counters certificates =
        b->tls ? tls_context_client_counters(b->tls) : (struct tls_client_counters){0};
    struct verdict_counters verdict =
        b->sifting.verdict ? verdict_counters_read(b->sifting.verdict) : (struct verdict_counters){0};
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"workers", b->worker_count},
        {"connections", (uint64_t)t.clients - t.stream.sessions_detached},
        {"sessions", (uint64_t)t.sessions},
        {"accounts_loaded", (uint64_t)t.accounts},
        {"entities", (uint64_t)t.entities},
        {"connections_accepted", t.net.accepted},
        {"connections_refused", t.net.refused},
        {"connections_refused_rate", t.net.refused_fast},
        {"tls_handshakes", t.net.handshakes},
        {"tls_handshakes_failed", t.net.handshakes_failed},
        {"tls_kernel_records", t.net.kernel_records},
        {"registrations", t.stream.registered},
        {"authentications", t.stream.authenticated},
        {"authentication_failures", t.stream.authentication_failures},
        {"logins_delayed", t.stream.logins_delayed},
        {"certificates_revoked", certificates.revoked},
        {"certificates_unknown", certificates.unknown},
        {"certificates_ended_expired", t.stream.certificates_expired},
        {"certificates_ended_revoked", t.stream.certificates_revoked},
        {"crls_read", certificates.lists_read},
        {"crls_unread", certificates.lists_failed},
        {"ocsp_asked", certificates.asked},
        {"ocsp_failed", certificates.ask_failed},
        {"sessions_bound", t.stream.bound},
        {"stream_errors", t.stream.stream_errors},
        {"stanzas_received", t.stream.stanzas},
        {"keepalives", t.stream.keepalives},
        {"verdict_watched", verdict.watched},
        {"verdict_keepalives", verdict.keepalives},
        {"verdict_floods", verdict.floods},
        {"presences_received", t.router.presences_received},
        {"directed_received", t.router.directed_received},
        {"subscriptions_received", t.router.subscriptions_received},
        {"probes_received", t.router.probes_received},
        {"messages_received", t.router.messages_received},
        {"queries_received", t.router.queries_received},
        {"others_received", t.router.others_received},
        {"presence_changes", t.router.presence_changes},
        {"flaps_held", t.router.flaps_held},
        {"flaps_damped", t.router.flaps_damped},
        {"presences_delayed", t.router.presences_delayed},
        {"presences_superseded", t.router.presences_superseded},
        {"presence_deliveries", t.router.presence_deliveries},
        {"directed_delivered", t.router.directed_delivered},
        {"subscriptions_delivered", t.router.subscriptions_delivered},
        {"messages_delivered", t.router.messages_delivered},
        {"messages_kept_offline", t.router.messages_kept},
        {"messages_given_later", t.router.messages_given},
        {"messages_copied", t.router.messages_copied},
        {"messages_archived", t.router.messages_archived},
        {"events_published", t.router.events_published},
        {"events_delivered", t.router.events_delivered},
        {"caps_asked", t.router.caps_asked},
        {"caps_refused", t.router.caps_refused},
        {"queries_delivered", t.router.queries_delivered},
        {"stanzas_routed", t.router.stanzas_routed},
        {"subscriptions", t.router.subscriptions},
        {"roster_changes", t.router.roster_changes},
        {"stanzas_blocked", t.router.blocked},
        {"stanza_errors", t.router.errors},
        {"strangers_refused", t.router.strangers_refused},
        {"remote_sent", t.router.remote_sent},
        {"remote_received", t.router.remote_received},
        {"remote_failed", t.router.remote_failed},
        {"streams_throttled", t.stream.throttled},
        {"slow_readers", t.net.slow_readers},
        {"sessions_inactive", t.stream.sessions_inactive},
        {"sessions_detached", t.stream.sessions_detached},
        {"sm_enabled", t.stream.sm_enabled},
        {"sm_detached", t.stream.sm_parked},
        {"sm_resumed", t.stream.sm_resumed},
        {"sm_expired", t.stream.sm_expired},
        {"sm_refused", t.stream.sm_refused},
        {"sm_requests", t.stream.sm_requests},
        {"sm_resent", t.stream.sm_resent},
        {"sm_overflows", t.stream.sm_overflows},
        {"messages_rerouted", t.router.messages_rerouted},
        {"presences_held", t.stream.presences_held},
        {"presences_conflated", t.stream.presences_conflated},
        {"held_overflows", t.stream.held_overflows},
        {"sends", t.net.sends},
        {"bytes_sent", t.net.bytes_sent},
        {"receives", t.net.receives},
        {"bytes_received", t.net.bytes_received},
        {"loop_attached", b->looping.is_on ? b->worker_count : 0},
        {"loop_steps", t.program.steps},
        {"loop_submitted", t.program.submitted},
        {"loop_seen", t.program.completed},
        {"loop_keepalives", t.program.swallowed},
        {"loop_keepalive_octets", t.program.white_octets},
        {"loop_pauses", t.program.pauses},
        {"loop_wakes", t.program.wakes},
        {"loop_limits", t.program.limits},
        {"loop_waited", t.loop.waited},
        {"loop_alive", t.loop.alive},
        {"loop_slotless", t.loop.slotless},
        {"loop_turns", t.loop.turns},
        {"loop_completions", t.loop.completions},
        {"worker_messages", t.loop.messages},
        {"worker_doorbells", t.loop.doorbells},
        {"receives_starved", t.loop.starved},
        {"store_requests", store.requests},
        {"store_transactions", store.transactions},
        {"store_failures", store.failed},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        buffer_printf(out, "%s\t%llu\n", rows[i].name, (unsigned long long)rows[i].value);
    signatures_stats_write(b, &t.router, out);
    federation_stats_write(b, out);
    stats_cost_write(b, out);
    memory_write(&t, out);
}

/* ---- commands on the database ---- */

struct command_wait {
    struct store_request request;
    struct broker *broker;
    bool is_done; /* under the broker's lock */
};

static void command_done(struct store_request *r)
{
    struct command_wait *w = container_of(r, struct command_wait, request);
    struct broker *b = w->broker;
    pthread_mutex_lock(&b->lock);
    w->is_done = true;
    pthread_cond_broadcast(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

static void command_wait(struct broker *b, struct command_wait *w)
{
    w->request.done = command_done;
    store_submit(b->store, &w->request);
    pthread_mutex_lock(&b->lock);
    while (!w->is_done)
        pthread_cond_wait(&b->wake, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

int broker_roster_read(struct broker *b, struct span bare, struct arena *arena, struct store_roster *ret)
{
    struct command_wait w = {.broker = b};
    w.request.operation = STORE_ROSTER;
    w.request.jid = bare;
    w.request.arena = *arena;
    command_wait(b, &w);
    *arena = w.request.arena;
    if (w.request.result == 0)
        *ret = w.request.roster;
    return w.request.result;
}

/* Accounts are a line each; what has TABs in it is about groups, and goes to the workers as one change. */
static void affected_tell(struct broker *b, struct span affected, bool is_removal)
{
    struct buffer groups = {0};
    while (affected.len) {
        const char *end = memchr(affected.ptr, '\n', affected.len);
        struct span line = span_make(affected.ptr, end ? (size_t)(end - affected.ptr) + 1 : affected.len);
        affected = span_skip(affected, line.len);
        if (memchr(line.ptr, '\t', line.len))
            buffer_append(&groups, line);
        else
            router_account_changed(b->routers, b->worker_count, span_make(line.ptr, line.len - (end ? 1 : 0)),
                                   is_removal);
    }
    if (groups.len && buffer_ok(&groups))
        broker_groups_change(b, buffer_span(&groups));
    buffer_fini(&groups);
}

int broker_database_command(struct broker *b, struct span command, struct span body, struct buffer *reply,
                            struct store_request *asker)
{
    struct command_wait w = {.broker = b};
    bool is_removal = span_starts(command, SPAN("user\tremove"));
    w.request.operation = STORE_COMMAND;
    w.request.command = command;
    w.request.body = body;
    arena_init(&w.request.arena);
    command_wait(b, &w);
    buffer_append(reply, buffer_span(&w.request.reply));
    int result = w.request.result;
    if (asker)
        asker->result = result;
    if (asker && is_removal)
        asker->done(asker); /* `command` is gone */
    if (result == 0)
        affected_tell(b, buffer_span(&w.request.affected), is_removal);
    if (asker && !is_removal)
        asker->done(asker);
    buffer_fini(&w.request.reply);
    buffer_fini(&w.request.affected);
    arena_fini(&w.request.arena);
    return result;
}

static bool command_run(struct broker *b, struct span command, struct span body, struct buffer *reply)
{
    if (store_command_known(command))
        return broker_database_command(b, command, body, reply, NULL) == 0;
    if (command_session_known(command))
        return command_session_run(b, command, body, reply);
    if (span_is(command, "stats")) {
        stats_write(b, reply);
        return true;
    }
    if (federation_command_known(command))
        return federation_command_run(b, command, reply);
    if (command_offload_known(command))
        return command_offload_run(b, command, reply);
    if (command_presence_known(command))
        return command_presence_run(b, command, reply);
    if (span_is(command, "reload"))
        return reload_run(b, "musterctl", reply);
    if (span_is(command, "shutdown")) {
        log_info("stopping", "by=musterctl");
        kill(getpid(), SIGTERM);
        return true;
    }
    buffer_literal(reply, "unknown command");
    return false;
}

bool broker_command(void *context, struct span command, struct span body, struct buffer *reply)
{
    struct broker *b = context;
    pthread_mutex_lock(&b->commands);
    bool is_done = command_run(b, command, body, reply);
    pthread_mutex_unlock(&b->commands);
    return is_done;
}
