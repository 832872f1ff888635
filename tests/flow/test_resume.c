/* SPDX-License-Identifier: Apache-2.0 */
/* A session with stream management, cut at every byte of what it says and of what it is told (XEP-0198): the
 * client resumes, or logs in anew when it had not come so far; and each of two hundred stanzas each way
 * arrives, once, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#include <errno.h>

#define STANZAS 200
/* Connections of one world: its peers are counted. */
#define CUTS_PER_WORLD 60
/* The client asks now and then, as clients do. */
#define ASK_EVERY 16

/* The client under test. */
struct client_state {
    struct world *w;
    struct user *user;
    bool is_enabled;
    uint32_t sent, sent_acked; /* messages said, since enabled */
    uint32_t got;              /* stanzas since enabled: our h */
    uint32_t next_body;        /* due from bob */
};

struct cut {
    uint64_t say, read; /* bytes of the first connection that pass; UINT64_MAX: all */
    unsigned how;       /* it ends */
};

static void fail_at(const struct client_state *c, const char *what)
{
    world_fail(c->w, "%s", what);
}

/* "<body>17</body>" of what alice or bob is told, in the canonical form. */
static unsigned body_of(const struct said *s)
{
    const char *body = strstr(s->text, "body>");
    return body ? (unsigned)strtoul(body + strlen("body>"), NULL, 10) : UINT32_MAX;
}

static void say_message(struct client_state *c, uint32_t number)
{
    char text[128];
    int len = snprintf(text, sizeof text, "<message to='bob@localhost/r'><body>%u</body></message>%s", number,
                       number % ASK_EVERY ? "" : "<r xmlns='urn:xmpp:sm:3'/>");
    user_say(c->user, span_make(text, (size_t)len));
}

static void say_text(struct client_state *c, const char *format, uint32_t h)
{
    char text[192];
    int len = snprintf(text, sizeof text, format, h, c->user->management_id);
    user_say(c->user, span_make(text, (size_t)len));
}

static uint32_t h_of(const struct client_state *c, const struct said *s)
{
    const char *h = strstr(s->text, " h=\"");
    if (!h)
        fail_at(c, "no h");
    return (uint32_t)strtoul(h + strlen(" h=\""), NULL, 10);
}

static void take_ack(struct client_state *c, const struct said *s)
{
    uint32_t h = h_of(c, s);
    if (h < c->sent_acked || h > c->sent)
        fail_at(c, "an acknowledgement that cannot be");
    c->sent_acked = h;
}

static void take_stanza(struct client_state *c, const struct said *s)
{
    if (c->is_enabled)
        c->got++;
    if (strcmp(s->name, "message") != 0)
        return;
    if (body_of(s) != c->next_body)
        fail_at(c, "a message is lost, doubled, or out of order");
    c->next_body++;
}

/* Work through what alice was told. */
static void client_read(struct client_state *c)
{
    for (struct said *s; (s = user_take(c->user)); said_free(s)) {
        if (strcmp(s->name, "enabled") == 0) {
            c->is_enabled = true;
        } else if (strcmp(s->name, "r") == 0) {
            say_text(c, "<a xmlns='urn:xmpp:sm:3' h='%u'/>", c->got);
        } else if (strcmp(s->name, "a") == 0) {
            take_ack(c, s);
        } else if (strcmp(s->name, "resumed") == 0) {
            take_ack(c, s);
            for (uint32_t i = c->sent_acked; i < c->sent; i++)
                say_message(c, i);
        } else if (strcmp(s->name, "message") == 0 || strcmp(s->name, "presence") == 0 ||
                   strcmp(s->name, "iq") == 0) {
            take_stanza(c, s);
        } else if (strcmp(s->name, "failed") == 0 || strcmp(s->name, "error") == 0) {
            fail_at(c, s->text);
        }
    }
}

static bool is_cut(const struct user *u)
{
    return u->is_deaf || u->is_mute;
}

static void log_in(struct client_state *c)
{
    world_connect(c->w, c->user, -1);
    user_login(c->user, USER_BOUND);
    world_settle(c->w);
    if (c->user->phase != USER_BOUND)
        return;
    user_say(c->user, SPAN("<presence/><enable xmlns='urn:xmpp:sm:3' resume='true'/>"));
    world_settle(c->w);
    client_read(c);
}

/* The connection is cut, as the client sees it; the server may yet believe in it. */
static void reconnect(struct client_state *c, const struct cut *cut)
{
    struct peer *old = c->user->peer;
    if (cut->how == 0)
        old->error = ECONNRESET;
    else if (cut->how == 1)
        old->is_ended = true;
    if (cut->how < 2)
        world_settle(c->w);
    client_read(c); /* what came in time */
    c->user->say_bytes_max = c->user->read_bytes_max = UINT64_MAX;
    if (!c->is_enabled) {
        log_in(c);
    } else {
        world_connect(c->w, c->user, -1);
        user_login(c->user, USER_REOPENING);
        world_settle(c->w);
        say_text(c, "<resume xmlns='urn:xmpp:sm:3' h='%u' previd='%s'/>", c->got);
        world_settle(c->w);
    }
    if (!c->is_enabled)
        client_read(c);
    if (cut->how == 2) { /* and learns of it now */
        old->error = ETIMEDOUT;
        world_settle(c->w);
    }
    client_read(c);
}

/* Bob's view: exactly the messages up to now, in order. */
static uint32_t bob_read(struct client_state *c, uint32_t due)
{
    struct user *bob = world_user(c->w, "bob");
    for (struct said *s; (s = user_take(bob)); said_free(s)) {
        if (strcmp(s->name, "message") != 0)
            continue;
        if (body_of(s) != due)
            fail_at(c, "bob misses a message, or has it twice, or out of order");
        due++;
    }
    return due;
}

/* One session. Returns what it said and was told on its first connection. */
static struct cut session_play(struct world *w, const struct cut *cut)
{
    struct user *alice = world_user(w, "alice");
    struct client_state c = {.w = w, .user = alice};
    uint32_t bob_due = 0;
    char where[96];
    snprintf(where, sizeof where, "cut after %llu bytes said, %llu told", (unsigned long long)cut->say,
             (unsigned long long)cut->read);
    w->where = where;
    alice->management_id[0] = 0;
    alice->say_bytes_max = cut->say;
    alice->read_bytes_max = cut->read;
    log_in(&c);
    struct peer *first = alice->peer;
    for (uint32_t i = 0; i < STANZAS; i++) {
        if (is_cut(alice))
            reconnect(&c, cut);
        world_say(w, "bob", "<message to='alice@localhost/r'><body>%u</body></message>", i);
        c.sent = i + 1;
        say_message(&c, i);
        if (i % 3 == 0)
            world_settle(w);
        client_read(&c);
        bob_due = bob_read(&c, bob_due);
    }
    world_settle(w);
    client_read(&c);
    if (is_cut(alice))
        reconnect(&c, cut);
    world_settle(w);
    client_read(&c);
    struct cut used = {.say = alice->said_bytes, .read = alice->read_bytes};
    bob_due = bob_read(&c, bob_due);
    if (c.next_body != STANZAS || bob_due != STANZAS)
        fail_at(&c, "messages are missing");
    if (cut->say == UINT64_MAX && cut->read == UINT64_MAX)
        assert_ptr_equal(first, alice->peer);
    /* What is not acknowledged waits for the next session. */
    say_text(&c, "<a xmlns='urn:xmpp:sm:3' h='%u'/></stream:stream>", c.got);
    alice->peer->is_ended = true;
    world_settle(w);
    user_forget(alice);
    user_forget(world_user(w, "bob"));
    return used;
}

static struct world *world_for_cuts(uint32_t workers)
{
    struct world *w = world_new(workers, 11, 0);
    fake_store_account(w->broker.store, "alice@localhost", true);
    fake_store_account(w->broker.store, "bob@localhost", true);
    world_row(w, "alice", "bob", "B");
    world_row(w, "bob", "alice", "B");
    world_online(w, "bob");
    return w;
}

static void cut_everywhere(uint32_t workers, uint64_t step, bool is_saying)
{
    struct world *w = world_for_cuts(workers);
    struct cut none = {.say = UINT64_MAX, .read = UINT64_MAX};
    struct cut whole = session_play(w, &none);
    uint64_t bytes = is_saying ? whole.say : whole.read, resumed = 0;
    unsigned cuts = 0;
    for (uint64_t at = 0; at < bytes; at += step, cuts++) {
        struct cut cut = none;
        *(is_saying ? &cut.say : &cut.read) = at;
        cut.how = (unsigned)(at % 3);
        if (cuts % CUTS_PER_WORLD == CUTS_PER_WORLD - 1) {
            for (uint32_t i = 0; i < workers; i++)
                resumed += w->broker.workers[i].streams.counters.sm_resumed;
            world_free(w);
            w = world_for_cuts(workers);
        }
        session_play(w, &cut);
    }
    for (uint32_t i = 0; i < workers; i++)
        resumed += w->broker.workers[i].streams.counters.sm_resumed;
    world_free(w);
    print_message("%u cuts of %llu bytes, %llu of them resumed\n", cuts, (unsigned long long)bytes,
                  (unsigned long long)resumed);
    assert_true(resumed > cuts * 3 / 4);
}

/* Every byte when asked for; else such that every place of a stanza is met by some. */
static uint64_t step_of(void)
{
    const char *step = getenv("CUT_STEP");
    return step ? strtoull(step, NULL, 10) : 13;
}

static void test_saying(void **state)
{
    (void)state;
    cut_everywhere(2, step_of(), true);
}

static void test_being_told(void **state)
{
    (void)state;
    cut_everywhere(2, step_of(), false);
}

static void test_one_worker(void **state)
{
    (void)state;
    cut_everywhere(1, 10 * step_of(), true);
    cut_everywhere(1, 10 * step_of(), false);
}

static void test_four_workers(void **state)
{
    (void)state;
    cut_everywhere(4, 10 * step_of(), true);
    cut_everywhere(4, 10 * step_of(), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saying),
        cmocka_unit_test(test_being_told),
        cmocka_unit_test(test_one_worker),
        cmocka_unit_test(test_four_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
