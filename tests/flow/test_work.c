/* SPDX-License-Identifier: Apache-2.0 */
/* Asking about an account that does not exist is as much work as asking about one that is offline (RFC 6120
 * s. 13.11): the same requests of the store, the same messages between workers, and the same answer but for
 * the name. Work is counted, not timed, so that nothing here depends on the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

struct work {
    uint64_t requests, messages, errors;
};

static struct work work_done(const struct world *w)
{
    struct work sum = {.requests = store_counters_read(w->broker.store).requests};
    for (uint32_t i = 0; i < w->broker.worker_count; i++) {
        const struct router *r = &w->broker.workers[i].router;
        for (uint32_t to = 0; to < r->count; to++)
            sum.messages += r->sent[to];
        sum.errors += r->counters.errors;
    }
    return sum;
}

/* All that the client was told, with `name` as "X". To be freed. */
static char *told(struct world *w, const char *user, const char *name)
{
    struct buffer out = {0};
    for (struct said *s; (s = user_take(world_user(w, user)));) {
        for (const char *at = s->text; *at;) {
            bool is_name = strncmp(at, name, strlen(name)) == 0;
            buffer_append_char(&out, is_name ? 'X' : *at);
            at += is_name ? strlen(name) : 1;
        }
        said_free(s);
    }
    buffer_append_char(&out, '\0');
    assert_true(buffer_ok(&out));
    return out.ptr;
}

static const struct {
    const char *what, *format;
    bool is_answered;
} rows[] = {
    {"probe, bare", "<presence type='probe' id='i' to='%s@localhost'/>", false},
    {"probe, full", "<presence type='probe' id='i' to='%s@localhost/x'/>", false},
    {"presence, bare", "<presence to='%s@localhost'/>", false},
    {"presence, full", "<presence to='%s@localhost/x'/>", false},
    {"unsubscribe", "<presence type='unsubscribe' to='%s@localhost'/>", false},
    {"iq get, full", "<iq type='get' id='i' to='%s@localhost/x'><query xmlns='jabber:iq:version'/></iq>",
     true},
    {"iq set, full", "<iq type='set' id='i' to='%s@localhost/x'><query xmlns='urn:x'/></iq>", true},
    {"iq get, bare", "<iq type='get' id='i' to='%s@localhost'><query xmlns='jabber:iq:version'/></iq>", true},
    {"headline, bare", "<message type='headline' id='i' to='%s@localhost'/>", false},
    {"groupchat, bare", "<message type='groupchat' id='i' to='%s@localhost'/>", true},
    {"message, full", "<message id='i' to='%s@localhost/x'/>", false},
};

static void check(struct world *w, const char *what, const char *format, bool is_answered)
{
    static const char *const names[] = {"alice", "xeno7"}; /* the second is nobody */
    struct work work[2];
    char *answers[2], text[256];
    for (int i = 0; i < 2; i++) {
        struct work before = work_done(w);
        snprintf(text, sizeof text, format, names[i]);
        world_say(w, "bob", "%s", text);
        work[i] = work_done(w);
        work[i].requests -= before.requests;
        work[i].messages -= before.messages;
        work[i].errors -= before.errors;
        answers[i] = told(w, "bob", names[i]);
    }
    if (strcmp(answers[0], answers[1]) != 0)
        world_fail(w, "%s: the answers are not alike\n%s\n%s", what, answers[0], answers[1]);
    if (!*answers[0] == is_answered)
        world_fail(w, "%s: answered: %s", what, answers[0]);
    if (work[0].requests != work[1].requests || work[0].messages != work[1].messages ||
        work[0].errors != work[1].errors)
        world_fail(w, "%s: work for an account: %u requests, %u messages; for nobody: %u, %u", what,
                   (unsigned)work[0].requests, (unsigned)work[0].messages, (unsigned)work[1].requests,
                   (unsigned)work[1].messages);
    if (work[0].requests != 1)
        world_fail(w, "%s: %u requests of the store", what, (unsigned)work[0].requests);
    free(answers[0]);
    free(answers[1]);
}

static void test_p3_unknown_accounts_cost_what_offline_ones_do(void **unused)
{
    (void)unused;
    for (uint32_t workers = 1; workers <= 4; workers *= 2)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct world *w = world_new(workers, 5, 0);
            w->where = "unknown accounts";
            fake_store_account(w->broker.store, "alice@localhost", true);
            fake_store_account(w->broker.store, "bob@localhost", true);
            world_row(w, "alice", "carol", "B"); /* not an account without anything either */
            world_online(w, "bob");
            check(w, rows[i].what, rows[i].format, rows[i].is_answered);
            world_free(w);
        }
}

/* One that is online costs a stranger's question no less than one that is not; nor one whom it has blocked. */
static void test_p3_online_accounts_cost_what_offline_ones_do(void **unused)
{
    (void)unused;
    static const char *const blocked =
        "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>";
    for (uint32_t workers = 1; workers <= 4; workers *= 2)
        for (int is_blocked = 0; is_blocked <= 1; is_blocked++)
            for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                if (!rows[i].is_answered)
                    continue;
                struct world *w = world_new(workers, 5, 0);
                w->where = is_blocked ? "online accounts that block" : "online accounts";
                fake_store_account(w->broker.store, "alice@localhost", true);
                fake_store_account(w->broker.store, "bob@localhost", true);
                if (is_blocked)
                    world_row(w, "alice", "bob", "F"); /* he saw her before */
                world_online(w, "alice");
                if (is_blocked)
                    world_say(w, "alice", "%s", blocked);
                world_online(w, "bob");
                check(w, rows[i].what, rows[i].format, true);
                user_forget(world_user(w, "alice"));
                world_free(w);
            }
}

/* Another server learns no more by the way an answer takes. */
static void test_p3_other_servers_learn_nothing(void **unused)
{
    (void)unused;
    static const char *const names[] = {"alice", "bob", "nobody"}; /* online, offline, none */
    static const char *const formats[] = {
        "<presence type='probe' from='eve@other.example' to='%s@localhost'/>",
        "<iq type='get' id='1' from='eve@other.example/e' to='%s@localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='get' id='1' from='eve@other.example/e' to='%s@localhost/r'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<message type='groupchat' from='eve@other.example/e' to='%s@localhost'><body>hi</body></message>",
    };
    for (uint32_t workers = 1; workers <= 4; workers *= 2)
        for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
            for (size_t n = 0; n < 3; n++) {
                struct world *w = world_new(workers, 5, 0);
                char xml[256];
                w->where = formats[i];
                other_begin(w, "other");
                fake_store_account(w->broker.store, "alice@localhost", true);
                fake_store_account(w->broker.store, "bob@localhost", true);
                world_online(w, "alice");
                uint64_t before = store_counters_read(w->broker.store).requests;
                snprintf(xml, sizeof xml, formats[i], names[n]);
                assert_true(other_say(w, "other", xml));
                world_settle(w);
                assert_int_equal(store_counters_read(w->broker.store).requests - before, 1);
                assert_non_null(
                    world_user(w, "other")->first); /* one answer, which names the address that was asked */
                user_forget(world_user(w, "other"));
                world_free(w);
            }
}

/* A log-in under an unknown name takes the same steps as one with a wrong password. */
static void test_p3_unknown_names_log_in_like_wrong_passwords(void **unused)
{
    (void)unused;
    static const char *const first[] = {
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
        "mechanism='SCRAM-SHA-1'>biwsbj1hbGljZSxyPWZ5a28=</auth>", /* n,,n=alice,r=fyko */
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
        "mechanism='SCRAM-SHA-1'>biwsbj14ZW5vNyxyPWZ5a28=</auth>", /* n,,n=xeno7,r=fyko */
    };
    uint64_t requests[2], sends[2];
    size_t challenge[2];
    for (int i = 0; i < 2; i++) {
        struct world *w = world_new(2, 5, 0);
        w->where = "unknown names";
        fake_store_account(w->broker.store, "alice@localhost", true);
        struct user *u = world_user(w, "client");
        world_connect(w, u, 0);
        user_login(u, USER_OPENING);
        world_settle(w);
        user_forget(u);
        uint64_t before = store_counters_read(w->broker.store).requests,
                 sent = w->broker.workers[0].net.counters.sends;
        world_say(w, "client", "%s", first[i]);
        requests[i] = store_counters_read(w->broker.store).requests - before;
        sends[i] = w->broker.workers[0].net.counters.sends - sent;
        char *text = told(w, "client", "-");
        assert_non_null(strstr(text, "challenge"));
        challenge[i] = strlen(text);
        free(text);
        world_free(w);
    }
    assert_int_equal(requests[0], 1);
    assert_int_equal(requests[1], 1);
    assert_int_equal(sends[0], sends[1]);
    assert_in_range(challenge[1], challenge[0] - 8, challenge[0] + 8); /* iterations differ in digits */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p3_unknown_accounts_cost_what_offline_ones_do),
        cmocka_unit_test(test_p3_online_accounts_cost_what_offline_ones_do),
        cmocka_unit_test(test_p3_other_servers_learn_nothing),
        cmocka_unit_test(test_p3_unknown_names_log_in_like_wrong_passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
