/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include <stddef.h>

/* JIDs are text in prepared form and compare by bytes. `roster` is clustered by owner, so that a large roster
 * is read as one run of pages, in the order in which an import that is sorted writes it. state is enum
 * subscription_state (0 to 8); name, groups and request are NULL when there is none. */
const char *const store_schema_steps[] = {
    /* 0 -> 1 */
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE accounts ("
    " id INTEGER PRIMARY KEY,"
    " jid TEXT NOT NULL UNIQUE CHECK (length(jid) > 0),"
    " roster_version INTEGER NOT NULL,"
    " sha256_iterations INTEGER, sha256_salt BLOB, sha256_stored BLOB, sha256_server BLOB,"
    " sha1_iterations INTEGER, sha1_salt BLOB, sha1_stored BLOB, sha1_server BLOB"
    ") STRICT;"
    "CREATE TABLE roster ("
    " owner INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " contact TEXT NOT NULL CHECK (length(contact) > 0),"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 8),"
    " approved INTEGER NOT NULL,"
    " listed INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " name TEXT, groups TEXT, request TEXT,"
    " PRIMARY KEY (owner, contact)"
    ") STRICT, WITHOUT ROWID;",
    /* 1 -> 2: roster versions (RFC 6121 s. 2.6). What was removed from whose roster in which version:
     * complete for the versions after removals_from. Roster versions are microseconds since 1970, so an
     * epoch, begun at each start of the daemon, can say how far the one before went. */
    "CREATE TABLE removals ("
    " owner INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " version INTEGER NOT NULL,"
    " contact TEXT NOT NULL,"
    " PRIMARY KEY (owner, version, contact)"
    ") STRICT, WITHOUT ROWID;"
    "ALTER TABLE accounts ADD COLUMN removals_from INTEGER NOT NULL DEFAULT 0;"
    "UPDATE accounts SET removals_from = roster_version;"
    "CREATE TABLE epochs (id INTEGER PRIMARY KEY, token INTEGER NOT NULL, first INTEGER NOT NULL) STRICT;",
    /* 2 -> 3: shared groups. A number is never given twice: who still has it in mind must not take another
       group for it. */
    "CREATE TABLE groups ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE CHECK (length(name) > 0),"
    " title TEXT NOT NULL CHECK (length(title) > 0),"
    " version INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE group_viewers ("
    " seen INTEGER NOT NULL REFERENCES groups(id) ON DELETE CASCADE,"
    " viewer INTEGER NOT NULL REFERENCES groups(id) ON DELETE CASCADE,"
    " PRIMARY KEY (seen, viewer)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE group_members ("
    " in_group INTEGER NOT NULL REFERENCES groups(id) ON DELETE CASCADE,"
    " member INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " PRIMARY KEY (in_group, member)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX group_viewers_viewer ON group_viewers (viewer);"
    "CREATE INDEX group_members_member ON group_members (member);",
    /* documents: what accounts keep here (store/document.h). Texts may be long: rows of their own, found by
       an index. */
    "CREATE TABLE documents ("
    " owner INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " kind INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " text BLOB NOT NULL,"
    " PRIMARY KEY (owner, kind, name)"
    ") STRICT;",
    /* offline: messages that wait. `total`: bytes of all that were put up to this one since the queue was
     * empty, this one among them. */
    "CREATE TABLE offline ("
    " owner INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " number INTEGER NOT NULL,"
    " us INTEGER NOT NULL,"
    " total INTEGER NOT NULL,"
    " stanza TEXT NOT NULL,"
    " PRIMARY KEY (owner, number)"
    ") STRICT, WITHOUT ROWID;",
    /* tokens: what an installation of an account's client logs in with (store/token.h). mechanism is SASL's
     * name for it; slot 0 is in use, 1 was given out and is not yet; expires in seconds since 1970; uses as
     * the client counts them. */
    "CREATE TABLE tokens ("
    " account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " client TEXT NOT NULL CHECK (length(client) > 0),"
    " slot INTEGER NOT NULL CHECK (slot IN (0, 1)),"
    " mechanism TEXT NOT NULL,"
    " token TEXT NOT NULL,"
    " expires INTEGER NOT NULL,"
    " uses INTEGER NOT NULL,"
    " PRIMARY KEY (account, client, slot)"
    ") STRICT, WITHOUT ROWID;",
    /* pep: what accounts publish (store/pep.h). The number of an item grows with each publication: it is the
     * order. What an item takes is in an index, so that adding up does not read the items. */
    "CREATE TABLE pep_nodes ("
    " id INTEGER PRIMARY KEY,"
    " owner INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " access INTEGER NOT NULL,"
    " flags INTEGER NOT NULL,"
    " items_max INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE (owner, name)"
    ") STRICT;"
    "CREATE TABLE pep_items ("
    " number INTEGER PRIMARY KEY,"
    " node INTEGER NOT NULL REFERENCES pep_nodes(id) ON DELETE CASCADE,"
    " id TEXT NOT NULL,"
    " bytes INTEGER NOT NULL,"
    " published INTEGER NOT NULL,"
    " payload TEXT,"
    " UNIQUE (node, id)"
    ") STRICT;"
    "CREATE INDEX pep_items_node ON pep_items (node, number, bytes);",
    /* groups of the configuration file, and who is named there and has no account: joins when it is made. */
    "ALTER TABLE groups ADD COLUMN from_file INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE group_awaited ("
    " jid TEXT NOT NULL,"
    " in_group INTEGER NOT NULL REFERENCES groups(id) ON DELETE CASCADE,"
    " PRIMARY KEY (jid, in_group)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX group_awaited_in_group ON group_awaited (in_group);",
    /* archives: number has no gaps in an archive, us never goes back (store/archive.h). */
    "CREATE TABLE archive ("
    " owner INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " number INTEGER NOT NULL,"
    " id INTEGER NOT NULL,"
    " us INTEGER NOT NULL,"
    " peer TEXT NOT NULL CHECK (length(peer) > 0),"
    " resource TEXT,"
    " stanza TEXT NOT NULL,"
    " PRIMARY KEY (owner, number)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX archive_id ON archive (owner, id);"
    "CREATE INDEX archive_peer ON archive (owner, peer, number);"
    "CREATE TABLE archive_preferences ("
    " owner INTEGER PRIMARY KEY REFERENCES accounts(id) ON DELETE CASCADE,"
    " text TEXT NOT NULL"
    ") STRICT;",
    /* block lists (XEP-0191): whom each account does not want to hear from or be seen by. */
    "CREATE TABLE blocks ("
    " owner INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " jid TEXT NOT NULL CHECK (length(jid) > 0),"
    " PRIMARY KEY (owner, jid)"
    ") STRICT, WITHOUT ROWID;",
    /* absences: since when accounts are not available (store/absence.c). */
    "CREATE TABLE absences ("
    " owner INTEGER PRIMARY KEY REFERENCES accounts(id) ON DELETE CASCADE,"
    " since INTEGER NOT NULL,"
    " status TEXT"
    ") STRICT;",
    /* avatars: what presence says of accounts' (store/avatar.h). */
    "CREATE TABLE avatars ("
    " owner INTEGER PRIMARY KEY REFERENCES accounts(id) ON DELETE CASCADE,"
    " hash TEXT NOT NULL,"
    " type TEXT NOT NULL"
    ") STRICT;",
    /* archives with one resource of a peer: or all that was ever said with the peer is looked at for it. Most of what comes has
     * none, being to or from a bare JID. */
    "CREATE INDEX archive_resource ON archive (owner, peer, resource, number) WHERE resource IS NOT NULL;",
};

const int store_schema_version = sizeof store_schema_steps / sizeof store_schema_steps[0];
