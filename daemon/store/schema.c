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
    /* 1 -> 2: roster versions (RFC 6121 s. 2.6). What was removed from whose roster in which version: complete for the
     * versions after removals_from. Roster versions are microseconds since 1970, so an epoch, begun at each start of
     * the daemon, can say how far the one before went. */
    "CREATE TABLE removals ("
    " owner INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " version INTEGER NOT NULL,"
    " contact TEXT NOT NULL,"
    " PRIMARY KEY (owner, version, contact)"
    ") STRICT, WITHOUT ROWID;"
    "ALTER TABLE accounts ADD COLUMN removals_from INTEGER NOT NULL DEFAULT 0;"
    "UPDATE accounts SET removals_from = roster_version;"
    "CREATE TABLE epochs (id INTEGER PRIMARY KEY, token INTEGER NOT NULL, first INTEGER NOT NULL) STRICT;",
    /* 2 -> 3: shared groups. A number is never given twice: who still has it in mind must not take another group for it. */
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
    /* documents: what accounts keep here (store/document.h). Texts may be long: rows of their own, found by an index. */
    "CREATE TABLE documents ("
    " owner INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    " kind INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " text BLOB NOT NULL,"
    " PRIMARY KEY (owner, kind, name)"
    ") STRICT;"
    "CREATE TABLE absences ("
    " owner INTEGER PRIMARY KEY REFERENCES accounts(id) ON DELETE CASCADE,"
    " since INTEGER NOT NULL,"
    " status TEXT"
    ") STRICT;",
};

const int store_schema_version = sizeof store_schema_steps / sizeof store_schema_steps[0];
