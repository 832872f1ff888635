/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms beyond the descriptor limit: real routers, rosters and watch lists, with a sink that counts in
 * place of sockets, and the rows of a real database. Prints a table: CPU per delivery and per contact, the
 * longest turn, memory per contact.
 *
 *     bench_rooms [CONTACTS] [ONLINE]      100000 contacts of whom 100000 are online, if not said otherwise
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "route/router.h"
#include "store/db.h"

#define WORKERS 2
#define BIG "big@localhost"

struct loop {
    struct mailbox mailbox;
    struct lanes lanes;
    struct router *router;
};

static struct bench {
    struct loop loops[WORKERS];
    struct router routers[WORKERS];
    struct router *peers[WORKERS];
    uint32_t contacts;
    uint64_t sent, bytes, results; /* the sink's */
    uint64_t turns, longest_ns, total_ns;
    struct store_db *db;
    struct store_epochs epochs;
    struct xml_scan *scan;
    struct arena arena;
    struct stream_worker streams;
} bench;

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- in place of ring/ ---- */

void loop_post(struct loop *to, struct loop *from, struct message *m)
{
    (void)from;
    mailbox_put(&to->mailbox, m);
}

void loop_work_start(struct loop *l, struct lane_work *w, enum lane lane)
{
    lanes_start(&l->lanes, w, lane);
}

/* No time passes: nothing that is measured waits for any. */
uint64_t loop_now_ms(const struct loop *l)
{
    (void)l;
    return 0;
}

void loop_timer_start(struct loop *l, struct timer *t, uint64_t after_ms)
{
    (void)l;
    (void)t;
    (void)after_ms;
}

void loop_timer_stop(struct loop *l, struct timer *t)
{
    (void)l;
    (void)t;
}

/* ---- in place of stream/: a sink ---- */

void stream_send(struct stream *s, struct frame *f)
{
    bench.sent++;
    bench.bytes += f->len;
    s->conn.out.bytes++; /* per reader */
    frame_unref(f);
}

void stream_bound(struct stream *s, struct session *session, struct span jid)
{
    (void)jid;
    s->session = session;
    s->state = STREAM_BOUND;
}

void stream_fail(struct stream *s, enum stream_error e, const char *text)
{
    (void)s;
    (void)e;
    fprintf(stderr, "stream-fail %s\n", text ? text : "");
    exit(1);
}

void stream_refuse_bind(struct stream *s, enum stanza_error e)
{
    (void)s;
    fprintf(stderr, "bind refused: %d\n", e);
    exit(1);
}

bool stream_is_resumable(const struct stream *s, struct span id)
{
    (void)s;
    (void)id;
    return false;
}

void stream_expire(struct stream *s)
{
    (void)s;
}

uint64_t stream_parked_until(const struct stream *s)
{
    (void)s;
    return 0;
}

struct frame *stream_undelivered_take(struct stream *s, uint32_t *ret_age_s)
{
    (void)s;
    (void)ret_age_s;
    return NULL;
}

void stream_continue(struct stream *s)
{
    s->is_waiting = false;
}

/* ---- in place of the store's thread ---- */

void store_submit(struct store *s, struct store_request *r)
{
    (void)s;
    r->result = store_roster_load(bench.db, r->jid, &r->arena, &r->roster);
    r->done(r);
}

const struct store_epochs *store_epochs(const struct store *s)
{
    (void)s;
    return &bench.epochs;
}

/* ---- turns ---- */

static bool turn(struct loop *l)
{
    struct message *m = mailbox_take_all(&l->mailbox);
    if (!m && lanes_are_empty(&l->lanes))
        return false;
    uint64_t begin = cpu_ns();
    for (struct message *next; m; m = next) {
        next = m->next;
        m->handle(m, NULL);
    }
    lanes_run(&l->lanes, lanes_turn_budget);
    uint64_t took = cpu_ns() - begin;
    bench.turns++;
    bench.total_ns += took;
    if (took > bench.longest_ns)
        bench.longest_ns = took;
    return true;
}

static void settle(void)
{
    for (bool is_busy = true; is_busy;) {
        is_busy = false;
        for (int i = 0; i < WORKERS; i++)
            is_busy |= turn(&bench.loops[i]);
    }
}

static struct router *router_of(struct span bare)
{
    return bench.peers[router_home(bench.peers[0], bare)];
}

static void log_in(struct stream *s, const char *bare)
{
    *s = (struct stream){.worker = &bench.streams};
    router_bind(router_of(span_of(bare)), s, span_of(bare), &(struct stream_bind){.resource = SPAN("r")});
}

static void say(struct stream *s, const char *text)
{
    struct xml_item item;
    struct stanza stanza;
    enum xml_error error;
    size_t used;
    xml_scan_reset(bench.scan);
    if (xml_scan_next(bench.scan, XML_AT_CONTENT, SPAN("stream:stream"), span_of(text), &item, &used,
                      &error) != 0 ||
        stanza_read(&item, SPAN("jabber:client"), &bench.arena, &stanza) != 0 ||
        !router_stanza(router_of(entity_text(s->session->account->entity)), s, &stanza)) {
        fprintf(stderr, "%s is not taken\n", text);
        exit(1);
    }
    arena_reset(&bench.arena);
}

/* ---- a phase of the table ---- */

struct phase {
    uint64_t cpu, sent, turns;
    size_t heap;
};

static struct phase phase_begin(void)
{
    settle();
    bench.longest_ns = 0;
    return (struct phase){bench.total_ns, bench.sent, bench.turns, mallinfo2().uordblks};
}

/* `begun`: CPU before the first turn. */
static void phase_end(const struct phase *p, const char *name, uint64_t begun, const char *unit,
                      uint64_t count)
{
    settle();
    uint64_t cpu = bench.total_ns - p->cpu + begun;
    printf("| %-36s | %9.1f | %7.0f | %-8s | %7llu | %6llu | %7.2f |\n", name, (double)cpu / 1e6,
           count ? (double)cpu / (double)count : 0, unit, (unsigned long long)(bench.sent - p->sent),
           (unsigned long long)(bench.turns - p->turns), (double)bench.longest_ns / 1e6);
}

static const char *contact_name(uint32_t i)
{
    static char name[64];
    snprintf(name, sizeof name, "contact%07u@localhost", i);
    return name;
}

static void rows_make(const char *folder)
{
    struct buffer message = {0};
    struct sasl_credentials none = {0};
    if (store_db_open(folder, &bench.db, &message) < 0 || store_epoch_begin(bench.db, 1, &bench.epochs) < 0) {
        fprintf(stderr, "%.*s\n", (int)message.len, message.ptr ? message.ptr : "");
        exit(1);
    }
    buffer_fini(&message);
    store_db_begin(bench.db);
    store_account_put(bench.db, SPAN(BIG), &none, false);
    for (uint32_t i = 0; i < bench.contacts; i++) {
        char handle[32];
        struct store_item row = {.version = 1, .state = SUBSCRIPTION_BOTH, .is_listed = true};
        snprintf(handle, sizeof handle, "Contact %u", i);
        row.contact = span_of(contact_name(i));
        row.name = span_of(handle);
        row.groups = SPAN("Colleagues\n");
        store_item_put(bench.db, SPAN(BIG), &row);
        store_account_put(bench.db, row.contact, &none, false);
        struct store_item back = {
            .contact = SPAN(BIG), .version = 1, .state = SUBSCRIPTION_BOTH, .is_listed = true};
        store_item_put(bench.db, span_of(contact_name(i)), &back);
    }
    store_db_commit(bench.db);
}

static void routers_make(void)
{
    static const struct span domain = {"localhost", 9};
    static const struct router_settings settings = {.domains = &domain,
                                                    .domain_count = 1,
                                                    .roster_items_max = UINT32_MAX,
                                                    .resources_max = 8,
                                                    .directed_max = 8,
                                                    .requests_max = 8,
                                                    .at_once_max = ROUTER_AT_ONCE_MAX,
                                                    .pace = ROUTER_PACE};
    for (uint32_t i = 0; i < WORKERS; i++) {
        bench.peers[i] = &bench.routers[i];
        bench.loops[i].router = &bench.routers[i];
        lanes_init(&bench.loops[i].lanes);
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        if (router_init(&bench.routers[i], &settings, &bench.loops[i], NULL, bench.peers, i, WORKERS) < 0)
            exit(1);
}

static void play(uint32_t online)
{
    struct stream *streams = calloc(online + 1, sizeof *streams), *big = &streams[online];
    struct phase p = phase_begin();
    uint64_t begun = cpu_ns();
    for (uint32_t i = 0; i < online; i++)
        log_in(&streams[i], contact_name(i));
    settle();
    for (uint32_t i = 0; i < online; i++)
        say(&streams[i], "<presence><show>away</show><status>somewhere</status></presence>");
    settle();
    bench.total_ns = p.cpu;
    phase_end(&p, "the contacts log in", cpu_ns() - begun, "contact", online);

    p = phase_begin();
    begun = cpu_ns();
    struct arena arena;
    struct store_roster rows;
    arena_init(&arena);
    store_roster_load(bench.db, SPAN(BIG), &arena, &rows);
    arena_fini(&arena);
    phase_end(&p, "read rows (store's thread)", cpu_ns() - begun, "contact", bench.contacts);

    p = phase_begin();
    log_in(big, BIG); /* the reading is not in a turn, and not in its figure */
    phase_end(&p, "rows into memory", 0, "contact", bench.contacts);
    size_t heap = mallinfo2().uordblks - p.heap;

    p = phase_begin();
    say(big, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    uint64_t bytes = bench.bytes;
    phase_end(&p, "roster result", 0, "contact", bench.contacts);
    bytes = bench.bytes - bytes;

    p = phase_begin();
    begun = cpu_ns();
    say(big, "<presence><status>here</status></presence>");
    phase_end(&p, "initial presence, both ways", cpu_ns() - begun, "delivery", 2ull * online);

    p = phase_begin();
    begun = cpu_ns();
    say(big, "<presence><show>away</show></presence>");
    phase_end(&p, "a change, to all watchers", cpu_ns() - begun, "delivery", online);

    p = phase_begin();
    begun = cpu_ns();
    router_stream_ended(router_of(SPAN(BIG)), big);
    phase_end(&p, "logs out", cpu_ns() - begun, "contact", bench.contacts);

    printf("\nroster result: %.1f bytes a contact\n", (double)bytes / bench.contacts);
    printf("memory: %.1f bytes a contact beyond what its own log-in takes (%u of %u online)\n",
           (double)heap / bench.contacts, online, bench.contacts);
    for (uint32_t i = 0; i < online; i++)
        router_stream_ended(router_of(span_of(contact_name(i))), &streams[i]);
    settle();
    free(streams);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/bench-rooms.XXXXXX", command[64];
    bench.contacts = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
    uint32_t online = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : bench.contacts;
    if (argc > 3 || !bench.contacts || online > bench.contacts || !mkdtemp(folder)) {
        fprintf(stderr, "usage: bench_rooms [CONTACTS] [ONLINE]\n");
        return 2;
    }
    mallopt(M_MXFAST, 0); /* as daemon/main.c */
    arena_init(&bench.arena);
    bench.scan = xml_scan_new(&xml_limits_default);
    routers_make();
    rows_make(folder);
    printf("%u contacts, %u online, %d workers\n\n", bench.contacts, online, WORKERS);
    printf("| %-36s | %9s | %7s | %-8s | %7s | %6s | %7s |\n", "", "CPU, ms", "ns each", "", "sent", "turns",
           "longest");
    printf("|---|---|---|---|---|---|---|\n");
    play(online);
    store_db_close(bench.db);
    xml_scan_free(bench.scan);
    arena_fini(&bench.arena);
    for (int i = 0; i < WORKERS; i++)
        router_fini(&bench.routers[i]);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : 0;
}
