/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's workers (daemon/worker.c with net/, stream/, route/ as they are) on loops, sockets and a store
 * that the test holds, and the clients that talk to them. */
#ifndef MUSTER_TESTS_FLOW_WORLD_H
#define MUSTER_TESTS_FLOW_WORLD_H

#include "broker.h"
#include "fake_store.h"
#include "other.h"
#include "user.h"

#define WORLD_USERS_MAX 64
#define WORLD_GROUPS_MAX 16
#define WORLD_OTHERS_MAX 4
#define WORLD_RULES_MAX 8

struct world {
    struct broker broker;
    struct config config;
    struct config_listener listener;
    char *domain_texts[1];
    struct span domains[1];
    char *contacts[CONFIG_CONTACTS];
    char *admin;
    char *smime_texts[WORLD_RULES_MAX]; /* of the rules for signed stanzas */
    uint32_t smime_count;
    struct buffer orders; /* what administrators have ordered, a line each; TABs are blanks */
    struct user users[WORLD_USERS_MAX];
    uint32_t user_count, connections;
    struct other others[WORLD_OTHERS_MAX]; /* other servers (other.h) */
    uint32_t other_count;
    uint32_t at_once_max; /* for the routers' settings */
    bool is_store_held;
    char *groups[WORLD_GROUPS_MAX]; /* names; the number is the place + 1 */
    uint32_t group_count;
    uint64_t group_version;
    bool is_changing;  /* the shared groups are */
    const char *where; /* for messages: the case that is played */
};

/* What new worlds do at once: longer walks over rosters and watchers go in slices. */
extern uint32_t world_at_once_max;

/* Settings may be changed in w->config (then world_settings) before the first client. */
struct world *world_new(uint32_t workers, uint64_t seed, size_t receive_bytes_max);
void world_settings(struct world *w);
/* Cut every client, stop the workers as the broker does, and check that nothing at all is left. */
void world_free(struct world *w);

/* The client of that name, made when first named. */
struct user *world_user(struct world *w, const char *name);
/* `worker` < 0: the workers in turn. */
void world_connect(struct world *w, struct user *u, int worker);

/* Run until nothing has anything to do (but for what is held). */
void world_settle(struct world *w);
/* Let one of those that have something to do do some of it, by the seed. False: nobody has. */
bool world_step(struct world *w);
/* Time passes in ticks. */
void world_advance(struct world *w, uint64_t ms);
/* At rest: interests, slots and accounts agree over all workers. */
void world_check(struct world *w);

/* Log in (and the like) and settle; names separated by spaces. */
void world_login(struct world *w, const char *names);
/* The same, then ask for the roster and send initial presence; when all are there, forget what was said. */
void world_online(struct world *w, const char *names);

/* The client says it; then all settles. */
void world_say(struct world *w, const char *user, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The next thing that the client was told. */
void world_expect(struct world *w, const char *user, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Among the things that the client was told and that were not yet expected. */
void world_expect_any(struct world *w, const char *user, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void world_expect_nothing(struct world *w, const char *user);
void world_expect_closed(struct world *w, const char *user);
/* Nobody was told anything that was not expected. */
void world_expect_silence(struct world *w);

/* A roster row as the store has it. `contact`: a user's name, or a JID. `state` as the tables name it: N NPo NPi NPio T TPi F FPo B. */
int world_state(const char *name);
const char *world_state_name(int state);
struct fake_item *world_row(struct world *w, const char *owner, const char *contact, const char *state);

/* A shared group, titled as it is named. `viewers`: names of groups with commas between; "" hidden. */
void world_group(struct world *w, const char *name, const char *viewers);
/* Another title, and other viewers. */
void world_group_set(struct world *w, const char *name, const char *title, const char *viewers);
/* Members join or leave; w->is_changing until every worker has acted on it. `names`: separated by spaces. */
void world_group_change(struct world *w, const char *verb, const char *group, const char *names);

void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif
