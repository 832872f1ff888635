/* SPDX-License-Identifier: Apache-2.0 */
/* Shared groups as one worker holds them: the definition, which is everybody's, and the available members
 * that are at home here. That list is a watch list (who hears what members of the groups that it sees say)
 * and a list of publishers (whose presence a member that comes online is told). An entry costs 24 bytes, an
 * account 16 a group; members that are offline or at home elsewhere cost nothing here. */
#ifndef MUSTER_PRESENCE_GROUP_H
#define MUSTER_PRESENCE_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "presence/account.h"
#include "roster/group.h"

struct group_wave;

/* Stamps grow with each entry of any list of this worker, and a list is in their order: whoever walks one in
 * pieces goes on behind the last stamp it has seen, whatever has come and gone. */
struct group_entry {
    struct account *account;
    struct group_wave *wave; /* not yet told of everybody: does not hear everybody yet (route/). NULL: told */
    uint64_t stamp;
};

struct group_list {
    struct group_entry *entries;
    uint32_t count, capacity;
};

struct group_here {
    struct group *group; /* a reference; of a removed group the last one */
    struct group_list members;
    struct group_list parting;   /* have left, and are still to be told who is not theirs to see any more */
    struct group_here **viewers; /* groups whose members see its members */
    uint32_t viewer_count;
    struct group_here **sees; /* groups whose members its members see */
    uint32_t sees_count;
    /* While its visibility changes, member by member: who saw the members before, and still sees those who
     * stand behind this stamp. */
    struct group_here **was_viewers;
    uint32_t was_viewer_count;
    uint64_t turned;
    bool is_turning;
    uint64_t version; /* of the definition that everybody here has been told of */
    bool is_removed;  /* freed when nobody is parting any more */
};

struct groups_here {
    struct group_here **at; /* by number: new groups have the highest */
    uint32_t count;
    uint64_t stamps; /* the last one given */
    uint64_t marks;  /* the last one written on accounts */
};

/* Where an account stands. */
struct account_group {
    struct group_here *here;
    uint64_t stamp; /* in here->members; 0: not there, for it is not available */
};

/* The groups whose members see the account by this one. */
static inline struct group_here *const *group_viewers(const struct account_group *g, uint32_t *ret_count)
{
    bool is_as_before = g->here->is_turning && g->stamp > g->here->turned;
    *ret_count = is_as_before ? g->here->was_viewer_count : g->here->viewer_count;
    return is_as_before ? g->here->was_viewers : g->here->viewers;
}

void groups_init(struct groups_here *g);
void groups_fini(struct groups_here *g);                                      /* every list is empty */
struct group_here *groups_find(const struct groups_here *g, uint32_t number); /* NULL: none */
/* The definition that a step says; a new group is made, a removed one is marked. 0 or -ENOMEM. */
int groups_define(struct groups_here *g, const struct group_step *step);
/* Its viewers are those that its definition names, as far as they are there. 0 or -ENOMEM. */
int groups_link(struct groups_here *g, struct group_here *here);
/* The same while it has members: they go over from the viewers before one by one, as `turned` goes on. */
int groups_turn_begin(struct groups_here *g, struct group_here *here);
void groups_turn_end(struct group_here *here);
/* Free a removed group in which nobody is left. */
void groups_forget(struct groups_here *g, struct group_here *here);

/* 0 or -ENOMEM. */
int group_list_add(struct group_list *l, struct account *a, struct group_wave *wave, uint64_t stamp);
/* The place of the first entry behind `stamp`. */
uint32_t group_list_after(const struct group_list *l, uint64_t stamp);
void group_list_remove(struct group_list *l, uint32_t place);

/* Find the account's groups; once, when it comes into memory. 0 or -ENOMEM. */
int account_groups_load(struct account *a, const struct groups_here *g);
struct account_group *account_group(const struct account *a,
                                    const struct group_here *here); /* NULL: no member */
/* 0, also when it is there, or -ENOMEM. */
int account_group_add(struct account *a, struct group_here *here);
void account_group_remove(struct account *a, struct account_group *which);

/* What groups say of `bare` to an account: does it see it, is it seen by it. */
struct group_view {
    bool is_to, is_from;
};
struct group_view group_view(const struct account *a, struct span bare);

#endif
