/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers count of changes of presence, against what the clients were told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "route/cost.h"
#include "world.h"

#define WATCHERS 5

static const char *const watcher_names[WATCHERS] = {"bob", "carol", "dave", "erin", "frank"};

/* All workers' histograms; the counts of `top` merged. */
struct sums {
    struct histogram queued, sent, width;
    struct cost_top top;
};

static struct sums *sums_take(struct world *w, uint32_t seconds, enum cost_order order)
{
    struct sums *s = calloc(1, sizeof *s);
    cost_top_init(&s->top);
    for (uint32_t i = 0; i < w->broker.worker_count; i++) {
        const struct router *r = &w->broker.workers[i].router;
        fake_loop_turn(r->loop, NULL); /* a worker is asked within a turn, and knows what time it is */
        histogram_merge(&s->queued, &r->cost->queued_ns);
        histogram_merge(&s->sent, &r->cost->sent_ns);
        histogram_merge(&s->width, &r->cost->width);
        assert_true(cost_top_gather(&s->top, r, seconds));
    }
    cost_top_merge(&s->top, order, 10);
    return s;
}

static void sums_free(struct sums *s)
{
    cost_top_fini(&s->top);
    free(s);
}

/* How many workers are home to a watcher of alice's. */
static uint32_t homes_count(struct world *w)
{
    bool is_home[16] = {0};
    uint32_t count = 0;
    for (int i = 0; i < WATCHERS; i++) {
        char jid[64];
        snprintf(jid, sizeof jid, "%s@localhost", watcher_names[i]);
        uint32_t home = router_home(&w->broker.workers[0].router, span_of(jid));
        count += !is_home[home];
        is_home[home] = true;
    }
    return count;
}

static struct world *world_of_watchers(uint32_t workers)
{
    struct world *w = world_new(workers, 7, 0);
    w->where = "cost";
    w->config.presence.rate = 0;
    world_settings(w);
    for (int i = 0; i < WATCHERS; i++) {
        world_row(w, "alice", watcher_names[i], "F");
        world_row(w, watcher_names[i], "alice", "T");
    }
    world_row(w, "bob", "carol", "F");
    world_row(w, "carol", "bob", "T");
    world_online(w, "alice bob carol dave erin frank frank2");
    return w;
}

static const struct heavy *publisher_of(const struct sums *s, const char *jid)
{
    for (uint32_t i = 0; i < s->top.count; i++)
        if (span_equal(span_make(s->top.parts[i].heavy.name, s->top.parts[i].heavy.name_len), span_of(jid)))
            return &s->top.parts[i].heavy;
    fail_msg("%s is not in the list", jid);
    return NULL;
}

static void play(uint32_t workers)
{
    struct world *w = world_of_watchers(workers);
    struct sums *before = sums_take(w, COST_SECONDS_MAX, COST_BY_DELIVERIES);
    uint64_t delivered = 0;
    for (uint32_t i = 0; i < workers; i++)
        delivered -= w->broker.workers[i].router.counters.presence_deliveries;
    for (int i = 0; i < 3; i++)
        world_say(w, "alice", "<presence><status>%d</status></presence>", i);
    for (int i = 0; i < 4; i++)
        world_say(w, "bob", "<presence><status>%d</status></presence>", i);
    for (uint32_t i = 0; i < workers; i++)
        delivered += w->broker.workers[i].router.counters.presence_deliveries;
    assert_int_equal(delivered, 3 * (WATCHERS + 1) + 4); /* frank has two resources */

    struct sums *after = sums_take(w, COST_SECONDS_MAX, COST_BY_DELIVERIES);
    uint64_t records = 3 * homes_count(w) + 4;
    assert_int_equal(after->width.count - before->width.count, records);
    assert_int_equal(after->queued.count - before->queued.count, records);
    assert_int_equal(after->sent.count - before->sent.count, records);
    assert_int_equal(after->width.sum - before->width.sum, 3 * WATCHERS + 4);
    assert_true(after->sent.sum >= after->queued.sum);

    assert_int_equal(after->top.count, 2);
    assert_int_equal(after->top.missed, 0);
    const struct heavy *alice = publisher_of(after, "alice@localhost"),
                       *bob = publisher_of(after, "bob@localhost");
    assert_ptr_equal(alice, &after->top.parts[0].heavy);
    assert_int_equal(alice->changes, 3);
    assert_int_equal(alice->watchers, WATCHERS);
    assert_int_equal(alice->deliveries, 3 * (WATCHERS + 1));
    assert_int_equal(alice->error, 0);
    assert_int_equal(bob->changes, 4);
    assert_int_equal(bob->deliveries, 4);
    assert_in_range(bob->bytes, 4 * strlen("<presence from='bob@localhost/r'><status>0</status></presence>"),
                    400);
    sums_free(before);
    sums_free(after);

    /* by changes bob is first, and the window moves on */
    after = sums_take(w, COST_SECONDS_MAX, COST_BY_CHANGES);
    assert_ptr_equal(publisher_of(after, "bob@localhost"), &after->top.parts[0].heavy);
    sums_free(after);
    fake_clock_advance(2 * COST_SLICE_MS);
    world_say(w, "bob", "<presence/>");
    after = sums_take(w, 10, COST_BY_DELIVERIES);
    assert_int_equal(after->top.count, 1);
    assert_int_equal(publisher_of(after, "bob@localhost")->changes, 1);
    sums_free(after);
    after = sums_take(w, COST_SECONDS_MAX, COST_BY_DELIVERIES);
    assert_int_equal(publisher_of(after, "bob@localhost")->changes, 5);
    assert_int_equal(publisher_of(after, "alice@localhost")->changes, 3);
    sums_free(after);
    fake_clock_advance((COST_SLICES + 1) * COST_SLICE_MS);
    world_say(w, "alice", "<presence/>");
    after = sums_take(w, COST_SECONDS_MAX, COST_BY_DELIVERIES);
    assert_int_equal(after->top.count, 1);
    assert_int_equal(publisher_of(after, "alice@localhost")->changes, 1);
    sums_free(after);
    world_free(w);
}

static void test_counts(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 4; workers += 3) {
        world_at_once_max = ROUTER_AT_ONCE_MAX;
        play(workers);
        world_at_once_max = 0; /* every fan-out in slices */
        play(workers);
    }
    world_at_once_max = ROUTER_AT_ONCE_MAX;
}

/* What groups hear is of the same change as what watchers do, and counts without any watcher. */
static void test_groups(void **state)
{
    (void)state;
    struct world *w = world_new(1, 7, 0);
    w->where = "cost of groups";
    for (int i = 0; i < WATCHERS; i++) {
        char jid[64];
        snprintf(jid, sizeof jid, "%s@localhost", watcher_names[i]);
        fake_store_account(w->broker.store, jid, true);
    }
    world_row(w, "alice", "bob", "F");
    world_row(w, "bob", "alice", "T");
    world_group(w, "staff", "staff");
    world_settle(w);
    world_group_change(w, "join", "staff", "alice bob carol dave");
    world_settle(w);
    world_online(w, "alice bob carol dave erin");
    struct sums *before = sums_take(w, 60, COST_BY_DELIVERIES);
    world_say(w, "alice", "<presence><show>away</show></presence>"); /* bob watches, carol and dave hear */
    world_say(w, "dave", "<presence><show>away</show></presence>");  /* nobody watches */
    world_say(w, "erin", "<presence><show>away</show></presence>");  /* nobody hears */
    struct sums *after = sums_take(w, 60, COST_BY_DELIVERIES);
    assert_int_equal(after->width.count - before->width.count, 2);
    assert_int_equal(after->width.sum - before->width.sum, 6);
    assert_int_equal(publisher_of(after, "alice@localhost")->watchers, 3);
    assert_int_equal(publisher_of(after, "dave@localhost")->deliveries, 3);
    assert_int_equal(after->top.count, 2);
    sums_free(before);
    sums_free(after);
    world_free(w);
}

/* Who waits for most, most first, and no more lines than asked for. */
static void test_readers(void **state)
{
    (void)state;
    struct world *w = world_of_watchers(2);
    struct cost_readers readers;
    struct buffer text = {0};
    world_say(w, "bob", "<inactive xmlns='urn:xmpp:csi:0'/>");
    world_say(w, "frank2", "<inactive xmlns='urn:xmpp:csi:0'/>");
    world_say(w, "alice", "<presence><status>something long enough to be noticed</status></presence>");
    world_say(w, "frank", "<presence/>");
    for (uint32_t count = 1; count <= 5; count += 4) {
        assert_int_equal(cost_readers_init(&readers, count), 0);
        for (uint32_t i = 0; i < w->broker.worker_count; i++)
            cost_readers_gather(&readers, &w->broker.workers[i].router);
        assert_int_equal(readers.count, count == 1 ? 1 : 2);
        for (uint32_t i = 0; i < readers.count; i++) {
            assert_true(readers.readers[i].is_inactive);
            assert_true(readers.readers[i].held >= 1);
            assert_true(i == 0 || readers.readers[i - 1].held_bytes >= readers.readers[i].held_bytes);
        }
        buffer_clear(&text);
        cost_readers_write(&readers, &text);
        cost_readers_fini(&readers);
    }
    buffer_fini(&text);
    world_free(w);
}

/* More of a turn's changes than are timed one by one are none the less counted. */
static void test_many_in_a_turn(void **state)
{
    (void)state;
    struct world *w = world_of_watchers(1);
    struct sums *before = sums_take(w, 60, COST_BY_BYTES);
    char said[64 * 3 * COST_STAMPS_MAX];
    size_t len = 0;
    for (int i = 0; i < 3 * COST_STAMPS_MAX; i++)
        len += (size_t)snprintf(said + len, sizeof said - len, "<presence><status>%d</status></presence>", i);
    user_say(world_user(w, "alice"), span_make(said, len));
    world_settle(w);
    struct sums *after = sums_take(w, 60, COST_BY_BYTES);
    assert_int_equal(after->sent.count - before->sent.count, 3 * COST_STAMPS_MAX);
    assert_int_equal(after->queued.count - before->queued.count, 3 * COST_STAMPS_MAX);
    sums_free(before);
    sums_free(after);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_readers),
        cmocka_unit_test(test_many_in_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
