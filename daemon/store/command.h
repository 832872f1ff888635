/* SPDX-License-Identifier: Apache-2.0 */
/* Administration commands on the database, the same whether the daemon's store thread runs them or musterctl
 * does while the daemon is down. */
#ifndef MUSTER_STORE_COMMAND_H
#define MUSTER_STORE_COMMAND_H

#include "store/db.h"

/* Is this a command for the database? (else the daemon itself answers it, or nobody does) */
bool store_command_known(struct span command);

/* Run within one transaction of its own. `command`: words separated by TAB; `body`: lines.
 *   user put [replace|existing]   body: jid TAB keys, as store_command_keys_write makes them; many lines
 *   user list
 *   user remove JID
 *   roster import        body: jid TAB contact TAB both|to|from|none [TAB name [TAB group,group]]
 *   group add NAME TITLE everybody|hidden|visible-to [OTHER...]
 *   group set NAME TITLE everybody|hidden|visible-to|keep [OTHER...]   an empty TITLE: it stays
 *   group remove|show NAME, group list
 *   group join|leave NAME  body: JIDs
 *   group import         body: NAME TAB jid; groups that do not exist are made
 *   group sync           body: "group NAME TITLE everybody|hidden|visible-to [OTHER...]" with TABs between,
 * and "member JID" (prepared) for those of the group before: the groups of the configuration file become
 * these; the reply says who has no account, and joins when it is made group dump           every group in the
 * lines below, in the reply `domains`/`domain_count`: accounts must be of one of these. Appends text for the
 * user to `reply` (one line that says what and which line is wrong, on failure) and what changed, a line
 * each, to `affected`: the bare JID of an account whose rows changed; for a group "add NUMBER VERSION NAME
 * TITLE VIEWER,VIEWER", "set" with the same behind it, "join NUMBER VERSION JID", "leave NUMBER VERSION JID"
 * or "remove NUMBER VERSION", with TABs between. All or nothing. Returns 0, 1 (refused, reply says why) or
 * negative errno (reply says what failed). */
int store_command_run(struct store_db *db, const struct span *domains, unsigned domain_count,
                      struct span command, struct span body, struct buffer *reply, struct buffer *affected);

/* "iterations,salt,stored,server" in hex for each hash, joined by ';': what `user put` takes. */
void store_command_keys_write(const struct sasl_credentials *credentials, struct buffer *out);

#endif
