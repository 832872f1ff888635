/* SPDX-License-Identifier: Apache-2.0 */
/* What the homes of two accounts say of why one sees the other, and the verdict: against worlds in which it
 * is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "route/explain.h"
#include "world.h"

/* As the control thread does for an account that is not in memory. */
static void stored_read(struct world *w, struct explained_account *a, const struct explained_account *other)
{
    char jid[128], contact[128];
    if (a->is_roster_known)
        return;
    snprintf(jid, sizeof jid, "%.*s", (int)jid_bare(&a->jid).len, jid_bare(&a->jid).ptr);
    snprintf(contact, sizeof contact, "%.*s", (int)jid_bare(&other->jid).len, jid_bare(&other->jid).ptr);
    if (!fake_store_account(w->broker.store, jid, false)) {
        explain_stored(a, STORE_NOT_FOUND, NULL, &other->jid);
        return;
    }
    const struct fake_item *row = fake_store_item(w->broker.store, jid, contact, false);
    struct store_item items[2] = {{.contact = SPAN("other@localhost"), .state = SUBSCRIPTION_BOTH}};
    if (row)
        items[1] = (struct store_item){
            .contact = span_of(row->contact), .state = row->state, .is_approved = row->is_approved};
    const struct store_roster roster = {.items = items, .count = row ? 2 : 1};
    explain_stored(a, 0, &roster, &other->jid);
}

/* The whole answer, to be freed. */
static char *answer(struct world *w, const char *publisher, const char *watcher, bool is_json)
{
    char texts[2][JID_BYTES_MAX];
    struct jid jids[2];
    struct explanation e;
    struct verdict v;
    struct buffer out = {0};
    assert_int_equal(jid_parse(span_of(publisher), texts[0], &jids[0]), 0);
    assert_int_equal(jid_parse(span_of(watcher), texts[1], &jids[1]), 0);
    explanation_init(&e, &w->broker.workers[0].router, &jids[0], &jids[1]);
    explain_publisher(&e, &w->broker.workers[e.publisher.home].router);
    explain_watcher(&e, &w->broker.workers[e.watcher.home].router);
    stored_read(w, &e.publisher, &e.watcher);
    stored_read(w, &e.watcher, &e.publisher);
    verdict_make(&e, &v);
    if (is_json)
        verdict_write_json(&v, &e, &out);
    else
        verdict_write(&v, &e, &out);
    buffer_append_char(&out, 0);
    verdict_fini(&v);
    explanation_fini(&e);
    return out.ptr;
}

static void expect(struct world *w, const char *publisher, const char *watcher, const char *verdict,
                   const char *step)
{
    char *text = answer(w, publisher, watcher, false), *last = strstr(text, "VERDICT: ");
    if (!last || strncmp(last + strlen("VERDICT: "), verdict, strlen(verdict)) != 0 ||
        strcmp(last + strlen("VERDICT: ") + strlen(verdict), "\n") != 0)
        world_fail(w, "expected the verdict: %s\n%s", verdict, text);
    if (step && !strstr(text, step))
        world_fail(w, "expected a step with: %s\n%s", step, text);
    free(text);
}

/* ---- at rest ---- */

struct row {
    const char *name;
    const char *alice,
        *bob; /* state of the other in the roster of each; "": no such item; NULL: no account */
    const char *online, *said; /* who comes online; then the first of them says this */
    const char *publisher, *watcher;
    const char *verdict, *step;
};
#define A "alice@localhost"
#define B "bob@localhost"
#define SEES B " sees " A
#define NOT B " does not see " A ": "

#define BLOCK(jid) "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='" jid "'/></block></iq>"

static const struct row rows[] = {
    {"no publisher", NULL, "N", "bob", NULL, A, B, NOT "there is no account " A, "There is no account " A},
    {"no watcher", "N", NULL, "alice", NULL, A, B, NOT "there is no account " B, "available: 1"},
    {"another server", "N", "N", "", NULL, "alice@example.org", B,
     B " does not see alice@example.org: alice@example.org is of another server, which is "
       "not asked",
     NULL},
    {"nothing in either roster", "", "", "alice bob", NULL, A, B, NOT "it is not subscribed",
     "The roster of " A " does not have " B "."},
    {"nothing, both offline", "", "", "", NULL, A, B, NOT "it is not subscribed",
     A " is an account, and offline"},
    {"the other way only", "T", "F", "alice bob", NULL, A, B, NOT "it is not subscribed",
     "subscription from: not shown"},
    {"request not answered", "NPi", "NPo", "alice bob", NULL, A, B,
     NOT A " has not answered its subscription request", "a request that waits for an answer"},
    {"request lost", "N", "NPo", "alice bob", NULL, A, B,
     NOT "its subscription request has not reached " A ", or was dropped there",
     "subscription none, asked for"},
    {"publisher's roster only", "F", "N", "alice bob", NULL, A, B,
     NOT "the rosters disagree: that of " B " does not ask for it", "The two rosters disagree"},
    {"watcher's roster only", "N", "T", "alice", NULL, A, B,
     NOT "the rosters disagree: that of " A " does not let it", "The two rosters disagree"},
    {"both offline", "B", "B", "", NULL, A, B, NOT A " is offline", B " is an account, and offline"},
    {"publisher offline", "B", "B", "bob", NULL, A, B, NOT A " is offline",
     "subscription both: shown its presence"},
    {"watcher offline", "B", "B", "alice", NULL, A, B, NOT B " is offline", "/r: available, priority 0"},
    {"publisher connected", "B", "B", "alice bob", "<presence type='unavailable'/>", A, B,
     NOT A " is connected, but has not said that it is available", ": connected, not available"},
    {"both online", "B", "B", "alice bob", NULL, A, B, SEES, "in the list of watchers there, of this time"},
    {"one way", "F", "T", "alice bob", NULL, A, B, SEES, "counts 1 watchers"},
    {"what it shows", "B", "B", "alice bob", "<presence><show>dnd</show><priority>5</priority></presence>", A,
     B, SEES, "alice@localhost/r: available, priority 5, dnd"},
    {"several resources", "B", "B", "alice alice2 bob", NULL, A, B, SEES,
     "resources connected: 2, available: 2"},
    {"that resource", "B", "B", "alice alice2 bob", NULL, A "/r2", B "/r", B "/r sees " A "/r2", NULL},
    {"no such resource", "B", "B", "alice bob", NULL, A "/r2", B,
     B " does not see " A "/r2: " A "/r2 is offline", NULL},
    {"no such resource of the watcher", "B", "B", "alice bob", NULL, A, B "/r2",
     B "/r2 does not see " A ": " B "/r2 is offline", NULL},
    {"directed", "N", "N", "alice bob", "<presence to='bob@localhost/r'/>", A, B, SEES,
     A " has sent " B " directed presence, from 1 of its resources"},
    {"directed from another resource", "N", "N", "alice alice2 bob", "<presence to='bob@localhost/r'/>",
     A "/r2", B, B " does not see " A "/r2: it is not subscribed", NULL},
    {"directed to another", "N", "N", "alice bob", "<presence to='bobby@localhost'/>", A, B,
     NOT "it is not subscribed", NULL},
    {"the publisher is invisible", "B", "B", "alice bob",
     "<iq type='set' id='i'><invisible xmlns='urn:xmpp:invisible:1'/></iq>", A, B,
     NOT A " is connected, but has not said that it is available", ": connected, invisible"},
    {"the watcher is invisible", "B", "B", "alice bob",
     "<iq type='set' id='i'><invisible xmlns='urn:xmpp:invisible:1'/></iq>", B, A, A " sees " B,
     ": connected, invisible"},
    {"the publisher blocks", "B", "B", "alice bob", BLOCK("bob@localhost"), A, B, NOT A " blocks " B,
     "The block list of " A " has " B ", or its domain."},
    {"the watcher blocks", "B", "B", "alice bob", BLOCK("bob@localhost"), B, A,
     A " does not see " B ": " A " blocks " B, "The block list of " A " has " B ", or its domain."},
    {"a domain is blocked", "B", "B", "alice bob", BLOCK("localhost"), A, B, NOT A " blocks " B, NULL},
    {"a domain is blocked, but not oneself", "N", "N", "alice alice2", BLOCK("localhost"), A "/r", A "/r2",
     A "/r2 sees " A "/r", NULL},
    {"a resource is blocked", "B", "B", "alice bob", BLOCK("bob@localhost/r"), B "/r", A,
     A " does not see " B "/r: " A " blocks " B "/r", NULL},
    {"its own", "N", "N", "alice alice2", NULL, A "/r", A "/r2", A "/r2 sees " A "/r",
     "resources of one account"},
    {"its own, alone", "N", "N", "alice", NULL, A "/r2", A "/r",
     A "/r does not see " A "/r2: " A "/r2 is offline", NULL},
};

static void test_at_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        for (uint32_t workers = 1; workers <= 4; workers += 3) {
            struct world *w = world_new(workers, 3, 0);
            w->where = row->name;
            if (row->alice)
                fake_store_account(w->broker.store, A, true);
            if (row->bob)
                fake_store_account(w->broker.store, B, true);
            if (row->alice && *row->alice)
                world_row(w, "alice", "bob", row->alice);
            if (row->bob && *row->bob)
                world_row(w, "bob", "alice", row->bob);
            world_online(w, row->online);
            if (row->said)
                world_say(w, "alice", "%s", row->said);
            expect(w, row->publisher, row->watcher, row->verdict, row->step);
            world_free(w);
        }
    }
}

static void test_groups(void **state)
{
    (void)state;
    struct world *w = world_new(3, 3, 0);
    w->where = "groups";
    fake_store_account(w->broker.store, A, true);
    fake_store_account(w->broker.store, B, true);
    world_group(w, "guests", "");
    world_settle(w);
    world_group(w, "staff", "staff,guests");
    world_settle(w);
    expect(w, A, B, NOT "it is not subscribed", NULL);
    world_group_change(w, "join", "staff", "alice");
    world_settle(w);
    expect(w, A, B, NOT "it is not subscribed", NULL);
    world_group_change(w, "join", "guests", "bob");
    world_settle(w);
    expect(w, A, B, NOT A " is offline",
           "It is shown by the shared group staff, which the members of guests see.");
    expect(w, B, A, A " does not see " B ": it is not subscribed", NULL);
    world_online(w, "alice");
    expect(w, A, B, NOT B " is offline", "The roster of " A " does not have " B ".");
    world_online(w, "bob");
    expect(w, A, B, SEES, "It is shown by the shared group staff, which");
    world_group_change(w, "join", "staff", "bob");
    world_settle(w);
    expect(w, A, B, SEES, "It is shown by the shared group staff.");
    expect(w, B, A, A " sees " B, "It is shown by the shared group staff.");
    world_group_change(w, "leave", "guests", "bob");
    world_settle(w);
    world_group_change(w, "leave", "staff", "alice");
    world_settle(w);
    expect(w, A, B, NOT "it is not subscribed", NULL);
    world_free(w);
}

/* ---- under way ---- */

static struct world *friends(uint32_t workers, const char *where)
{
    struct world *w = world_new(workers, 3, 0);
    w->where = where;
    world_row(w, "alice", "bob", "B");
    world_row(w, "bob", "alice", "B");
    return w;
}

static void test_readers(void **state)
{
    (void)state;
    struct world *w = friends(2, "readers");
    world_online(w, "alice bob bob2");
    world_say(w, "bob", "<inactive xmlns='urn:xmpp:csi:0'/>");
    expect(w, A, B, SEES, "bob@localhost/r: available, priority 0, inactive by its client's word");
    world_say(w, "alice", "<presence/>");
    expect(w, A, B, SEES, "1 presences held back, the publisher's among them");
    expect(w, A, B "/r2", B "/r2 sees " A, NULL);
    expect(w, A, B "/r",
           B "/r sees " A
             ", but not the latest yet: presence is held back, for it is inactive or behind in reading",
           NULL);
    world_say(w, "bob", "<active xmlns='urn:xmpp:csi:0'/>");
    expect(w, A, B "/r", B "/r sees " A, NULL);

    w->config.presence.conflate_bytes = 1000; /* bob reads nothing more */
    world_settings(w);
    world_user(w, "bob")->peer->is_stalled = true;
    for (int i = 0; i < 100; i++)
        world_say(w, "alice", "<presence><status>%d</status></presence>", i);
    expect(w, A, B "/r",
           B "/r sees " A
             ", but not the latest yet: presence is held back, for it is inactive or behind in reading",
           " bytes queued, 1 presences held back");
    world_free(w);
}

static void test_busy(void **state)
{
    (void)state;
    struct world *w = friends(2, "busy");
    world_online(w, "alice bob");
    w->is_store_held = true;
    world_say(
        w, "alice",
        "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='dave@localhost'/></query></iq>");
    expect(w, A, B, SEES, A " is busy (changes on their way to the disk: 1, walks over its roster: 0)");
    world_say(
        w, "bob",
        "<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='dave@localhost'/></query></iq>");
    w->is_store_held = false;
    world_settle(w);
    expect(w, A, B, SEES, NULL);
    world_free(w);
}

/* What was said of it while the worker did its work a step at a time. */
static bool is_said_under_way(struct world *w, const char *part)
{
    bool is_said = false;
    while (world_step(w)) {
        char *text = answer(w, A, B, false);
        is_said |= strstr(text, part) != NULL;
        free(text);
    }
    return is_said;
}

/* In slices: before bob's turn has come the answer says so, afterwards he sees her. */
static void test_slices(void **state)
{
    (void)state;
    unsigned to_come = 0, late = 0;
    world_at_once_max = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world *w = world_new(1, seed, 0);
        char contact[32];
        w->where = "slices";
        for (int i = 0; i < 90; i++) {
            snprintf(contact, sizeof contact, "absent%c%c", 'a' + i / 26, 'a' + i % 26);
            world_row(w, "alice", contact, "B");
        }
        world_row(w, "alice", "bob", "B");
        world_row(w, "bob", "alice", "B");
        world_online(w, "bob");
        world_login(w, "alice");
        user_say(world_user(w, "alice"), SPAN("<presence/>"));
        to_come += is_said_under_way(w, "and its contacts are being told; its turn has yet to come");
        expect(w, A, B, SEES, "counts 1 watchers");
        user_say(world_user(w, "alice"), SPAN("<presence><show>away</show></presence>"));
        late += is_said_under_way(w, SEES ", but not the latest yet: changes under way to it: 1");
        expect(w, A, B, SEES, "priority 0, away");
        world_free(w);
    }
    world_at_once_max = ROUTER_AT_ONCE_MAX;
    assert_true(to_come > 0);
    assert_true(late > 0);
}

/* ---- what no world at rest shows ---- */

/* Two who are online, subscribed and watched as they should be. */
static struct explanation well(const struct jid *publisher, const struct jid *watcher)
{
    const struct explained_account account = {.existence = EXPLAINED_IN_MEMORY,
                                              .is_roster_known = true,
                                              .state = ACCOUNT_READY,
                                              .sessions = 1,
                                              .available = 1,
                                              .has_item = true,
                                              .subscription = SUBSCRIPTION_BOTH,
                                              .is_connected = true,
                                              .is_available = true};
    struct explanation e = {.publisher = account, .watcher = account};
    e.publisher.jid = *publisher;
    e.watcher.jid = *watcher;
    e.incarnation = e.slot_incarnation = 5;
    e.grants = e.readers = 1;
    e.has_slot = true;
    return e;
}

static void expect_why(const struct explanation *e, const char *why, const char *late)
{
    struct verdict v;
    verdict_make(e, &v);
    struct span said_why = buffer_span(&v.why), said_late = buffer_span(&v.late);
    if (!span_equal(said_why, span_of(why)) || !span_equal(said_late, span_of(late)))
        fail_msg("why: %.*s, late: %.*s; expected %s and %s", (int)said_why.len,
                 said_why.ptr ? said_why.ptr : "", (int)said_late.len, said_late.ptr ? said_late.ptr : "",
                 why, late);
    assert_int_equal(verdict_is_seen(&v), !*why);
    verdict_fini(&v);
}

static void test_conditions(void **state)
{
    (void)state;
    struct jid a = jid_of_prepared(SPAN(A)), b = jid_of_prepared(SPAN(B));
    struct explanation e = well(&a, &b);
    expect_why(&e, "", "");
    e.slot_incarnation = 4;
    expect_why(&e, "its place in the list of watchers is of an earlier time that " A " was online", "");
    e.has_slot = false;
    expect_why(&e, "it is not in the list of watchers, although it should be; its next log-in asks again",
               "");
    e.watcher.state = ACCOUNT_BUSY;
    expect_why(&e, B " is busy, and the watch is not made yet", "");
    e.publisher.state = ACCOUNT_BUSY;
    expect_why(&e, A " is busy, and the watch is not made yet", "");
    e = well(&a, &b);
    e.watcher.state = ACCOUNT_BUSY;
    e.watcher.is_queue_waiting = true;
    e.changes_due = 2;
    expect_why(&e, "", "changes under way to it: 2; it is busy, and what is for it waits");
    e = well(&a, &b);
    e.publisher.existence = EXPLAINED_UNREADABLE;
    expect_why(&e, "the store could not say anything about " A, "");
    e = well(&a, &b);
    e.readers = 2;
    e.readers_holding = 1; /* the other has it */
    expect_why(&e, "", "");

    e = well(&a, &b);
    e.has_slot = false;
    buffer_literal(&e.groups, "staff\n");
    expect_why(
        &e, A " has just come online, and stands in the lists of its groups only when its contacts are told",
        "");
    e.is_shown_to_groups = true;
    expect_why(
        &e, B " has just come online, and stands in the lists of its groups only when its contacts are told",
        "");
    e.hears_groups = true;
    expect_why(&e, "", "");
    e.is_group_wave = true;
    expect_why(&e, "", "it is being told of the members of its groups");
    explanation_fini(&e);
}

static void test_json(void **state)
{
    (void)state;
    struct world *w = world_new(1, 3, 0);
    w->where = "json";
    char *text = answer(w, A, B "/a\"b\\c", true);
    assert_string_equal(text, "{\"sees\": false, \"publisher\": \"alice@localhost\", "
                              "\"watcher\": \"bob@localhost/a\\\"b\\\\c\", "
                              "\"why\": \"there is no account alice@localhost\", \"late\": \"\", "
                              "\"steps\": [\"There is no account alice@localhost.\", "
                              "\"There is no account bob@localhost.\"]}\n");
    free(text);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_rest), cmocka_unit_test(test_conditions), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_readers), cmocka_unit_test(test_busy),       cmocka_unit_test(test_slices),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
