/* SPDX-License-Identifier: Apache-2.0 */
/* Shared groups as rows, within a transaction, for the commands on them and for those that come from the
 * configuration file. Private to the room. */
#ifndef MUSTER_STORE_GROUP_H
#define MUSTER_STORE_GROUP_H

#include "store/command_group.h"
#include "store/internal.h"

/* Each: 0, negative errno, or what is said besides; 1 with the reason in the reply: refused. */
int store_group_refuse(struct command *c, struct span what, const char *why); /* 1 */
/* The file's groups are changed there. 1. */
int store_group_from_file_refuse(struct command *c, struct span name);

/* 0 or STORE_NOT_FOUND. */
int store_group_find(struct store_db *db, struct span name, int64_t *ret_number, bool *ret_is_from_file);
/* The group, or a refusal. */
int store_group_named(struct command *c, struct span name, int64_t *ret_number);
/* The same, for a change by a command. */
int store_group_changeable(struct command *c, struct span name, int64_t *ret_number);

/* Make a group, and tell. `others`: names with TABs between. */
int store_group_make(struct command *c, struct span name, struct span title, struct span mode,
                     struct span others, int64_t *ret_number);
int store_group_title_set(struct command *c, int64_t number, struct span title);
int store_group_viewers_set(struct command *c, int64_t number, struct span mode, struct span others);
/* Remove it, and tell. */
int store_group_drop(struct command *c, int64_t number);
int store_group_version_add(struct store_db *db, int64_t number, int64_t *ret_version);

/* Append "VERB NUMBER VERSION NAME TITLE VIEWER,VIEWER" of a row of STATEMENT_GROUP_LIST, or of the group. */
void store_group_line(struct buffer *to, const char *verb, sqlite3_stmt *row);
int store_group_line_of(struct command *c, const char *verb, int64_t number, struct buffer *to);
/* Append "VERB NUMBER VERSION REST" to what is affected. */
void store_group_tell(struct command *c, const char *verb, int64_t number, int64_t version, struct span rest);

/* The members in the order of their addresses' bytes; `each` must not change them. */
int store_group_members_each(struct command *c, int64_t number,
                             void (*each)(struct command *c, struct span jid, void *context), void *context);

/* A group whose members change: its version counts up at the first one that does. */
struct store_group_change {
    int64_t number, version; /* version 0: nothing has changed yet */
};

/* Join or leave, and tell. `jid`: bare, prepared. 0 or STORE_NOT_FOUND. */
int store_group_member_change(struct command *c, struct store_group_change *g, struct span jid, bool is_join,
                              bool *ret_changed);

/* A statement of two numbers that changes rows; *ret_changed says whether it did. */
int store_group_pair_run(struct store_db *db, enum store_statement which, int64_t first, int64_t second,
                         bool *ret_changed);

#endif
