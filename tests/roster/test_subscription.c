/* SPDX-License-Identifier: Apache-2.0 */
/* The subscription tables against tables 2 to 9 of RFC 6121 appendix A, transcribed here a second time and
 * in another form: a row a state, a cell a phrase. And two rosters that talk to each other must stay
 * consistent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "roster/subscription.h"

static const char *const state_names[SUBSCRIPTION_STATE_COUNT] = {
    "None", "None+Out", "None+In", "None+Out+In", "To", "To+In", "From", "From+Out", "Both",
};

/* A cell: MUST or NOT route/deliver, then the new state or "same", then what else is done. */
struct row {
    const char *state;
    const char *cells[SUBSCRIPTION_EVENT_COUNT]; /* subscribe, unsubscribe, subscribed, unsubscribed */
};

/* clang-format off */
static const struct row outbound_rows[] = { /* tables 2, 3, 4, 5 */
    {"None",        {"MUST None+Out",    "MUST same",    "NOT same pre-approve", "NOT same cancel"}},
    {"None+Out",    {"MUST same",        "MUST None",    "NOT same pre-approve", "NOT same cancel"}},
    {"None+In",     {"MUST None+Out+In", "MUST same",    "MUST From",            "MUST None"}},
    {"None+Out+In", {"MUST same",        "MUST None+In", "MUST From+Out",        "MUST None+Out"}},
    {"To",          {"MUST same",        "MUST None",    "NOT same pre-approve", "NOT same cancel"}},
    {"To+In",       {"MUST same",        "MUST None+In", "MUST Both",            "MUST To"}},
    {"From",        {"MUST From+Out",    "MUST same",    "NOT same",             "MUST None"}},
    {"From+Out",    {"MUST same",        "MUST From",    "NOT same",             "MUST None+Out"}},
    {"Both",        {"MUST same",        "MUST From",    "NOT same",             "MUST To"}},
};
static const struct row inbound_rows[] = { /* tables 6, 7, 8, 9 */
    {"None",        {"MUST None+In",        "NOT same",                   "NOT same",   "NOT same"}},
    {"None+Out",    {"MUST None+Out+In",    "NOT same",                   "MUST To",    "MUST None"}},
    {"None+In",     {"NOT same",            "MUST None unsubscribed",     "NOT same",   "NOT same"}},
    {"None+Out+In", {"NOT same",            "MUST None+Out unsubscribed", "MUST To+In", "MUST None+In"}},
    {"To",          {"MUST To+In",          "NOT same",                   "NOT same",   "MUST None"}},
    {"To+In",       {"NOT same",            "MUST To unsubscribed",       "NOT same",   "MUST None+In"}},
    {"From",        {"NOT same subscribed", "MUST None unsubscribed",     "NOT same",   "NOT same"}},
    {"From+Out",    {"NOT same subscribed", "MUST None+Out unsubscribed", "MUST Both",  "MUST From"}},
    {"Both",        {"NOT same subscribed", "MUST To unsubscribed",       "NOT same",   "MUST From"}},
};
/* clang-format on */

typedef struct subscription_rule table[SUBSCRIPTION_STATE_COUNT][SUBSCRIPTION_EVENT_COUNT];

static int state_of(const char *name)
{
    for (int i = 0; i < SUBSCRIPTION_STATE_COUNT; i++)
        if (strcmp(name, state_names[i]) == 0)
            return i;
    fail_msg("no state %s", name);
    return -1;
}

static struct subscription_rule rule_of(const char *cell, int state, uint8_t must_action)
{
    char must[8], next[16], more[16] = "";
    assert_true(sscanf(cell, "%7s %15s %15s", must, next, more) >= 2);
    struct subscription_rule rule = {0};
    rule.next = (uint8_t)(strcmp(next, "same") == 0 ? state : state_of(next));
    if (strcmp(must, "MUST") == 0)
        rule.actions |= must_action;
    if (strcmp(more, "pre-approve") == 0)
        rule.actions |= SUBSCRIPTION_PRE_APPROVE;
    else if (strcmp(more, "cancel") == 0)
        rule.actions |= SUBSCRIPTION_CANCEL_APPROVAL;
    else if (strcmp(more, "subscribed") == 0)
        rule.actions |= SUBSCRIPTION_REPLY_SUBSCRIBED;
    else if (strcmp(more, "unsubscribed") == 0)
        rule.actions |= SUBSCRIPTION_REPLY_UNSUBSCRIBED;
    else
        assert_string_equal(more, "");
    return rule;
}

/* How many cells of `t` are not what the rows say. */
static int differences(const table t, const struct row rows[], uint8_t must_action)
{
    int count = 0;
    for (int i = 0; i < SUBSCRIPTION_STATE_COUNT; i++) {
        int state = state_of(rows[i].state);
        for (int event = 0; event < SUBSCRIPTION_EVENT_COUNT; event++) {
            struct subscription_rule want = rule_of(rows[i].cells[event], state, must_action);
            count += t[state][event].next != want.next || t[state][event].actions != want.actions;
        }
    }
    return count;
}

static void test_tables(void **unused)
{
    (void)unused;
    assert_int_equal(differences(subscription_outbound, outbound_rows, SUBSCRIPTION_ROUTE), 0);
    assert_int_equal(differences(subscription_inbound, inbound_rows, SUBSCRIPTION_DELIVER), 0);
}

/* Every table that is wrong in one cell is found out: each other next state, each action more or less. */
static void find_mutants(const table original, const struct row rows[], uint8_t must_action)
{
    int mutants = 0;
    for (int state = 0; state < SUBSCRIPTION_STATE_COUNT; state++) {
        for (int event = 0; event < SUBSCRIPTION_EVENT_COUNT; event++) {
            table t;
            for (uint8_t next = 0; next < SUBSCRIPTION_STATE_COUNT; next++) {
                memcpy(t, original, sizeof t);
                if (t[state][event].next == next)
                    continue;
                t[state][event].next = next;
                assert_int_equal(differences(t, rows, must_action), 1);
                mutants++;
            }
            for (int action = 1; action <= SUBSCRIPTION_REPLY_UNSUBSCRIBED; action *= 2) {
                memcpy(t, original, sizeof t);
                t[state][event].actions ^= (uint8_t)action;
                assert_int_equal(differences(t, rows, must_action), 1);
                mutants++;
            }
        }
    }
    assert_int_equal(mutants, 36 * (8 + 6));
}

static void test_every_wrong_cell_is_found(void **unused)
{
    (void)unused;
    find_mutants(subscription_outbound, outbound_rows, SUBSCRIPTION_ROUTE);
    find_mutants(subscription_inbound, inbound_rows, SUBSCRIPTION_DELIVER);
}

/* The store keeps these numbers. */
static void test_stored_numbers(void **unused)
{
    (void)unused;
    assert_int_equal(SUBSCRIPTION_NONE, 0);
    assert_int_equal(SUBSCRIPTION_NONE_PENDING_OUT, 1);
    assert_int_equal(SUBSCRIPTION_NONE_PENDING_IN, 2);
    assert_int_equal(SUBSCRIPTION_NONE_PENDING_OUT_IN, 3);
    assert_int_equal(SUBSCRIPTION_TO, 4);
    assert_int_equal(SUBSCRIPTION_TO_PENDING_IN, 5);
    assert_int_equal(SUBSCRIPTION_FROM, 6);
    assert_int_equal(SUBSCRIPTION_FROM_PENDING_OUT, 7);
    assert_int_equal(SUBSCRIPTION_BOTH, 8);
}

/* RFC 6121 A.1: how each state is reflected in the roster. */
static void test_aspects(void **unused)
{
    (void)unused;
    static const struct {
        const char *name, *subscription;
        bool to, from, out, in;
    } rows[] = {
        {"None", "none", 0, 0, 0, 0},    {"None+Out", "none", 0, 0, 1, 0},
        {"None+In", "none", 0, 0, 0, 1}, {"None+Out+In", "none", 0, 0, 1, 1},
        {"To", "to", 1, 0, 0, 0},        {"To+In", "to", 1, 0, 0, 1},
        {"From", "from", 0, 1, 0, 0},    {"From+Out", "from", 0, 1, 1, 0},
        {"Both", "both", 1, 1, 0, 0},
    };
    for (int i = 0; i < SUBSCRIPTION_STATE_COUNT; i++) {
        enum subscription_state s = (enum subscription_state)state_of(rows[i].name);
        assert_string_equal(subscription_name(s), rows[i].subscription);
        assert_int_equal(subscription_has_to(s), rows[i].to);
        assert_int_equal(subscription_has_from(s), rows[i].from);
        assert_int_equal(subscription_is_pending_out(s), rows[i].out);
        assert_int_equal(subscription_is_pending_in(s), rows[i].in);
    }
}

/* One side does `event`; what is routed arrives at the other at once, replies too. */
static void inbound(uint8_t side[2], int at, int event)
{
    struct subscription_rule rule = subscription_inbound[side[at]][event];
    side[at] = rule.next;
    if (rule.actions & SUBSCRIPTION_REPLY_SUBSCRIBED)
        inbound(side, !at, SUBSCRIPTION_SUBSCRIBED);
    if (rule.actions & SUBSCRIPTION_REPLY_UNSUBSCRIBED)
        inbound(side, !at, SUBSCRIPTION_UNSUBSCRIBED);
}

static void outbound(uint8_t side[2], int at, int event)
{
    struct subscription_rule rule = subscription_outbound[side[at]][event];
    side[at] = rule.next;
    if (rule.actions & SUBSCRIPTION_ROUTE)
        inbound(side, !at, event);
}

/* Whatever two users do to each other, what one sees is what the other grants, and what one asks is what the
 * other is asked. */
static void test_two_rosters_agree(void **unused)
{
    (void)unused;
    bool seen[SUBSCRIPTION_STATE_COUNT][SUBSCRIPTION_STATE_COUNT] = {{true}};
    uint8_t queue[SUBSCRIPTION_STATE_COUNT * SUBSCRIPTION_STATE_COUNT][2] = {{0, 0}};
    int count = 1;
    for (int i = 0; i < count; i++) {
        for (int move = 0; move < 2 * SUBSCRIPTION_EVENT_COUNT; move++) {
            uint8_t side[2] = {queue[i][0], queue[i][1]};
            outbound(side, move % 2, move / 2);
            for (int at = 0; at < 2; at++) {
                assert_int_equal(subscription_has_to(side[at]), subscription_has_from(side[!at]));
                assert_int_equal(subscription_is_pending_out(side[at]),
                                 subscription_is_pending_in(side[!at]));
            }
            if (seen[side[0]][side[1]])
                continue;
            seen[side[0]][side[1]] = true;
            memcpy(queue[count++], side, 2);
        }
    }
    assert_int_equal(
        count, SUBSCRIPTION_STATE_COUNT); /* a state of one side leaves one for the other, all are reached */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_every_wrong_cell_is_found),
        cmocka_unit_test(test_stored_numbers),
        cmocka_unit_test(test_aspects),
        cmocka_unit_test(test_two_rosters_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
