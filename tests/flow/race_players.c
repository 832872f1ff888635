/* SPDX-License-Identifier: Apache-2.0 */
#include "race.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

const char *const race_names[ACCOUNTS] = {"alice", "bob", "carol", "dave"};
char race_accounts[ACCOUNTS][16];
bool race_is_traced;

unsigned race_account(const char *jid)
{
    for (unsigned i = 0; i < ACCOUNTS; i++)
        if (strncmp(jid, race_names[i], strlen(race_names[i])) == 0)
            return i;
    abort();
}

static struct player *player_of(struct game *g, const char *full_jid)
{
    for (unsigned i = 0; i < g->player_count; i++)
        if (strcmp(g->players[i].user->jid, full_jid) == 0)
            return &g->players[i];
    return NULL;
}

/* ---- what a client is told ---- */

static void hear_presence(struct game *g, struct player *p, const struct said *s)
{
    struct player *from = s->from ? player_of(g, s->from) : NULL;
    if (!from || (s->type && strcmp(s->type, "unavailable") != 0))
        return;
    unsigned who = race_account(p->user->jid), whom = race_account(s->from);
    struct view *view = &p->views[from - g->players];
    /* Who is back within the grace is still watching, like an account's second resource: what a contact says
     * just then it is told, even if the answer to its own question says the same, or nothing. */
    bool is_exact = g->is_strict && !g->has_grace;
    if ((g->is_strict || g->is_presence_only) && who != whom && !g->may_see[who][whom])
        world_fail(g->w, "%s may not see %s and is told %s", p->user->jid, s->from, s->text);
    if (p->blocks[whom])
        world_fail(g->w, "%s is told what %s says, whom it blocks: %s", p->user->jid, s->from, s->text);
    if (s->type && from == p) { /* it is deaf from here on, and starts anew with its next presence */
        memset(p->views, 0, sizeof p->views);
        return;
    }
    if (s->type) {
        if (is_exact && !g->has_idlers && !view->status)
            world_fail(g->w, "%s is told of the end of %s, of which it knew nothing", p->user->jid, s->from);
        view->status = 0;
        return;
    }
    const char *at = strstr(s->text, "status>");
    unsigned status = at ? (unsigned)strtoul(at + strlen("status>"), NULL, 10) : 0;
    assert_in_range(status, 1, STATUSES_MAX - 1);
    if (is_exact && p->seen[status] == p->comings)
        world_fail(g->w, "%s is told once too often: %s", p->user->jid, s->text);
    if (view->status > status)
        world_fail(g->w, "%s is told of an older presence of %s after a newer one", p->user->jid, s->from);
    p->seen[status]++;
    view->status = status;
}

/* A client that blocks somebody shows it as offline by itself. */
static void blocks_set(struct game *g, struct player *p, unsigned whom, bool is_blocked)
{
    if (whom == race_account(p->user->jid))
        return; /* which is without effect */
    p->blocks[whom] = is_blocked;
    for (unsigned n = 0; is_blocked && n < g->player_count; n++)
        if (race_account(g->players[n].user->jid) == whom)
            p->views[n].status = 0;
}

/* The list, or a change of it. */
static void hear_blocks(struct game *g, struct player *p, const struct said *s)
{
    bool is_list = strstr(s->text, "urn:xmpp:blocking blocklist"),
         is_unblock = strstr(s->text, "urn:xmpp:blocking unblock");
    if (!is_list && !is_unblock && !strstr(s->text, "urn:xmpp:blocking block"))
        return;
    bool is_all = is_unblock && !strstr(s->text, "jid=");
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        char item[64];
        snprintf(item, sizeof item, "jid=\"%s@localhost\"", race_accounts[i]);
        bool is_named = strstr(s->text, item);
        if (is_list)
            blocks_set(g, p, i, is_named);
        else if (is_named || is_all)
            blocks_set(g, p, i, !is_unblock);
    }
}

void race_hear(struct game *g)
{
    for (unsigned i = 0; i < g->player_count; i++) {
        struct player *p = &g->players[i];
        for (struct said *s; (s = user_take(p->user));) {
            if (race_is_traced)
                printf("%s is told %s\n", p->user->jid, s->text);
            if (strcmp(s->name, "presence") == 0)
                hear_presence(g, p, s);
            if (strcmp(s->name, "iq") == 0)
                hear_blocks(g, p, s);
            if (strcmp(s->name, "error") == 0)
                world_fail(g->w, "%s is told %s", p->user->jid, s->text);
            said_free(s);
        }
    }
}

/* ---- what a client does ---- */

static void say(struct player *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct player *p, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (race_is_traced)
        printf("%s says %s\n", p->user->jid, text);
    user_say(p->user, span_of(text));
}

static void log_in(struct game *g, struct player *p)
{
    world_connect(g->w, p->user, (int)fake_random(4));
    user_login(p->user, USER_BOUND);
    p->is_gone = p->is_available = p->is_inactive = false;
    memset(p->views, 0, sizeof p->views);
    memset(p->seen, 0, sizeof p->seen);
    memset(p->blocks, 0, sizeof p->blocks);
    p->comings = 0;
}

static void leave(struct player *p)
{
    p->user->peer->is_stalled = false; /* no time passes here that would end the wait for it */
    switch (fake_random(3)) {
    case 0:
        if (p->user->phase == USER_BOUND)
            say(p, "</stream:stream>");
        p->user->peer->is_ended = true;
        break;
    case 1:
        p->user->peer->is_ended = true;
        break;
    default:
        p->user->peer->error = 104; /* ECONNRESET */
    }
    p->is_gone = true;
    p->is_available = false;
    if (race_is_traced)
        printf("%s leaves\n", p->user->jid);
}

static void be_present(struct game *g, struct player *p)
{
    p->comings += !p->is_available;
    p->status = ++g->next_status;
    p->is_available = true;
    if (g->has_blocks)
        say(p, "<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>");
    say(p, "<presence><status>%u</status></presence>", p->status);
}

/* Say that it is inactive, or active; read no more, or again. */
static void idle(struct player *p, bool is_to_end)
{
    p->user->peer->is_stalled = !is_to_end && fake_random(2) == 0;
    if (is_to_end ? !p->is_inactive : fake_random(2) == 0)
        return;
    p->is_inactive = !p->is_inactive;
    say(p, "<%s xmlns='urn:xmpp:csi:0'/>", p->is_inactive ? "inactive" : "active");
}

static void change_a_subscription(struct player *p)
{
    static const char *const types[] = {"subscribe",  "subscribe",   "subscribed",
                                        "subscribed", "unsubscribe", "unsubscribed"};
    const char *to = race_accounts[fake_random(ACCOUNTS)];
    if (fake_random(8) == 0)
        say(p,
            "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='%s@localhost' "
            "subscription='remove'/></query></iq>",
            to);
    else
        say(p, "<presence type='%s' to='%s@localhost'/>", types[fake_random(6)], to);
}

static void change_a_block(struct player *p)
{
    const char *whom = race_accounts[fake_random(ACCOUNTS)];
    switch (fake_random(6)) {
    case 0:
        say(p, "<iq type='set' id='u'><unblock xmlns='urn:xmpp:blocking'/></iq>");
        return;
    case 1:
    case 2:
        say(p,
            "<iq type='set' id='u'><unblock xmlns='urn:xmpp:blocking'><item jid='%s@localhost'/></unblock></iq>",
            whom);
        return;
    default:
        say(p,
            "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='%s@localhost'/></block></iq>",
            whom);
    }
}

void race_act(struct game *g, struct player *p)
{
    if (p->is_gone || !p->user->peer) {
        /* The same resource again: only when the server has let go of the old one, so that no conflict
         * muddles the count. */
        if (!p->user->peer || p->user->peer->is_server_closed)
            log_in(g, p);
        return;
    }
    p->left--;
    if (p->user->phase != USER_BOUND) {
        if (fake_random(12) == 0)
            leave(p);
        return;
    }
    switch (g->is_presence_only ? (uint32_t)("014567"[fake_random(6)] - '0')
                                : fake_random(!g->is_strict   ? 14
                                              : g->has_idlers ? 12
                                                              : 8)) {
    case 0:
        leave(p);
        return;
    case 1:
        say(p, "<presence type='unavailable'/>");
        p->is_available = false;
        return;
    case 2:
        say(p, "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>");
        return;
    case 3: /* keeps the account busy for a while */
        say(p,
            "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='x%u@localhost'/></query></iq>",
            fake_random(3));
        return;
    case 4:
    case 5:
    case 6:
    case 7:
        be_present(g, p);
        return;
    default:
        if (g->has_blocks && fake_random(2))
            change_a_block(p);
        else if (g->is_strict)
            idle(p, false);
        else
            change_a_subscription(p);
    }
}

void race_listen(struct game *g)
{
    for (unsigned i = 0; i < g->player_count; i++) {
        struct player *p = &g->players[i];
        p->user->peer->is_stalled = false;
        if (!p->is_gone && p->user->phase == USER_BOUND)
            idle(p, true);
    }
    world_settle(g->w);
}
