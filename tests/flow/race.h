/* SPDX-License-Identifier: Apache-2.0 */
/* A game of test_races.c and its players: clients that believe what they are told and do what is drawn. */
#ifndef MUSTER_TESTS_FLOW_RACE_H
#define MUSTER_TESTS_FLOW_RACE_H

#include "world.h"

#define ACCOUNTS 4
#define PLAYERS_MAX 8
#define STATUSES_MAX 4096
#define GROUPS 3

/* The accounts are named so, with a letter drawn behind each, so that their homes are others in every game. */
extern const char *const race_names[ACCOUNTS];
extern char race_accounts[ACCOUNTS][16];
/* All that is said is shown. */
extern bool race_is_traced;

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

/* Whose JID it is, as the place in race_accounts. */
unsigned race_account(const char *jid);
/* Everybody takes in what it was told; what may not be told fails the test. */
void race_hear(struct game *g);
/* The player does the next thing, if it can do any. */
void race_act(struct game *g, struct player *p);
/* Nobody is inactive or reads nothing any more. */
void race_listen(struct game *g);

#endif
