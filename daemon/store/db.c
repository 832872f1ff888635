/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, locking, migrating, transactions and prepared statements. What the tables mean is in account.c and
 * item.c. SQLite's codes become errno here. */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/document.h"
#include "store/internal.h"
#include "store/schema.h"

/* Nobody else should hold SQLite's own lock while we hold ours, except an operator's backup: wait for that. */
#define STORE_BUSY_TIMEOUT_MS 5000

/* synchronous=FULL: in WAL mode it is what makes a commit survive a power cut. The page cache holds the hot
 * end of the tables while a million rows are imported (negative: KiB). A WAL that such an import has blown up
 * is cut back. */
static const char store_pragmas[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    "PRAGMA cache_size=-32768; PRAGMA journal_size_limit=67108864;"
    "PRAGMA temp_store=MEMORY;";

#define STATEMENT_KEY_COLUMNS                                                                                \
    "sha256_iterations, sha256_salt, sha256_stored, sha256_server,"                                          \
    " sha1_iterations, sha1_salt, sha1_stored, sha1_server"

#define STATEMENT_TEXT_OF(x) #x
#define STATEMENT_TEXT(x) STATEMENT_TEXT_OF(x)
/* length() of text counts characters. */
#define STATEMENT_DOCUMENT_CHARGE                                                                            \
    "length(CAST(name AS BLOB)) + length(text) + " STATEMENT_TEXT(STORE_DOCUMENT_BYTES)

#define GROUP_ROW                                                                                            \
    "SELECT id, version, name, title, (SELECT count(*) FROM group_members WHERE in_group = id),"             \
    " (SELECT group_concat(viewer) FROM group_viewers WHERE seen = g.id),"                                   \
    " (SELECT group_concat(v.name, ', ') FROM group_viewers JOIN groups v ON v.id = viewer WHERE seen = "    \
    "g.id),"                                                                                                 \
    " from_file FROM groups g"
/* The indices are named: the planner, without statistics, may take the one that has to be sorted. */
#define STATEMENT_ARCHIVE_PAGE "SELECT number, us, id, stanza FROM archive "
#define STATEMENT_ARCHIVE_RANGE " WHERE owner = ?1 AND number >= ?2 AND number < ?3"
#define STATEMENT_ARCHIVE_WITH " AND peer = ?4"
#define STATEMENT_ARCHIVE_FULL STATEMENT_ARCHIVE_WITH " AND resource = ?5"

static const char *const statement_texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_ACCOUNT_ADD] =
        "INSERT INTO accounts (jid, " STATEMENT_KEY_COLUMNS ", roster_version, removals_from)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10) ON CONFLICT (jid) DO NOTHING",
    [STATEMENT_ACCOUNT_CHANGE] =
        "UPDATE accounts SET (" STATEMENT_KEY_COLUMNS ") = (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) WHERE jid = ?1",
    [STATEMENT_ACCOUNT_GET] = "SELECT " STATEMENT_KEY_COLUMNS " FROM accounts WHERE jid = ?1",
    [STATEMENT_ACCOUNT_REMOVE] = "DELETE FROM accounts WHERE jid = ?1",
    [STATEMENT_ACCOUNT_LIST] = "SELECT jid FROM accounts ORDER BY jid",
    [STATEMENT_ACCOUNT_FIND] = "SELECT id, roster_version FROM accounts WHERE jid = ?1",
    [STATEMENT_VERSION_SET] = "UPDATE accounts SET roster_version = ?2 WHERE id = ?1",
    [STATEMENT_VERSION_ADD] = "UPDATE accounts SET roster_version = max(roster_version + 1, ?2) WHERE id = "
                              "?1 RETURNING roster_version",
    [STATEMENT_ROSTER] = "SELECT contact, name, groups, request, version, state, approved, listed FROM "
                         "roster WHERE owner = ?1",
    [STATEMENT_ITEM_PUT] = "INSERT OR REPLACE INTO roster (owner, contact, name, groups, request, version, "
                           "state, approved, listed)"
                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [STATEMENT_ITEM_REMOVE] = "DELETE FROM roster WHERE owner = ?1 AND contact = ?2",
    [STATEMENT_REMOVAL_ADD] = "INSERT OR REPLACE INTO removals (owner, version, contact) VALUES (?1, ?2, ?3)",
    [STATEMENT_REMOVAL_SURPLUS] =
        "SELECT version FROM removals WHERE owner = ?1 ORDER BY version DESC LIMIT 1 OFFSET ?2",
    [STATEMENT_REMOVALS_FORGET] = "DELETE FROM removals WHERE owner = ?1 AND version <= ?2",
    [STATEMENT_REMOVALS_FROM_SET] = "UPDATE accounts SET removals_from = ?2 WHERE id = ?1",
    [STATEMENT_REMOVALS_FROM] = "SELECT removals_from FROM accounts WHERE id = ?1",
    [STATEMENT_REMOVALS] =
        "SELECT version, contact FROM removals WHERE owner = ?1 AND version > ?2 ORDER BY version",
    [STATEMENT_EPOCH_ADD] =
        "INSERT INTO epochs (token, first) SELECT ?1, ifnull(max(roster_version), 0) FROM accounts",
    [STATEMENT_EPOCHS_FORGET] =
        "DELETE FROM epochs WHERE id <= (SELECT id FROM epochs ORDER BY id DESC LIMIT 1 OFFSET ?1)",
    [STATEMENT_EPOCHS] = "SELECT token, first FROM epochs ORDER BY id",
    /* States 2, 3 and 5 have a request waiting (pending in): with none (0) or to (4) it goes on waiting. */
    [STATEMENT_ITEM_IMPORT] =
        "INSERT INTO roster (owner, contact, name, groups, version, state, approved, listed)"
        " VALUES (?1, ?2, nullif(?3, ''), nullif(?4, ''), ?5, ?6, 0, 1) ON CONFLICT (owner, contact) DO "
        "UPDATE SET"
        " name = CASE WHEN ?3 IS NULL THEN name ELSE excluded.name END,"
        " groups = CASE WHEN ?4 IS NULL THEN groups ELSE excluded.groups END,"
        " version = excluded.version, listed = 1,"
        " request = CASE WHEN excluded.state IN (0, 4) THEN request ELSE NULL END,"
        " state = CASE WHEN state NOT IN (2, 3, 5) THEN excluded.state"
        " WHEN excluded.state = 0 THEN 2 WHEN excluded.state = 4 THEN 5 ELSE excluded.state END",
    [STATEMENT_GROUP_ADD] =
        "INSERT INTO groups (name, title, version) VALUES (?1, ?2, 1) ON CONFLICT (name) DO NOTHING",
    [STATEMENT_GROUP_FIND] = "SELECT id, from_file FROM groups WHERE name = ?1",
    [STATEMENT_GROUP_COUNT] = "SELECT count(*) FROM groups",
    [STATEMENT_GROUP_REMOVE] = "DELETE FROM groups WHERE id = ?1",
    [STATEMENT_GROUP_LIST] = GROUP_ROW " ORDER BY id",
    [STATEMENT_GROUP_GET] = GROUP_ROW " WHERE id = ?1",
    [STATEMENT_GROUP_FROM_FILE_SET] = "UPDATE groups SET from_file = 1 WHERE id = ?1",
    [STATEMENT_GROUPS_FROM_FILE] = "SELECT id, name FROM groups WHERE from_file ORDER BY id",
    [STATEMENT_GROUP_AWAIT] = "INSERT OR IGNORE INTO group_awaited (jid, in_group) VALUES (?1, ?2)",
    [STATEMENT_GROUP_AWAIT_AGAIN] =
        "INSERT OR IGNORE INTO group_awaited (jid, in_group) SELECT ?1, in_group FROM group_members"
        " JOIN groups ON id = in_group WHERE member = ?2 AND from_file",
    [STATEMENT_GROUP_AWAITING] = "SELECT in_group FROM group_awaited WHERE jid = ?1 ORDER BY in_group",
    [STATEMENT_GROUP_AWAITED] = "SELECT DISTINCT jid FROM group_awaited ORDER BY jid",
    [STATEMENT_GROUP_AWAITED_JOINED] = "DELETE FROM group_awaited WHERE jid = ?1",
    [STATEMENT_GROUP_AWAITED_FORGET] = "DELETE FROM group_awaited",
    [STATEMENT_GROUP_VERSION_ADD] = "UPDATE groups SET version = version + 1 WHERE id = ?1 RETURNING version",
    [STATEMENT_GROUP_TITLE_SET] = "UPDATE groups SET title = ?2 WHERE id = ?1",
    [STATEMENT_GROUP_VIEWERS_FORGET] = "DELETE FROM group_viewers WHERE seen = ?1",
    [STATEMENT_GROUP_VIEWER_ADD] = "INSERT OR IGNORE INTO group_viewers (seen, viewer) VALUES (?1, ?2)",
    [STATEMENT_GROUP_JOIN] =
        "INSERT INTO group_members (in_group, member) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    [STATEMENT_GROUP_LEAVE] = "DELETE FROM group_members WHERE in_group = ?1 AND member = ?2",
    [STATEMENT_GROUP_MEMBERS] =
        "SELECT jid FROM group_members JOIN accounts ON id = member WHERE in_group = ?1 ORDER BY jid",
    [STATEMENT_OFFLINE_FIRST] = "SELECT number, length(CAST(stanza AS BLOB)), total FROM offline WHERE owner "
                                "= ?1 ORDER BY number LIMIT 1",
    [STATEMENT_OFFLINE_LAST] =
        "SELECT number, 0, total FROM offline WHERE owner = ?1 ORDER BY number DESC LIMIT 1",
    [STATEMENT_OFFLINE_ADD] =
        "INSERT INTO offline (owner, number, us, total, stanza) VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_OFFLINE_READ] =
        "SELECT number, us, stanza FROM offline WHERE owner = (SELECT id FROM accounts WHERE jid = ?1)"
        " AND number > ?2 ORDER BY number",
    [STATEMENT_OFFLINE_REMOVE] =
        "DELETE FROM offline WHERE owner = (SELECT id FROM accounts WHERE jid = ?1) AND number <= ?2",
    [STATEMENT_PEP_NODE] = "SELECT n.id, n.bytes, n.access, n.flags, n.items_max FROM accounts a"
                           " JOIN pep_nodes n ON n.owner = a.id WHERE a.jid = ?1 AND n.name = ?2",
    [STATEMENT_PEP_NODES] = "SELECT n.id, n.name, n.access, n.flags, n.items_max, a.id FROM accounts a"
                            " JOIN pep_nodes n ON n.owner = a.id WHERE a.jid = ?1 ORDER BY n.name",
    [STATEMENT_PEP_USE] = "SELECT count(*), ifnull(sum(bytes), 0) FROM pep_nodes WHERE owner = ?1",
    [STATEMENT_PEP_NODE_ADD] =
        "INSERT INTO pep_nodes (owner, name, access, flags, items_max) VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_PEP_NODE_CHANGE] =
        "UPDATE pep_nodes SET access = ?2, flags = ?3, items_max = ?4 WHERE id = ?1",
    [STATEMENT_PEP_NODE_REMOVE] = "DELETE FROM pep_nodes WHERE id = ?1",
    [STATEMENT_PEP_NODE_COUNT] = "UPDATE pep_nodes SET bytes = (SELECT ifnull(sum(bytes), 0) FROM pep_items "
                                 "WHERE node = ?1) WHERE id = ?1",
    [STATEMENT_PEP_ITEM] = "SELECT id, published, payload FROM pep_items WHERE node = ?1 AND id = ?2",
    [STATEMENT_PEP_ITEM_PUT] = "INSERT OR REPLACE INTO pep_items (node, id, bytes, published, payload)"
                               " VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_PEP_ITEM_REMOVE] = "DELETE FROM pep_items WHERE node = ?1 AND id = ?2",
    [STATEMENT_PEP_ITEMS] =
        "SELECT id, published, payload FROM pep_items WHERE node = ?1 AND number < ifnull("
        "(SELECT number FROM pep_items WHERE node = ?1 AND id = ?2), 0x7fffffffffffffff)"
        " ORDER BY number DESC LIMIT ?3",
    [STATEMENT_PEP_ITEMS_COUNT] = "SELECT count(*) FROM pep_items WHERE node = ?1",
    [STATEMENT_PEP_ITEMS_KEPT] = "SELECT ifnull(sum(bytes), 0) FROM (SELECT bytes FROM pep_items"
                                 " WHERE node = ?1 AND id <> ?2 ORDER BY number DESC LIMIT ?3)",
    [STATEMENT_PEP_ITEMS_TRIM] = "DELETE FROM pep_items WHERE number IN (SELECT number FROM pep_items"
                                 " WHERE node = ?1 ORDER BY number DESC LIMIT -1 OFFSET ?2)",
    /* The states of RFC 6121 A.1 in which the owner sees the contact, and in which the contact sees the
       owner. */
    [STATEMENT_PEP_CONTACTS] =
        "SELECT r.contact, r.state IN (4, 5, 8) FROM accounts a JOIN roster r ON r.owner = a.id"
        " WHERE a.jid = ?1 AND r.contact > ?2 ORDER BY r.contact LIMIT ?3",
    [STATEMENT_PEP_STATE] = "SELECT state IN (6, 7, 8) FROM roster WHERE owner = ?1 AND contact = ?2",
    [STATEMENT_ARCHIVE_FIRST] = "SELECT number, us, id FROM archive WHERE owner = ?1 ORDER BY number LIMIT 1",
    [STATEMENT_ARCHIVE_LAST] =
        "SELECT number, us, id FROM archive WHERE owner = ?1 ORDER BY number DESC LIMIT 1",
    [STATEMENT_ARCHIVE_AT] = "SELECT number, us, id FROM archive WHERE owner = ?1 AND number = ?2",
    [STATEMENT_ARCHIVE_ID] = "SELECT number, us, id FROM archive WHERE owner = ?1 AND id = ?2",
    [STATEMENT_ARCHIVE_ADD] = "INSERT INTO archive (owner, number, id, us, peer, resource, stanza) VALUES "
                              "(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STATEMENT_ARCHIVE_REMOVE] = "DELETE FROM archive WHERE owner = ?1 AND number <= ?2",
    [STATEMENT_ARCHIVE_FORWARD] =
        STATEMENT_ARCHIVE_PAGE "NOT INDEXED" STATEMENT_ARCHIVE_RANGE " ORDER BY number",
    [STATEMENT_ARCHIVE_BACKWARD] =
        STATEMENT_ARCHIVE_PAGE "NOT INDEXED" STATEMENT_ARCHIVE_RANGE " ORDER BY number DESC",
    [STATEMENT_ARCHIVE_WITH_FORWARD] = STATEMENT_ARCHIVE_PAGE
    "INDEXED BY archive_peer" STATEMENT_ARCHIVE_RANGE STATEMENT_ARCHIVE_WITH " ORDER BY number",
    [STATEMENT_ARCHIVE_WITH_BACKWARD] = STATEMENT_ARCHIVE_PAGE
    "INDEXED BY archive_peer" STATEMENT_ARCHIVE_RANGE STATEMENT_ARCHIVE_WITH " ORDER BY number DESC",
    [STATEMENT_ARCHIVE_WITH_COUNT] =
        "SELECT count(*) FROM archive INDEXED BY archive_peer" STATEMENT_ARCHIVE_RANGE STATEMENT_ARCHIVE_WITH,
    [STATEMENT_ARCHIVE_FULL_FORWARD] = STATEMENT_ARCHIVE_PAGE
    "INDEXED BY archive_resource" STATEMENT_ARCHIVE_RANGE STATEMENT_ARCHIVE_FULL " ORDER BY number",
    [STATEMENT_ARCHIVE_FULL_BACKWARD] = STATEMENT_ARCHIVE_PAGE
    "INDEXED BY archive_resource" STATEMENT_ARCHIVE_RANGE STATEMENT_ARCHIVE_FULL " ORDER BY number DESC",
    [STATEMENT_ARCHIVE_FULL_COUNT] =
        "SELECT count(*) FROM archive INDEXED BY archive_resource" STATEMENT_ARCHIVE_RANGE
            STATEMENT_ARCHIVE_FULL,
    [STATEMENT_ARCHIVE_NEXT] = "SELECT owner FROM archive WHERE owner >= ?1 ORDER BY owner LIMIT 1",
    [STATEMENT_ARCHIVE_PREFERENCES] =
        "SELECT text FROM archive_preferences WHERE owner = (SELECT id FROM accounts WHERE jid = ?1)",
    [STATEMENT_ARCHIVE_PREFERENCES_PUT] =
        "INSERT OR REPLACE INTO archive_preferences (owner, text) VALUES (?1, ?2)",
    [STATEMENT_GROUP_OF_MEMBER] = "SELECT in_group FROM group_members WHERE member = ?1 ORDER BY in_group",
    [STATEMENT_TOKENS] = "SELECT slot, token, expires, uses FROM tokens"
                         " WHERE account = ?1 AND client = ?2 AND mechanism = ?3 ORDER BY slot DESC",
    [STATEMENT_TOKEN_PUT] =
        "INSERT OR REPLACE INTO tokens (account, client, slot, mechanism, token, expires, uses)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
    [STATEMENT_TOKEN_FORGET] = "DELETE FROM tokens WHERE account = ?1 AND client = ?2 AND slot = ?3",
    [STATEMENT_TOKEN_PROMOTE] = "UPDATE tokens SET slot = 0 WHERE account = ?1 AND client = ?2 AND slot = 1",
    [STATEMENT_TOKEN_COUNT] = "UPDATE tokens SET uses = ?3 WHERE account = ?1 AND client = ?2 AND slot = 0",
    [STATEMENT_TOKENS_FORGET] = "DELETE FROM tokens WHERE account = ?1 AND client = ?2",
    /* All but ?3 installations, of which ?2 is one whatever happens. */
    [STATEMENT_TOKENS_SURPLUS] =
        "DELETE FROM tokens WHERE account = ?1 AND client IN (SELECT client FROM tokens WHERE account = ?1"
        " GROUP BY client ORDER BY client = ?2 DESC, max(expires) DESC LIMIT -1 OFFSET ?3)",
    [STATEMENT_TOKENS_REVOKE] = "DELETE FROM tokens WHERE account = (SELECT id FROM accounts WHERE jid = ?1)",
    [STATEMENT_ABSENCE_GET] = "SELECT since, status FROM absences WHERE owner = ?1",
    [STATEMENT_ABSENCE_PUT] = "INSERT OR REPLACE INTO absences (owner, since, status)"
                              " SELECT id, ?2, ?3 FROM accounts WHERE jid = ?1",
    [STATEMENT_AVATAR_GET] = "SELECT hash FROM avatars WHERE owner = ?1",
    [STATEMENT_AVATAR_FIND] = "SELECT hash, type FROM avatars JOIN accounts ON id = owner WHERE jid = ?1",
    [STATEMENT_AVATAR_PUT] = "INSERT OR REPLACE INTO avatars (owner, hash, type)"
                             " SELECT id, ?2, ?3 FROM accounts WHERE jid = ?1",
    [STATEMENT_SAVEPOINT] = "SAVEPOINT part",
    [STATEMENT_SAVEPOINT_RETURN] = "ROLLBACK TO part",
    [STATEMENT_SAVEPOINT_RELEASE] = "RELEASE part",
    [STATEMENT_DOCUMENT_GET] =
        "SELECT text FROM documents JOIN accounts ON id = owner WHERE jid = ?1 AND kind = ?2 AND name = ?3",
    [STATEMENT_DOCUMENT_PUT] = "INSERT INTO documents (owner, kind, name, text) VALUES (?1, ?2, ?3, ?4)"
                               " ON CONFLICT DO UPDATE SET text = excluded.text",
    [STATEMENT_DOCUMENT_REMOVE] = "DELETE FROM documents WHERE owner = ?1 AND kind = ?2 AND name = ?3",
    [STATEMENT_DOCUMENT_BYTES] = "SELECT ifnull(sum(" STATEMENT_DOCUMENT_CHARGE "), 0) FROM documents"
                                 " WHERE owner = ?1 AND kind = ?2 AND name = ?3",
    [STATEMENT_DOCUMENTS_BYTES] = "SELECT ifnull(sum(" STATEMENT_DOCUMENT_CHARGE "), 0) FROM documents"
                                  " WHERE owner = ?1 AND kind = ?2",
    [STATEMENT_BLOCKS] = "SELECT jid FROM blocks WHERE owner = ?1 ORDER BY jid",
    [STATEMENT_BLOCK_ADD] = "INSERT INTO blocks (owner, jid) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    [STATEMENT_BLOCK_REMOVE] = "DELETE FROM blocks WHERE owner = ?1 AND jid = ?2",
    [STATEMENT_BLOCKS_CLEAR] = "DELETE FROM blocks WHERE owner = ?1",
};

int store_error(struct store_db *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return -EINVAL;
    case SQLITE_PERM:
        return -EACCES;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: {
        int system_error = db->sqlite ? sqlite3_system_errno(db->sqlite) : 0;
        return system_error > 0 ? -system_error : -EIO;
    }
    default:
        return -EIO;
    }
}

sqlite3_stmt *store_statement(struct store_db *db, enum store_statement which, int *ret_error)
{
    if (db->statements[which])
        return db->statements[which];
    int code = sqlite3_prepare_v3(db->sqlite, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                  &db->statements[which], NULL);
    if (code != SQLITE_OK)
        *ret_error = store_error(db, code);
    return db->statements[which];
}

int store_statement_run(struct store_db *db, sqlite3_stmt *statement)
{
    int error = store_error(db, sqlite3_step(statement));
    sqlite3_reset(statement);
    return error;
}

void store_bind_text(sqlite3_stmt *statement, int position, struct span text)
{
    if (text.len)
        sqlite3_bind_text64(statement, position, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_null(statement, position);
}

struct span store_column_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return span_make(text, text ? (size_t)sqlite3_column_bytes(statement, column) : 0);
}

static int db_run(struct store_db *db, enum store_statement which)
{
    int error = 0;
    sqlite3_stmt *statement = store_statement(db, which, &error);
    return statement ? store_statement_run(db, statement) : error;
}

int store_db_begin(struct store_db *db)
{
    return db_run(db, STATEMENT_BEGIN);
}

int store_db_commit(struct store_db *db)
{
    int error = db_run(db, STATEMENT_COMMIT);
    if (error)
        store_db_rollback(db);
    return error;
}

void store_db_rollback(struct store_db *db)
{
    /* SQLite has rolled back by itself after some errors (a full disk): a second ROLLBACK would only fail. */
    if (!sqlite3_get_autocommit(db->sqlite))
        db_run(db, STATEMENT_ROLLBACK);
}

static int db_exec(struct store_db *db, const char *sql)
{
    return store_error(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

static int db_int(struct store_db *db, const char *sql, int *ret_value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret_value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? 0 : store_error(db, code == SQLITE_OK ? SQLITE_ERROR : code);
}

static int db_secret_make(struct store_db *db)
{
    uint8_t secret[sizeof db->secret];
    sqlite3_stmt *statement = NULL;
    if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        return -EIO;
    int code = sqlite3_prepare_v2(db->sqlite, "INSERT OR IGNORE INTO meta VALUES ('secret', ?1)", -1,
                                  &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_blob(statement, 1, secret, sizeof secret, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return store_error(db, code);
}

static int db_secret_load(struct store_db *db)
{
    sqlite3_stmt *statement = NULL;
    int code =
        sqlite3_prepare_v2(db->sqlite, "SELECT value FROM meta WHERE name = 'secret'", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    int error = code == SQLITE_DONE ? -EUCLEAN : store_error(db, code);
    if (code == SQLITE_ROW && sqlite3_column_bytes(statement, 0) != (int)sizeof db->secret)
        error = -EUCLEAN;
    else if (code == SQLITE_ROW)
        memcpy(db->secret, sqlite3_column_blob(statement, 0), sizeof db->secret);
    sqlite3_finalize(statement);
    return error;
}

/* All steps in one transaction: a database is of one version or of the other, never between. */
static int db_migrate(struct store_db *db, struct buffer *ret_message)
{
    int version = 0;
    int error = db_exec(db, "BEGIN IMMEDIATE");
    if (error)
        return error;
    error = db_int(db, "PRAGMA user_version", &version);
    if (!error && (version < 0 || version > store_schema_version)) {
        buffer_printf(
            ret_message,
            "the database has schema version %d, this program knows up to %d: run the newer program", version,
            store_schema_version);
        error = -EPROTONOSUPPORT;
    }
    for (int step = version; !error && step < store_schema_version; step++)
        error = db_exec(db, store_schema_steps[step]);
    if (!error && version < store_schema_version) {
        char pragma[64];
        snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", store_schema_version);
        error = db_exec(db, pragma);
    }
    if (!error)
        error = db_secret_make(db);
    if (!error)
        error = db_exec(db, "COMMIT");
    if (error)
        db_exec(db, "ROLLBACK");
    return error;
}

/* Open a file of the state folder, created private. Made by root for a daemon that is not root, it must
 * belong to whom the folder belongs to. */
static int state_file_open(const char *folder, const char *name, int *ret_fd)
{
    char path[PATH_MAX];
    struct stat status;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (geteuid() == 0 && stat(folder, &status) == 0 && fchown(fd, status.st_uid, status.st_gid) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

/* Take the lock, and leave our process id in it for the message to whoever comes second. */
static int lock_take(const char *state_path, int *ret_fd, struct buffer *ret_message)
{
    char text[32] = "";
    int fd = -1, error = state_file_open(state_path, "muster.lock", &fd);
    if (error)
        return error;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        error = errno == EWOULDBLOCK ? -EBUSY : -errno;
        ssize_t len = pread(fd, text, sizeof text - 1, 0);
        text[len > 0 ? len : 0] = '\0';
        text[strspn(text, "0123456789")] = '\0';
        if (error == -EBUSY)
            buffer_printf(ret_message, "%s/muster.lock is held by process %s: the state is in use",
                          state_path, text[0] ? text : "?");
        close(fd);
        return error;
    }
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len)
        text[0] = '\0'; /* a full disk: the lock holds without its comment */
    *ret_fd = fd;
    return 0;
}

static int db_connect(struct store_db *db, const char *state_path, struct buffer *ret_message)
{
    char path[PATH_MAX];
    int fd = -1, error = state_file_open(state_path, "muster.db", &fd);
    if (error)
        return error;
    close(fd); /* only made here, for its mode; SQLite has not opened it yet, so no lock of its own is lost */
    if (snprintf(path, sizeof path, "%s/muster.db", state_path) >= (int)sizeof path)
        return -ENAMETOOLONG;
    /* One thread at a time uses the connection: SQLite need not lock it. */
    int code = sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return store_error(db, code);
    sqlite3_extended_result_codes(db->sqlite, 1);
    sqlite3_busy_timeout(db->sqlite, STORE_BUSY_TIMEOUT_MS);
    error = db_exec(db, store_pragmas);
    if (!error)
        error = db_migrate(db, ret_message);
    if (!error)
        error = db_secret_load(db);
    return error;
}

int store_db_open(const char *state_path, struct store_db **ret_db, struct buffer *ret_message)
{
    uint32_t said = ret_message->len;
    struct store_db *db = calloc(1, sizeof *db);
    if (!db)
        return -ENOMEM;
    db->lock_fd = -1;
    int error = mkdir(state_path, 0700) != 0 && errno != EEXIST ? -errno : 0;
    if (!error)
        error = lock_take(state_path, &db->lock_fd, ret_message);
    if (!error)
        error = db_connect(db, state_path, ret_message);
    if (error) {
        if (ret_message->len == said)
            buffer_printf(ret_message, "%s: cannot open the state: %s", state_path, strerror(-error));
        store_db_close(db);
        return error;
    }
    *ret_db = db;
    return 0;
}

struct store_db *store_db_close(struct store_db *db)
{
    if (!db)
        return NULL;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->sqlite);
    if (db->lock_fd >= 0)
        close(db->lock_fd); /* last: the lock goes with it */
    explicit_bzero(db->secret, sizeof db->secret);
    free(db);
    return NULL;
}

const uint8_t *store_db_secret(const struct store_db *db)
{
    return db->secret;
}
