/* SPDX-License-Identifier: Apache-2.0 */
/* The commands on shared groups, and what every command is given. Private to the room. */
#ifndef MUSTER_STORE_COMMAND_GROUP_H
#define MUSTER_STORE_COMMAND_GROUP_H

#include "base/buffer.h"
#include "store/db.h"

struct command {
    struct store_db *db;
    const struct span *domains;
    unsigned domain_count;
    struct span argument; /* the words behind the command's own */
    struct span body;
    struct buffer *reply, *affected;
};

/* Each within a transaction: 0, 1 (reply says why not) or negative errno. */
int store_group_add(struct command *c);
int store_group_set(struct command *c);
int store_group_remove(struct command *c);
int store_group_list(struct command *c);
int store_group_show(struct command *c);
int store_group_join(struct command *c);
int store_group_leave(struct command *c);
int store_group_import(struct command *c);
int store_group_dump(struct command *c);
/* group_sync.c: the groups of the configuration file. */
int store_group_sync(struct command *c);
/* The account is new: it joins the groups of the file that name it. */
int store_groups_await_end(struct command *c, struct span jid);
/* The account will be removed: those groups of the file that it is in wait for it again. */
int store_groups_await_again(struct command *c, struct span jid, int64_t account);
/* Take the account off every group, before it is removed. 0 (also when there is none) or negative errno. */
int store_groups_leave(struct command *c, struct span jid);

#endif
