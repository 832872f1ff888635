/* SPDX-License-Identifier: Apache-2.0 */
/* Log-ins, changes of presence, subscriptions, roster changes and lost connections of a few accounts, in
 * which everything that can happen at the same time happens in an order drawn by a seed: which worker turns,
 * how many of its messages have arrived, when the store answers, when a client says its next thing. At the
 * end, at rest, every client must see exactly what the rosters allow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#define ACCOUNTS 4
#define PLAYERS_MAX 8
/* Contacts that never come, between those that do: walks over such rosters take many slices. */
#define STRANGERS 12
#define ACTIONS 14
#define STATUSES_MAX 4096
/* Steps in which nobody says anything new, drawn against one in which somebody does. */
#define PATIENCE 6
#define STEPS_MAX 1000000
/* No time passes while they play. */
#define GRACE_MS 1000
#define GROUPS 3

/* With a letter drawn behind each name, so that the accounts' homes are others in every game. */
static const char *const names[ACCOUNTS] = {"alice", "bob", "carol", "dave"};
static char accounts[ACCOUNTS][16];
static bool is_traced;

/* What a client believes of another one. */
struct view {
    unsigned status; /* 0: not there */
};

struct player {
    struct user *user;
    unsigned left;     /* actions to come */
    bool is_gone;      /* has ended its connection */
    bool is_available; /* by what it said last */
    bool is_inactive;  /* likewise */
    unsigned status;   /* of its last presence */
    struct view views[PLAYERS_MAX];
    bool blocks[ACCOUNTS]; /* as the server has told it on this connection */
    unsigned comings; /* how often it has become available on this connection: each time it is told anew */
    uint8_t seen[STATUSES_MAX]; /* how often each status came on this connection */
};

struct game {
    struct world *w;
    struct player players[PLAYERS_MAX];
    unsigned player_count, next_status, next_id;
    bool is_strict; /* rosters stay as they are, a resource an account: nothing may come twice */
    bool
        is_presence_only; /* rosters stay as they are; two resources an account do nothing but come, change and go */
    bool has_grace;  /* lost connections are not told of before all is over */
    bool has_idlers; /* clients are inactive at times, or read nothing: what is out of date need not come */
    bool may_see[ACCOUNTS][ACCOUNTS]; /* strict: the first sees the second */
    bool has_blocks;
    bool has_groups;
    bool is_member[GROUPS][ACCOUNTS], is_seen_by[GROUPS][GROUPS];
    unsigned group_changes; /* to come */
};

static unsigned account_index(const char *jid)
{
    for (unsigned i = 0; i < ACCOUNTS; i++)
        if (strncmp(jid, names[i], strlen(names[i])) == 0)
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
    unsigned who = account_index(p->user->jid), whom = account_index(s->from);
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
    if (whom == account_index(p->user->jid))
        return; /* which is without effect */
    p->blocks[whom] = is_blocked;
    for (unsigned n = 0; is_blocked && n < g->player_count; n++)
        if (account_index(g->players[n].user->jid) == whom)
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
        snprintf(item, sizeof item, "jid=\"%s@localhost\"", accounts[i]);
        bool is_named = strstr(s->text, item);
        if (is_list)
            blocks_set(g, p, i, is_named);
        else if (is_named || is_all)
            blocks_set(g, p, i, !is_unblock);
    }
}

static void hear_all(struct game *g)
{
    for (unsigned i = 0; i < g->player_count; i++) {
        struct player *p = &g->players[i];
        for (struct said *s; (s = user_take(p->user));) {
            if (is_traced)
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
    if (is_traced)
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
    if (is_traced)
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
    const char *to = accounts[fake_random(ACCOUNTS)];
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
    const char *whom = accounts[fake_random(ACCOUNTS)];
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

static void act(struct game *g, struct player *p)
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

static void everybody_listens(struct game *g)
{
    for (unsigned i = 0; i < g->player_count; i++) {
        struct player *p = &g->players[i];
        p->user->peer->is_stalled = false;
        if (!p->is_gone && p->user->phase == USER_BOUND)
            idle(p, true);
    }
    world_settle(g->w);
}

/* ---- shared groups ---- */

static const char *const group_names[GROUPS] = {"g0", "g1", "g2"};

static bool sees_by_group(const struct game *g, unsigned who, unsigned whom)
{
    for (unsigned seen = 0; seen < GROUPS; seen++)
        for (unsigned viewer = 0; viewer < GROUPS; viewer++)
            if (g->is_seen_by[seen][viewer] && g->is_member[seen][whom] && g->is_member[viewer][who])
                return true;
    return false;
}

static void groups_make(struct game *g)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        char viewers[16] = "", members[128] = "";
        for (unsigned n = 0; n <= i; n++) {
            g->is_seen_by[i][n] = fake_random(3) != 0;
            if (g->is_seen_by[i][n])
                snprintf(viewers + strlen(viewers), sizeof viewers - strlen(viewers), "%s%s",
                         viewers[0] ? "," : "", group_names[n]);
        }
        world_group(g->w, group_names[i], viewers);
        world_settle(g->w);
        for (unsigned n = 0; n < ACCOUNTS; n++) {
            g->is_member[i][n] = fake_random(2) == 0;
            if (g->is_member[i][n])
                snprintf(members + strlen(members), sizeof members - strlen(members), "%s ", accounts[n]);
        }
        if (members[0])
            world_group_change(g->w, "join", group_names[i], members);
        world_settle(g->w);
    }
}

/* Other groups see its members. */
static void change_who_sees(struct game *g, unsigned group)
{
    char viewers[16] = "";
    for (unsigned n = 0; n < GROUPS; n++) {
        g->is_seen_by[group][n] = fake_random(2) == 0;
        if (g->is_seen_by[group][n])
            snprintf(viewers + strlen(viewers), sizeof viewers - strlen(viewers), "%s%s",
                     viewers[0] ? "," : "", group_names[n]);
    }
    g->group_changes--;
    if (is_traced)
        printf("set %s %s\n", group_names[group], viewers);
    world_group_set(g->w, group_names[group], group_names[group], viewers);
}

/* Some join or some leave, several at once. */
static void change_a_group(struct game *g)
{
    unsigned group = fake_random(GROUPS);
    bool is_join = fake_random(2) == 0;
    char members[128] = "";
    if (g->w->is_changing)
        return;
    if (fake_random(3) == 0) {
        change_who_sees(g, group);
        return;
    }
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        if (g->is_member[group][i] == is_join || fake_random(2))
            continue;
        g->is_member[group][i] = is_join;
        snprintf(members + strlen(members), sizeof members - strlen(members), "%s ", accounts[i]);
    }
    if (!members[0])
        return;
    g->group_changes--;
    if (is_traced)
        printf("%s %s %s\n", is_join ? "join" : "leave", group_names[group], members);
    world_group_change(g->w, is_join ? "join" : "leave", group_names[group], members);
}

/* ---- what must be true in the end ---- */

static bool row_has(struct world *w, unsigned owner, unsigned contact, const char *states)
{
    char name[8];
    const struct fake_item *i = world_row(w, accounts[owner], accounts[contact], NULL);
    if (!i)
        return false;
    snprintf(name, sizeof name, " %s ", world_state_name(i->state));
    return strstr(states, name) != NULL;
}

static bool stored_block(struct world *w, unsigned owner, unsigned whom)
{
    char jids[2][64];
    snprintf(jids[0], sizeof jids[0], "%s@localhost", accounts[owner]);
    snprintf(jids[1], sizeof jids[1], "%s@localhost", accounts[whom]);
    return fake_store_blocks(w->broker.store, jids[0], jids[1]);
}

static void views_check(struct game *g)
{
    for (unsigned i = 0; i < g->player_count; i++) {
        struct player *p = &g->players[i];
        if (!p->is_available)
            continue;
        for (unsigned n = 0; n < g->player_count; n++) {
            struct player *other = &g->players[n];
            unsigned who = account_index(p->user->jid), whom = account_index(other->user->jid);
            bool is_seen = who == whom ||
                           (row_has(g->w, who, whom, " T TPi B ") && row_has(g->w, whom, who, " F FPo B ")) ||
                           sees_by_group(g, who, whom);
            if (who != whom && (stored_block(g->w, who, whom) || stored_block(g->w, whom, who)))
                is_seen = false;
            unsigned expected = is_seen && other->is_available ? other->status : 0;
            if (p->views[n].status != expected)
                world_fail(g->w, "%s sees %s with status %u, expected %u", p->user->jid, other->user->jid,
                           p->views[n].status, expected);
        }
    }
}

static void strangers_make(struct game *g, unsigned owner)
{
    static const char *const states[] = {"B", "T", "F", "N"};
    char name[16];
    for (unsigned i = fake_random(STRANGERS); i > 0; i--) {
        snprintf(name, sizeof name, "x%u", fake_random(100));
        world_row(g->w, accounts[owner], name, states[fake_random(4)]);
    }
}

static void rosters_make(struct game *g)
{
    static const char *const pairs[][2] = {{"N", "N"}, {"B", "B"}, {"B", "B"},
                                           {"T", "F"}, {"F", "T"}, {"NPo", "NPi"}};
    char jid[96];
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        snprintf(accounts[i], sizeof accounts[i], "%s%c", names[i], 'a' + (int)fake_random(26));
        snprintf(jid, sizeof jid, "%s@localhost", accounts[i]);
        fake_store_account(g->w->broker.store, jid, true);
    }
    for (unsigned i = 0; i < ACCOUNTS; i++)
        for (unsigned n = i + 1; n < ACCOUNTS; n++) {
            const char *const *pair = pairs[fake_random(6)];
            if (!g->w->at_once_max)
                strangers_make(g, i);
            world_row(g->w, accounts[i], accounts[n], pair[0]);
            world_row(g->w, accounts[n], accounts[i], pair[1]);
            g->may_see[i][n] = *pair[0] == 'T' || *pair[0] == 'B';
            g->may_see[n][i] = *pair[1] == 'T' || *pair[1] == 'B';
        }
    if (g->has_groups)
        groups_make(g);
    for (unsigned i = 0; i < ACCOUNTS; i++)
        for (unsigned n = 0; n < ACCOUNTS; n++)
            g->may_see[i][n] |= sees_by_group(g, i, n);
}

struct rules {
    const char *name;
    bool is_strict, is_presence_only, has_idlers, has_grace, has_groups, has_blocks;
};

static void play(uint32_t workers, uint64_t seed, const struct rules *rules)
{
    char where[64], name[24];
    world_at_once_max =
        seed % 2 ? 0 : ROUTER_AT_ONCE_MAX; /* walks over rosters and watchers in slices, or at once */
    struct game g = {.w = world_new(workers, seed * 2654435761u + 1, 0),
                     .is_strict = rules->is_strict,
                     .is_presence_only = rules->is_presence_only,
                     .has_idlers = rules->has_idlers,
                     .has_grace = rules->has_grace,
                     .has_groups = rules->has_groups,
                     .has_blocks = rules->has_blocks};
    bool is_strict = rules->is_strict;
    snprintf(where, sizeof where, "%s, seed %llu", rules->name, (unsigned long long)seed);
    g.w->where = where;
    g.group_changes = g.has_groups && !is_strict && !g.has_blocks ? ACTIONS : 0;
    if (g.has_idlers) {
        g.w->config.presence.conflate_bytes = 100;
        g.w->config.limits.held_presences = ACCOUNTS - 2;
        world_settings(g.w);
    }
    if (g.has_grace) {
        g.w->config.presence.flap_grace_ms = GRACE_MS;
        world_settings(g.w);
    }
    rosters_make(&g);
    g.player_count = is_strict ? ACCOUNTS : g.is_presence_only ? PLAYERS_MAX : ACCOUNTS + 2;
    for (unsigned i = 0; i < g.player_count; i++) {
        snprintf(name, sizeof name, "%s%s", accounts[i % ACCOUNTS], i < ACCOUNTS ? "" : "2");
        g.players[i].user = world_user(g.w, name);
        g.players[i].left = ACTIONS;
    }
    unsigned steps = 0;
    for (bool is_busy = true; is_busy;) {
        if (++steps > STEPS_MAX)
            world_fail(g.w, "it never comes to rest");
        struct player *p = &g.players[fake_random(g.player_count)];
        if (p->left && fake_random(PATIENCE) == 0)
            act(&g, p);
        if (g.group_changes && fake_random(8 * PATIENCE) == 0)
            change_a_group(&g);
        is_busy = world_step(g.w);
        hear_all(&g);
        for (unsigned i = 0; i < g.player_count; i++)
            is_busy |= g.players[i].left > 0;
    }
    world_settle(g.w);
    if (g.has_idlers)
        everybody_listens(&g);
    if (g.has_grace) {
        hear_all(&g);
        world_check(g.w);
        world_advance(g.w, GRACE_MS + TIMER_TICK_MS);
    }
    hear_all(&g);
    world_check(g.w);
    views_check(&g);
    world_free(g.w);
}

/* MUSTER_FLOW_SEEDS: how many schedules of each kind; MUSTER_FLOW_SEED: only this one, and all that is said
 * is shown. */
static void play_many(const struct rules *rules)
{
    const char *count = getenv("MUSTER_FLOW_SEEDS"), *only = getenv("MUSTER_FLOW_SEED");
    is_traced = only != NULL;
    uint64_t first = only ? strtoull(only, NULL, 10) : 1, last = only    ? first
                                                                 : count ? strtoull(count, NULL, 10)
                                                                         : 1500;
    for (uint64_t seed = first; seed <= last; seed++)
        play(1u << seed % 3, seed, rules);
}

static void test_rosters_at_rest(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"rosters at rest", .is_strict = true});
}

static void test_rosters_that_change(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"rosters that change"});
}

static void test_blocks(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"block lists, rosters that change", .has_blocks = true});
    play_many(&(struct rules){"block lists, groups at rest", .has_blocks = true, .has_groups = true});
}

static void test_groups_at_rest(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"groups at rest", .is_strict = true, .has_groups = true});
}

static void test_groups_that_change(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"groups that change", .has_groups = true});
}

static void test_resources_that_come_and_go(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"resources that come and go", .is_presence_only = true});
}

static void test_lost_connections(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"lost connections, rosters at rest", .is_strict = true, .has_grace = true});
    play_many(&(struct rules){"lost connections, rosters that change", .has_grace = true});
    play_many(&(struct rules){"lost connections, resources that come and go", .is_presence_only = true,
                              .has_grace = true});
}

static void test_idle_and_slow_readers(void **unused)
{
    (void)unused;
    play_many(&(struct rules){"idle and slow readers", .is_strict = true, .has_idlers = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rosters_at_rest),
        cmocka_unit_test(test_rosters_that_change),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_groups_at_rest),
        cmocka_unit_test(test_groups_that_change),
        cmocka_unit_test(test_resources_that_come_and_go),
        cmocka_unit_test(test_idle_and_slow_readers),
        cmocka_unit_test(test_lost_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
