/* SPDX-License-Identifier: Apache-2.0 */
/* Both tables of RFC 6121 appendix A through the real routers: alice says each of the four things in each
 * state, bob's account is in each state, online or not. What must come of it is worked out here from a
 * transcript of the standard's tables, which shares nothing with the daemon's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#define STATES 9
#define EVENTS 4

static const char *const event_names[EVENTS] = {"subscribe", "unsubscribe", "subscribed", "unsubscribed"};

/* A.2: M routed, X and x not; p: noted as a pre-approval, c: a pre-approval is cancelled. Then the next
 * state. */
static const struct {
    const char *state, *cells[EVENTS];
} outbound[STATES] = {
    {"N", {"M NPo", "M N", "p N", "c N"}},      {"NPo", {"M NPo", "M N", "p NPo", "c NPo"}},
    {"NPi", {"M NPio", "M NPi", "M F", "M N"}}, {"NPio", {"M NPio", "M NPi", "M FPo", "M NPo"}},
    {"T", {"M T", "M N", "p T", "c T"}},        {"TPi", {"M TPi", "M NPi", "M B", "M T"}},
    {"F", {"M FPo", "M F", "X F", "M N"}},      {"FPo", {"M FPo", "M F", "X FPo", "M NPo"}},
    {"B", {"M B", "M F", "X B", "M T"}},
};

/* A.3: M delivered, x not; digits: the notes 1 (a pre-approval answers), 2 (answer subscribed), 3 (answer
 * unsubscribed). */
static const struct {
    const char *state, *cells[EVENTS];
} inbound[STATES] = {
    {"N", {"M1 NPi", "x N", "x N", "x N"}},       {"NPo", {"M1 NPio", "x NPo", "M T", "M N"}},
    {"NPi", {"x NPi", "M3 N", "x NPi", "x NPi"}}, {"NPio", {"x NPio", "M3 NPo", "M TPi", "M NPi"}},
    {"T", {"M1 TPi", "x T", "x T", "M N"}},       {"TPi", {"x TPi", "M3 T", "x TPi", "M NPi"}},
    {"F", {"x2 F", "M3 N", "x F", "x F"}},        {"FPo", {"x2 FPo", "M3 NPo", "M B", "M F"}},
    {"B", {"x2 B", "M3 T", "x B", "M F"}},
};

/* One side of the pair as the model sees it. */
struct side {
    const char *name, *other;
    int state;
    bool is_listed, is_approved, is_online;
};

static bool in(int state, const char *set)
{
    char name[8];
    snprintf(name, sizeof name, " %s ", world_state_name(state));
    return strstr(set, name) != NULL;
}
static bool has_to(int state)
{
    return in(state, " T TPi B ");
}
static bool has_from(int state)
{
    return in(state, " F FPo B ");
}
static bool is_asked(int state)
{
    return in(state, " NPo NPio FPo ");
}
static bool is_pending_in(int state)
{
    return in(state, " NPi NPio TPi ");
}

static int next_of(const char *cell)
{
    return world_state(strchr(cell, ' ') + 1);
}

static bool is_same_item(const struct side *a, const struct side *b)
{
    return a->is_listed == b->is_listed && a->is_approved == b->is_approved &&
           has_to(a->state) == has_to(b->state) && has_from(a->state) == has_from(b->state) &&
           is_asked(a->state) == is_asked(b->state);
}

/* The push that shows `now` to its owner, if there is a difference to see. */
static void expect_push(struct world *w, const struct side *before, const struct side *now)
{
    if (!now->is_listed || is_same_item(before, now) || !now->is_online)
        return;
    const char *subscription = has_to(now->state) && has_from(now->state) ? "both"
                               : has_to(now->state)                       ? "to"
                               : has_from(now->state)                     ? "from"
                                                                          : "none";
    world_expect(
        w, now->name,
        "<iq type='set' id='*' to='%s@localhost/r'><query xmlns='jabber:iq:roster' ver='*'><item jid='%s@localhost' "
        "subscription='%s'%s%s/></query></iq>",
        now->name, now->other, subscription, is_asked(now->state) ? " ask='subscribe'" : "",
        now->is_approved ? " approved='true'" : "");
}

static void expect_presence(struct world *w, const struct side *from, const struct side *to, const char *type)
{
    if (from->is_online && to->is_online)
        world_expect(w, to->name, "<presence%s%s%s from='%s@localhost/r' to='%s@localhost'/>",
                     type ? " type='" : "", type ? type : "", type ? "'" : "", from->name, to->name);
}

static void expect_stanza(struct world *w, const struct side *from, const struct side *to, const char *type)
{
    if (to->is_online)
        world_expect(w, to->name, "<presence type='%s' from='%s@localhost' to='%s@localhost'/>", type,
                     from->name, to->name);
}

/* The automatic answer of `from` arrives at `to`. */
static void expect_answer(struct world *w, const struct side *from, struct side *to, int event)
{
    struct side before = *to;
    const char *cell = inbound[to->state].cells[event];
    to->state = next_of(cell);
    if (cell[0] == 'M')
        expect_stanza(w, from, to, event_names[event]);
    expect_push(w, &before, to);
}

/* What `to` is told when `from` says `event`. */
static void expect_inbound(struct world *w, struct side *from, struct side *to, int event)
{
    struct side before = *to;
    const char *cell = inbound[to->state].cells[event];
    char note = cell[1];
    bool is_answered = note == '1' && to->is_approved;
    to->state = next_of(cell);
    if (is_answered) {
        to->state = next_of(outbound[to->state].cells[2]);
        to->is_listed = true;
    } else if (cell[0] == 'M') {
        expect_stanza(w, from, to, event_names[event]);
    }
    expect_push(w, &before, to);
    if (is_answered || note == '2')
        expect_answer(w, to, from, 2);
    if ((is_answered || note == '2') && has_to(from->state))
        expect_presence(w, to, from, NULL);
    if (has_from(before.state) && !has_from(to->state))
        expect_presence(w, to, from, "unavailable");
    if (note == '3')
        expect_answer(w, to, from, 3);
}

static void expect_outbound(struct world *w, struct side *from, struct side *to, int event)
{
    struct side before = *from;
    const char *cell = outbound[from->state].cells[event];
    from->state = next_of(cell);
    if (cell[0] == 'p')
        from->is_approved = from->is_listed = true;
    if (event == 3)
        from->is_approved = false;
    if (event == 0 || (event == 2 && has_from(from->state) && !has_from(before.state)))
        from->is_listed = true;
    if (has_from(before.state) && !has_from(from->state))
        expect_presence(w, from, to, "unavailable");
    expect_push(w, &before, from);
    if (cell[0] == 'M')
        expect_inbound(w, from, to, event);
    if (!has_from(before.state) && has_from(from->state) && has_to(to->state))
        expect_presence(w, from, to, NULL);
}

static void expect_stored(struct world *w, const struct side *side)
{
    const struct fake_item *i = world_row(w, side->name, side->other, NULL);
    if (side->state == 0 && !side->is_listed && !side->is_approved) {
        if (i)
            world_fail(w, "%s keeps a row of %s that says nothing", side->name, side->other);
        return;
    }
    if (!i || i->state != side->state || i->is_listed != side->is_listed ||
        i->is_approved != side->is_approved || (i->request[0] != 0) != is_pending_in(side->state))
        world_fail(
            w, "%s has stored state %s listed %d approved %d request '%s', expected %s listed %d approved %d",
            side->name, i ? world_state_name(i->state) : "-", i && i->is_listed, i && i->is_approved,
            i ? i->request : "", world_state_name(side->state), side->is_listed, side->is_approved);
}

static void side_store(struct world *w, struct side *s)
{
    char jid[64];
    snprintf(jid, sizeof jid, "%s@localhost", s->name);
    fake_store_account(w->broker.store, jid, true);
    /* s. 3.1.3: a mere request is no item of the roster yet */
    s->is_listed = s->is_approved || !in(s->state, " N NPi ");
    if (!s->is_listed && s->state == 0)
        return;
    struct fake_item *i = world_row(w, s->name, s->other, world_state_name(s->state));
    i->is_listed = s->is_listed;
    i->is_approved = s->is_approved;
}

/* At the next log-in a request that waits is delivered again, one that is answered is not. */
static void expect_request_at_login(struct world *w, const struct side *from, const struct side *to)
{
    struct user *u = world_user(w, to->name);
    if (u->peer) {
        u->peer->is_ended = true;
        world_settle(w);
    }
    for (uint32_t i = 0; i < w->user_count; i++)
        user_forget(&w->users[i]);
    world_login(w, to->name);
    world_say(w, to->name, "<presence/>");
    world_expect(w, to->name, "<presence from='%s@localhost/r' to='%s@localhost'/>", to->name, to->name);
    if (is_pending_in(to->state))
        world_expect_any(w, to->name, "<presence type='subscribe' from='%s@localhost' to='%s@localhost'/>",
                         from->name, to->name);
}

static void play(uint32_t workers, struct side alice, struct side bob, int event)
{
    char where[160];
    snprintf(where, sizeof where, "alice %s%s says %s to bob %s%s, %s", world_state_name(alice.state),
             alice.is_approved ? " (approved)" : "", event_names[event], world_state_name(bob.state),
             bob.is_approved ? " (approved)" : "", bob.is_online ? "online" : "offline");
    struct world *w = world_new(workers, 7, 0);
    w->where = where;
    side_store(w, &alice);
    side_store(w, &bob);
    world_online(w, bob.is_online ? "bob alice" : "alice");
    /* s. 4.3.2.1: alice's own roster was wrong about what bob has granted, which is found out when she comes
     * online. */
    if (bob.is_online && has_to(alice.state) && !has_from(bob.state))
        alice.state = next_of(inbound[alice.state].cells[3]);
    expect_stored(w, &alice);
    expect_stored(w, &bob);
    world_say(w, "alice", "<presence type='%s' to='bob@localhost'/>", event_names[event]);
    expect_outbound(w, &alice, &bob, event);
    world_expect_silence(w);
    expect_stored(w, &alice);
    expect_stored(w, &bob);
    world_check(w);
    expect_request_at_login(w, &alice, &bob);
    world_free(w);
}

static bool may_be_approved(int state)
{
    return in(state, " N NPo T ");
}

static void play_all(uint32_t workers, bool is_online)
{
    for (int a = 0; a < STATES; a++)
        for (int b = 0; b < STATES; b++)
            for (int approvals = 0; approvals < 4; approvals++) {
                if (((approvals & 1) && !may_be_approved(a)) || ((approvals & 2) && !may_be_approved(b)))
                    continue;
                for (int event = 0; event < EVENTS; event++)
                    play(workers,
                         (struct side){"alice", "bob", a, .is_approved = approvals & 1, .is_online = true},
                         (struct side){"bob", "alice", b, .is_approved = approvals & 2,
                                       .is_online = is_online},
                         event);
            }
}

static void test_online_1(void **unused)
{
    (void)unused;
    play_all(1, true);
}
static void test_online_2(void **unused)
{
    (void)unused;
    play_all(2, true);
}
static void test_online_4(void **unused)
{
    (void)unused;
    play_all(4, true);
}
static void test_offline_1(void **unused)
{
    (void)unused;
    play_all(1, false);
}
static void test_offline_2(void **unused)
{
    (void)unused;
    play_all(2, false);
}
static void test_offline_4(void **unused)
{
    (void)unused;
    play_all(4, false);
}

static void test_tables_name_every_state(void **unused)
{
    (void)unused;
    for (int i = 0; i < STATES; i++) {
        assert_int_equal(world_state(outbound[i].state), i);
        assert_int_equal(world_state(inbound[i].state), i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_name_every_state),
        cmocka_unit_test(test_online_1),
        cmocka_unit_test(test_online_2),
        cmocka_unit_test(test_online_4),
        cmocka_unit_test(test_offline_1),
        cmocka_unit_test(test_offline_2),
        cmocka_unit_test(test_offline_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
