/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A request that can be waited for, or that holds the store thread in its answer until it is let go. */
struct probe {
    struct store_request request; /* first: done() finds the probe by it */
    sem_t done, go;
    bool is_holding;
    unsigned *turn; /* counts answers, on the store thread only */
    unsigned answered_as;
};

static void probe_done(struct store_request *r)
{
    struct probe *p = (struct probe *)r;
    bool is_holding = p->is_holding;
    if (p->turn)
        p->answered_as = ++*p->turn;
    sem_post(&p->done); /* from here on the waiter may drop the probe, unless it holds */
    if (is_holding)
        sem_wait(&p->go);
}

static void probe_init(struct probe *p, enum store_operation operation, const char *jid)
{
    memset(p, 0, sizeof *p);
    sem_init(&p->done, 0, 0);
    sem_init(&p->go, 0, 0);
    arena_init(&p->request.arena);
    p->request.operation = operation;
    p->request.jid = arena_copy(&p->request.arena, span_of(jid));
    p->request.done = probe_done;
}

static void probe_fini(struct probe *p)
{
    arena_fini(&p->request.arena);
    buffer_fini(&p->request.reply);
    buffer_fini(&p->request.affected);
    sem_destroy(&p->done);
    sem_destroy(&p->go);
}

static void probe_change(struct probe *p, const char *contact, uint8_t state, uint64_t version)
{
    p->request.changes = arena_take(&p->request.arena, sizeof *p->request.changes);
    p->request.change_count = 1;
    p->request.changes[0].item = fixture_item(contact, state, version);
    p->request.changes[0].item.contact = arena_copy(&p->request.arena, span_of(contact));
}

static int probe_wait(struct store *s, struct probe *p)
{
    store_submit(s, &p->request);
    sem_wait(&p->done);
    return p->request.result;
}

static int change(struct store *s, const char *jid, const char *contact, uint8_t state, uint64_t version)
{
    struct probe p;
    probe_init(&p, STORE_CHANGE, jid);
    probe_change(&p, contact, state, version);
    int result = probe_wait(s, &p);
    probe_fini(&p);
    return result;
}

static uint32_t roster_count(struct store *s, const char *jid)
{
    struct probe p;
    probe_init(&p, STORE_ROSTER, jid);
    assert_int_equal(probe_wait(s, &p), 0);
    uint32_t count = p.request.roster.count;
    probe_fini(&p);
    return count;
}

/* Accounts are made before the thread runs. */
static void accounts_make(struct fixture *f, unsigned count)
{
    struct store_db *db = fixture_db(f);
    assert_int_equal(store_db_begin(db), 0);
    for (unsigned i = 0; i < count; i++) {
        char jid[32];
        struct sasl_credentials keys = fixture_credentials(i);
        snprintf(jid, sizeof jid, "user%u@localhost", i);
        assert_int_equal(store_account_put(db, span_of(jid), &keys, false), 0);
    }
    assert_int_equal(store_db_commit(db), 0);
    store_db_close(db);
}

static void test_lookups(void **state)
{
    struct fixture *f = *state;
    struct sasl_credentials expected = fixture_credentials(1);
    accounts_make(f, 2);
    struct store *s = fixture_store(f);
    struct probe p;
    probe_init(&p, STORE_CREDENTIALS, "user1@localhost");
    assert_int_equal(probe_wait(s, &p), 0);
    assert_memory_equal(&p.request.credentials, &expected, sizeof expected);
    probe_fini(&p);
    probe_init(&p, STORE_CREDENTIALS, "nobody@localhost");
    assert_int_equal(probe_wait(s, &p), STORE_NOT_FOUND);
    probe_fini(&p);
    probe_init(&p, STORE_ROSTER, "nobody@localhost");
    assert_int_equal(probe_wait(s, &p), STORE_NOT_FOUND);
    probe_fini(&p);
    assert_int_equal(change(s, "nobody@localhost", "a@x", 0, 1), STORE_NOT_FOUND);
    assert_int_equal(roster_count(s, "user0@localhost"), 0);
    store_close(s);
}

static void test_changes_in_order(void **state)
{
    struct fixture *f = *state;
    accounts_make(f, 1);
    struct store *s = fixture_store(f);
    struct probe p;
    probe_init(&p, STORE_CHANGE, "user0@localhost");
    struct store_change changes[] = {
        {.item = fixture_item("a@x", 1, 1)},
        {.item = fixture_item("b@x", 2, 2)},
        {.item = fixture_item("a@x", 3, 3)},
        {.is_removal = true, .item = {.contact = SPAN("b@x"), .version = 4}},
    };
    p.request.changes = changes;
    p.request.change_count = 4;
    assert_int_equal(probe_wait(s, &p), 0);
    probe_fini(&p);
    probe_init(&p, STORE_ROSTER, "user0@localhost");
    assert_int_equal(probe_wait(s, &p), 0);
    assert_int_equal(p.request.roster.count, 1);
    assert_int_equal(p.request.roster.version, 4);
    assert_int_equal(p.request.roster.items[0].state, 3);
    probe_fini(&p);
    store_close(s);
}

#define GROUP 100

/* Hold the thread, queue GROUP changes of which number `bad` cannot be stored, let go, wait for all. */
static void group_run(struct store *s, struct probe *probes, unsigned *turn, int bad)
{
    struct probe holder;
    probe_init(&holder, STORE_CREDENTIALS, "user0@localhost");
    holder.is_holding = true;
    store_submit(s, &holder.request);
    sem_wait(&holder.done);
    for (int i = 0; i < GROUP; i++) {
        char contact[32];
        snprintf(contact, sizeof contact, "contact%d@x", i);
        probe_init(&probes[i], STORE_CHANGE, "user0@localhost");
        probe_change(&probes[i], contact, i == bad ? 200 : 8, (uint64_t)i + 1);
        probes[i].turn = turn;
        store_submit(s, &probes[i].request);
    }
    sem_post(&holder.go);
    for (int i = 0; i < GROUP; i++)
        sem_wait(&probes[i].done);
    probe_fini(&holder);
}

static void test_group_commit(void **state)
{
    struct fixture *f = *state;
    static struct probe probes[GROUP];
    unsigned turn = 0;
    accounts_make(f, 1);
    struct store *s = fixture_store(f);
    group_run(s, probes, &turn, -1);
    for (int i = 0; i < GROUP; i++) {
        assert_int_equal(probes[i].request.result, 0);
        assert_int_equal(probes[i].answered_as, i + 1);
        probe_fini(&probes[i]);
    }
    struct store_counters counters = store_counters_read(s);
    assert_int_equal(counters.requests, GROUP + 1);
    assert_int_equal(counters.transactions, 2); /* the holder's, and one for the group */
    assert_int_equal(counters.failed, 0);
    assert_int_equal(roster_count(s, "user0@localhost"), GROUP);
    store_close(s);
}

static void test_one_bad_request_fails_alone(void **state)
{
    struct fixture *f = *state;
    static struct probe probes[GROUP];
    unsigned turn = 0;
    accounts_make(f, 1);
    struct store *s = fixture_store(f);
    group_run(s, probes, &turn, 40);
    for (int i = 0; i < GROUP; i++) {
        assert_int_equal(probes[i].request.result, i == 40 ? -EINVAL : 0);
        assert_int_equal(probes[i].answered_as, i + 1);
        probe_fini(&probes[i]);
    }
    struct store_counters counters = store_counters_read(s);
    assert_int_equal(counters.failed, 1);
    assert_int_equal(counters.transactions, 2 + GROUP);
    assert_int_equal(roster_count(s, "user0@localhost"), GROUP - 1);
    store_close(s);
}

static void test_command_between_requests(void **state)
{
    struct fixture *f = *state;
    struct probe holder, before, command, after;
    unsigned turn = 0;
    accounts_make(f, 1);
    struct store *s = fixture_store(f);
    probe_init(&holder, STORE_CREDENTIALS, "user0@localhost");
    holder.is_holding = true;
    store_submit(s, &holder.request);
    probe_init(&before, STORE_CREDENTIALS, "user0@localhost");
    probe_init(&command, STORE_COMMAND, "");
    probe_init(&after, STORE_CREDENTIALS, "user0@localhost");
    command.request.command = SPAN("user\tremove\tuser0@localhost");
    before.turn = command.turn = after.turn = &turn;
    store_submit(s, &before.request);
    store_submit(s, &command.request);
    store_submit(s, &after.request);
    sem_post(&holder.go);
    sem_wait(&after.done);
    assert_int_equal(before.request.result, 0);
    assert_int_equal(command.request.result, 0);
    assert_true(span_is(buffer_span(&command.request.affected), "user0@localhost\n"));
    assert_int_equal(after.request.result, STORE_NOT_FOUND);
    assert_int_equal(before.answered_as, 1);
    assert_int_equal(command.answered_as, 2);
    assert_int_equal(after.answered_as, 3);
    store_close(s);
    probe_fini(&holder);
    probe_fini(&before);
    probe_fini(&command);
    probe_fini(&after);
}

static void test_close_answers_what_is_queued(void **state)
{
    struct fixture *f = *state;
    static struct probe probes[GROUP];
    accounts_make(f, 1);
    struct store *s = fixture_store(f);
    for (int i = 0; i < GROUP; i++) {
        probe_init(&probes[i], STORE_CHANGE, "user0@localhost");
        probe_change(&probes[i], "a@x", 8, (uint64_t)i);
        probes[i].request.result = -1;
        store_submit(s, &probes[i].request);
    }
    store_close(s);
    for (int i = 0; i < GROUP; i++) {
        assert_int_equal(sem_trywait(&probes[i].done), 0);
        assert_int_equal(probes[i].request.result, 0);
        probe_fini(&probes[i]);
    }
}

#define THREADS 4
#define CHANGES_EACH 200

struct writer {
    struct store *store;
    unsigned number;
    int failed;
};

static void *writer_main(void *context)
{
    struct writer *w = context;
    char jid[32], contact[32];
    snprintf(jid, sizeof jid, "user%u@localhost", w->number);
    for (int i = 0; i < CHANGES_EACH; i++) {
        snprintf(contact, sizeof contact, "contact%d@x", i);
        w->failed += change(w->store, jid, contact, 8, (uint64_t)i + 1) != 0;
    }
    return NULL;
}

static void test_four_threads(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[THREADS];
    struct writer writers[THREADS];
    accounts_make(f, THREADS);
    struct store *s = fixture_store(f);
    for (unsigned i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){s, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, writer_main, &writers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        char jid[32];
        pthread_join(threads[i], NULL);
        snprintf(jid, sizeof jid, "user%u@localhost", i);
        assert_int_equal(writers[i].failed, 0);
        assert_int_equal(roster_count(s, jid), CHANGES_EACH);
    }
    struct store_counters counters = store_counters_read(s);
    assert_int_equal(counters.requests, THREADS * CHANGES_EACH + THREADS);
    assert_true(counters.transactions <= counters.requests);
    store_close(s);
}

/* In a child: the limit holds for the whole process. Answers the number of the check that failed; 0: none. */
static int full_disk_child(struct fixture *f)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    struct store *s = fixture_store(f);
    if (change(s, "user0@localhost", "before@x", 8, 1) != 0)
        return 1;
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 64 * 1024;
    setrlimit(RLIMIT_FSIZE, &limit);
    char *large = malloc(200001);
    memset(large, 'x', 200000);
    large[200000] = '\0';
    struct probe p;
    probe_init(&p, STORE_CHANGE, "user0@localhost");
    probe_change(&p, "large@x", 8, 2);
    p.request.changes[0].item.name = span_of(large);
    int result = probe_wait(s, &p);
    probe_fini(&p);
    free(large);
    if (result >= 0)
        return 2;
    if (change(s, "user0@localhost", "large2@x", 200, 3) >= 0) /* goes on answering */
        return 3;
    if (roster_count(s, "user0@localhost") != 1) /* and reading; nothing of the failed change is there */
        return 4;
    limit.rlim_cur = before;
    setrlimit(RLIMIT_FSIZE, &limit);
    if (change(s, "user0@localhost", "after@x", 8, 4) != 0)
        return 5;
    if (store_counters_read(s).failed != 2)
        return 6;
    store_close(s);
    return 0;
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    int status;
    accounts_make(f, 1);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(full_disk_child(f));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    struct store *s = fixture_store(f);
    assert_int_equal(roster_count(s, "user0@localhost"), 2);
    store_close(s);
}

/* Each acknowledged change is one byte in the pipe; number i adds contact i. */
static void killed_child(struct fixture *f, int pipe_fd)
{
    struct store *s = fixture_store(f);
    for (unsigned i = 0;; i++) {
        char contact[32];
        snprintf(contact, sizeof contact, "contact%u@x", i);
        if (change(s, "user0@localhost", contact, 8, i + 1) != 0 || write(pipe_fd, "k", 1) != 1)
            _exit(1);
    }
}

static void test_killed_child_loses_nothing_acknowledged(void **state)
{
    struct fixture *f = *state;
    accounts_make(f, 1);
    uint32_t acknowledged = 0;
    for (int round = 0; round < 3; round++) {
        int ends[2], status;
        char bytes[4096];
        ssize_t len;
        uint32_t now = 0;
        assert_int_equal(pipe(ends), 0);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            killed_child(f, ends[1]);
        }
        close(ends[1]);
        /* the first acknowledgement says that it runs; the moment of the kill is any after that */
        while (now < 20 + 7 * (uint32_t)round && (len = read(ends[0], bytes, sizeof bytes)) > 0)
            now += (uint32_t)len;
        kill(child, SIGKILL);
        while ((len = read(ends[0], bytes, sizeof bytes)) > 0)
            now += (uint32_t)len;
        close(ends[0]);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_true(now >= 20);
        if (now > acknowledged)
            acknowledged = now;
        struct store *s = fixture_store(f);
        uint32_t kept = roster_count(s, "user0@localhost");
        assert_true(kept >= acknowledged);
        acknowledged = kept;
        store_close(s);
    }
}

static void test_locked_state_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store *first = fixture_store(f);
    struct store_db *db = NULL;
    assert_int_equal(store_db_open(f->folder, &db, &f->message), -EBUSY);
    store_close(first);
    store_db_close(fixture_db(f));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_lookups),
        TEST(test_changes_in_order),
        TEST(test_group_commit),
        TEST(test_one_bad_request_fails_alone),
        TEST(test_command_between_requests),
        TEST(test_close_answers_what_is_queued),
        TEST(test_four_threads),
        TEST(test_full_disk),
        TEST(test_killed_child_loses_nothing_acknowledged),
        TEST(test_locked_state_is_refused),
    };
    return cmocka_run_group_tests_name("store/store", tests, NULL, NULL);
}
