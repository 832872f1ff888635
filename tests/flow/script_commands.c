/* SPDX-License-Identifier: Apache-2.0 */
#include "script_commands.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_edge.h"
#include "other.h"
#include "sasl/digest.h"
#include "sasl/sasl.h"
#include "script_settings.h"

static void do_account(struct world *w, struct words *a)
{
    char jid[96];
    for (unsigned i = 1; i < a->count; i++) {
        snprintf(jid, sizeof jid, "%s@localhost", a->at[i]);
        fake_store_account(w->broker.store, jid, true);
    }
}

static void do_row(struct world *w, struct words *a)
{
    struct fake_item *i = world_row(w, a->at[1], a->at[2], a->at[3]);
    i->is_approved = words_have(a, 4, "approved");
    i->is_listed = !words_have(a, 4, "unlisted");
}

static void do_connect(struct world *w, struct words *a)
{
    world_connect(w, world_user(w, a->at[1]), -1);
    world_settle(w);
}

static void log_in_as_far_as(struct world *w, const char *name, enum user_phase goal)
{
    struct user *u = world_user(w, name);
    world_connect(w, u, -1);
    user_login(u, goal);
    world_settle(w);
}

static void do_open(struct world *w, struct words *a)
{
    log_in_as_far_as(w, a->at[1], USER_OPENING);
}

static void do_auth(struct world *w, struct words *a)
{
    log_in_as_far_as(w, a->at[1], USER_REOPENING);
}

/* A log-in that may be refused, or wait. */
static void do_try(struct world *w, struct words *a)
{
    log_in_as_far_as(w, a->at[1], USER_BOUND);
}

static void do_mistake(struct world *w, struct words *a)
{
    world_user(w, a->at[1])->is_mistaken = true;
    do_try(w, a);
}

/* What stands for `$header` or `$id(NAME)` at `text`; *ret_len: of these. NULL: neither. */
const char *script_meaning(struct world *w, const char *text, size_t *ret_len)
{
    char name[32];
    *ret_len = strlen("$header");
    if (strncmp(text, "$header", *ret_len) == 0)
        return USER_HEADER;
    if (sscanf(text, "$id(%31[a-z0-9])", name) != 1)
        return NULL;
    *ret_len = strlen("$id()") + strlen(name);
    return world_user(w, name)->management_id;
}

/* The rest of the line is what <authenticate/> holds. */
static void do_sasl2(struct world *w, struct words *a)
{
    struct user *u = world_user(w, a->at[1]);
    struct buffer wanted = {0};
    for (unsigned i = 2; i < a->count; i++) {
        const char *text = a->at[i], *sign = strchr(text, '$');
        size_t len = 0;
        const char *meant = sign ? script_meaning(w, sign, &len) : NULL;
        buffer_append(&wanted, span_make(text, meant ? (size_t)(sign - text) : strlen(text)));
        if (meant)
            buffer_printf(&wanted, "%s%s", meant, sign + len);
        buffer_append_char(&wanted, ' ');
    }
    buffer_append_char(&wanted, 0);
    world_connect(w, u, -1);
    user_login_sasl2(u, wanted.ptr, strcmp(a->at[0], "fast") == 0);
    world_settle(w);
    u->wanted = NULL;
    buffer_fini(&wanted);
}

static void do_login(struct world *w, struct words *a)
{
    for (unsigned i = 1; i < a->count; i++)
        world_login(w, a->at[i]);
}

static void do_online(struct world *w, struct words *a)
{
    for (unsigned i = 1; i < a->count; i++)
        world_online(w, a->at[i]);
}

static void do_forget(struct world *w, struct words *a)
{
    (void)a;
    for (uint32_t i = 0; i < w->user_count; i++)
        user_forget(&w->users[i]);
}

static void do_settle(struct world *w, struct words *a)
{
    (void)a;
    world_settle(w);
}

static void do_advance(struct world *w, struct words *a)
{
    world_advance(w, strtoul(a->at[1], NULL, 10));
}

static void do_cut(struct world *w, struct words *a)
{
    struct user *u = world_user(w, a->at[1]);
    u->is_deaf = true; /* who has gone hears no farewell */
    u->peer->is_ended = true;
    world_settle(w);
}

static void do_break(struct world *w, struct words *a)
{
    world_user(w, a->at[1])->peer->error = ECONNRESET;
    world_settle(w);
}

static void do_stall(struct world *w, struct words *a)
{
    world_user(w, a->at[1])->peer->is_stalled = true;
}

static void do_unstall(struct world *w, struct words *a)
{
    world_user(w, a->at[1])->peer->is_stalled = false;
    world_settle(w);
}

static void do_short(struct world *w, struct words *a)
{
    world_user(w, a->at[1])->peer->send_bytes_max = strtoul(a->at[2], NULL, 10);
}

static void do_store(struct world *w, struct words *a)
{
    static const char *const operations[] = {"credentials", "roster",  "change",
                                             "removals",    "command", "call"};
    if (strcmp(a->at[1], "hold") == 0) {
        w->is_store_held = true;
    } else if (strcmp(a->at[1], "go") == 0) {
        w->is_store_held = false;
        world_settle(w);
    } else if (strcmp(a->at[1], "one") == 0) {
        fake_store_run_one(w->broker.store);
        world_settle(w);
    } else {
        for (int i = 0; i <= STORE_CALL; i++)
            fake_store_fail(w->broker.store, i, a->at[2] && strcmp(a->at[2], operations[i]) == 0 ? EIO : 0);
    }
}

static void do_stored(struct world *w, struct words *a)
{
    const struct fake_item *i = world_row(w, a->at[1], a->at[2], NULL);
    if (strcmp(a->at[3], "gone") == 0) {
        if (i)
            world_fail(w, "the row is there, in state %s", world_state_name(i->state));
        return;
    }
    if (!i)
        world_fail(w, "there is no such row");
    if (i->state != world_state(a->at[3]) || i->is_approved != words_have(a, 4, "approved") ||
        i->is_listed == words_have(a, 4, "unlisted") || (i->request[0] != 0) != words_have(a, 4, "request"))
        world_fail(w, "stored is %s%s%s%s", world_state_name(i->state), i->is_approved ? " approved" : "",
                   i->is_listed ? "" : " unlisted", i->request[0] ? " request" : "");
}

static void changed(struct world *w, const char *name, bool is_removed)
{
    char jid[96];
    snprintf(jid, sizeof jid, "%s@localhost", name);
    if (is_removed)
        fake_store_account_remove(w->broker.store, jid);
    router_account_changed(w->broker.routers, w->broker.worker_count, span_of(jid), is_removed);
    world_settle(w);
}

static void do_remove(struct world *w, struct words *a)
{
    changed(w, a->at[1], true);
}

static void do_reset(struct world *w, struct words *a)
{
    changed(w, a->at[1], false);
}

static void do_counted(struct world *w, struct words *a)
{
    uint64_t expected = strtoull(a->at[2], NULL, 10), sum = 0;
    bool is_known = false;
    for (uint32_t i = 0; i < w->broker.worker_count; i++) {
        const struct worker *worker = &w->broker.workers[i];
        const struct {
            const char *name;
            uint64_t value;
        } counters[] = {
            {"held", worker->streams.counters.presences_held},
            {"conflated", worker->streams.counters.presences_conflated},
            {"overflows", worker->streams.counters.held_overflows},
            {"inactive", worker->streams.counters.sessions_inactive},
            {"slow", worker->net.counters.slow_readers},
            {"flaps", worker->router.counters.flaps_held},
            {"damped", worker->router.counters.flaps_damped},
            {"delayed", worker->router.counters.presences_delayed},
            {"superseded", worker->router.counters.presences_superseded},
            {"kept", worker->router.counters.messages_kept},
            {"archived", worker->router.counters.messages_archived},
            {"given", worker->router.counters.messages_given},
            {"changes", worker->router.counters.presence_changes},
            {"enabled", worker->streams.counters.sm_enabled},
            {"resumed", worker->streams.counters.sm_resumed},
            {"expired", worker->streams.counters.sm_expired},
            {"refused", worker->streams.counters.sm_refused},
            {"asked", worker->streams.counters.sm_requests},
            {"resent", worker->streams.counters.sm_resent},
            {"unacked", worker->streams.counters.sm_overflows},
            {"detached", worker->streams.counters.sessions_detached},
            {"rerouted", worker->router.counters.messages_rerouted},
            {"registered", worker->streams.counters.registered},
            {"published", worker->router.counters.events_published},
            {"events", worker->router.counters.events_delivered},
            {"capsasked", worker->router.counters.caps_asked},
            {"capsrefused", worker->router.counters.caps_refused},
            {"throttled", worker->streams.counters.throttled},
            {"strangers", worker->router.counters.strangers_refused},
            {"remote", worker->router.counters.remote_sent},
            {"smimerefused", worker->router.counters.e2e_refused},
            {"smimemarks", worker->router.counters.e2e_marks_removed},
            {"smimeok", worker->router.counters.e2e_reasons[SMIME_OK]},
            {"smimebad", worker->router.counters.e2e_reasons[SMIME_SIG_INVALID]},
            {"smimebusy", worker->router.counters.e2e_reasons[SMIME_BUSY]},
            {"smimeencrypted", worker->router.counters.e2e_encrypted},
            {"logindelays", worker->streams.counters.logins_delayed},
        };
        for (size_t n = 0; n < sizeof counters / sizeof *counters; n++)
            if (strcmp(counters[n].name, a->at[1]) == 0) {
                is_known = true;
                sum += counters[n].value;
            }
    }
    if (!is_known || sum != expected)
        world_fail(w, "counted %llu", (unsigned long long)sum);
}

/* The last order begins so. */
static void do_ordered(struct world *w, struct words *a)
{
    char expected[512] = "";
    for (unsigned i = 1; i < a->count; i++) {
        strncat(expected, i > 1 ? " " : "", sizeof expected - strlen(expected) - 1);
        strncat(expected, a->at[i], sizeof expected - strlen(expected) - 1);
    }
    struct span orders = buffer_span(&w->orders);
    if (strcmp(expected, "nothing") == 0 ? orders.len > 0 : !span_starts(orders, span_of(expected)))
        world_fail(w, "ordered was %.*s", (int)orders.len, orders.len ? orders.ptr : "");
    buffer_clear(&w->orders);
}

static void do_group(struct world *w, struct words *a)
{
    world_group(w, a->at[1], a->count > 2 ? a->at[2] : "");
    world_settle(w);
}

static void do_group_set(struct world *w, struct words *a)
{
    world_group_set(w, a->at[1], a->at[2], a->count > 3 ? a->at[3] : "");
    world_settle(w);
}

static void do_membership(struct world *w, struct words *a)
{
    char names[512] = "";
    for (unsigned i = 2; i < a->count; i++) {
        strncat(names, a->at[i], sizeof names - strlen(names) - 1);
        strncat(names, " ", sizeof names - strlen(names) - 1);
    }
    world_group_change(w, strcmp(a->at[0], "ungroup") == 0 ? "remove" : a->at[0], a->at[1], names);
    world_settle(w);
}

/* What she is asked, and her own presence, are not news. Returns the id of the last query for capabilities in
 * `id`. */
static void capable_read(struct user *u, char *id, size_t id_bytes)
{
    struct said *kept = NULL, **last = &kept;
    for (struct said *s; (s = user_take(u));) {
        bool is_own = s->from && strcmp(s->from, u->jid) == 0;
        if (s->id && strncmp(s->id, "caps-", 5) == 0) {
            snprintf(id, id_bytes, "%s", s->id);
            said_free(s);
        } else if (is_own && strcmp(s->name, "presence") == 0) {
            said_free(s);
        } else {
            s->next = NULL;
            *last = s;
            last = &s->next;
        }
    }
    u->first = kept;
    u->last = kept ? last : &u->first;
}

static void do_capable(struct world *w, struct words *a)
{
    struct user *u = world_user(w, a->at[1]);
    struct buffer hashed = {0}, features = {0}, ver = {0};
    uint8_t digest[DIGEST_BYTES_MAX];
    size_t bytes;
    char id[32] = "";
    buffer_literal(&hashed, "client/pc//test<");
    for (unsigned i = 2; i < a->count; i++) { /* in order */
        buffer_printf(&hashed, "%s+notify<", a->at[i]);
        buffer_printf(&features, "<feature var='%s+notify'/>", a->at[i]);
    }
    buffer_append_char(&features, 0);
    if (digest_named(SPAN("sha-1"), buffer_span(&hashed), digest, &bytes) != 0)
        world_fail(w, "no digest");
    sasl_base64_encode(span_make((const char *)digest, bytes), &ver);
    world_say(w, u->name,
              "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:c' "
              "ver='%.*s'/></presence>",
              (int)ver.len, ver.ptr);
    capable_read(u, id, sizeof id);
    if (id[0])
        world_say(
            w, u->name,
            "<iq type='result' id='%s' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info' "
            "node='urn:c#%.*s'><identity category='client' type='pc' name='test'/>%s</query></iq>",
            id, (int)ver.len, ver.ptr, features.ptr);
    buffer_fini(&hashed);
    buffer_fini(&features);
    buffer_fini(&ver);
}

static void do_edge(struct world *w, struct words *a)
{
    fake_edge_is_held = strcmp(a->at[1], "hold") == 0;
    fake_edge_is_full = strcmp(a->at[1], "full") == 0;
    world_settle(w);
}

static void do_shutdown(struct world *w, struct words *a)
{
    (void)a;
    for (uint32_t i = 0; i < w->broker.worker_count; i++)
        worker_stop(&w->broker.workers[i]);
    /* it is asked by a message, so a turn follows */
    for (uint32_t i = 0; i < w->broker.worker_count; i++)
        fake_loop_turn(w->broker.workers[i].loop, NULL);
    world_settle(w);
}

static void do_remote(struct world *w, struct words *a)
{
    for (unsigned i = 1; i < a->count; i++)
        other_begin(w, a->at[i]);
}

static void do_down(struct world *w, struct words *a)
{
    other_fail(w, a->at[1], strcmp(a->at[0], "up") == 0 ? NULL : a->at[2]);
    world_settle(w);
}

static const struct {
    const char *name;
    void (*act)(struct world *w, struct words *words);
    unsigned words_min;
} commands[] = {
    {"account", do_account, 2},    {"row", do_row, 4},
    {"smime", setting_smime, 3},   {"edge", do_edge, 2},
    {"limit", setting_limit, 3},   {"conflict", setting_conflict, 2},
    {"connect", do_connect, 2},    {"open", do_open, 2},
    {"auth", do_auth, 2},          {"try", do_try, 2},
    {"login", do_login, 2},        {"sasl2", do_sasl2, 2},
    {"fast", do_sasl2, 2},         {"online", do_online, 2},
    {"forget", do_forget, 1},      {"settle", do_settle, 1},
    {"advance", do_advance, 2},    {"cut", do_cut, 2},
    {"break", do_break, 2},        {"stall", do_stall, 2},
    {"unstall", do_unstall, 2},    {"short", do_short, 3},
    {"store", do_store, 2},        {"stored", do_stored, 4},
    {"remove", do_remove, 2},      {"reset", do_reset, 2},
    {"shutdown", do_shutdown, 1},  {"counted", do_counted, 3},
    {"switch", setting_switch, 3}, {"group", do_group, 2},
    {"join", do_membership, 3},    {"set", do_group_set, 3},
    {"leave", do_membership, 3},   {"ungroup", do_membership, 2},
    {"capable", do_capable, 2},    {"admin", setting_admin, 2},
    {"ordered", do_ordered, 2},    {"contact", setting_contact, 3},
    {"mistake", do_mistake, 2},    {"remote", do_remote, 2},
    {"down", do_down, 3},          {"up", do_down, 2},
};

/* `crowd other N XML`: the server says it so many times. */
static bool crowd(struct world *w, const char *line)
{
    char name[32];
    unsigned count;
    int at = 0;
    if (sscanf(line, "crowd %31s %u %n", name, &count, &at) != 2 || !at)
        return false;
    while (count-- > 0)
        if (!other_say(w, name, line + at))
            world_fail(w, "no server is named %s", name);
    world_settle(w);
    return true;
}

bool script_command(struct world *w, const char *line)
{
    if (crowd(w, line))
        return true;
    struct words words;
    words_cut(&words, line);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, words.at[0]) == 0 && words.count >= commands[i].words_min) {
            commands[i].act(w, &words);
            return true;
        }
    return false;
}
