/* SPDX-License-Identifier: Apache-2.0 */
#include "store/archive.h"

#include <errno.h>

#include "store/internal.h"

/* Taken off with each message that is added, when there are too many: two would do to get fewer, and a limit that was lowered is
 * reached before long. */
#define SURPLUS_MAX 16
/* Of one step of the sweep: a few milliseconds of the store thread. */
#define SWEEP_ARCHIVES_MAX 64
#define SWEEP_MESSAGES_MAX 1000

struct place {
    uint64_t number, us, id;
};

/* Step a statement for one row of number, us, id. 0, STORE_NOT_FOUND or negative errno. */
static int place_read(struct store_db *db, sqlite3_stmt *row, struct place *ret)
{
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW)
        *ret = (struct place){(uint64_t)sqlite3_column_int64(row, 0), (uint64_t)sqlite3_column_int64(row, 1),
                              (uint64_t)sqlite3_column_int64(row, 2)};
    int error = code == SQLITE_ROW ? 0 : code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    sqlite3_reset(row);
    return error;
}

/* By owner alone (the first, the last), or by another number or id. */
static int place_find(struct store_db *db, enum store_statement which, int64_t owner, uint64_t key,
                      struct place *ret)
{
    int error = 0;
    sqlite3_stmt *row = store_statement(db, which, &error);
    if (!row)
        return error;
    sqlite3_bind_int64(row, 1, owner);
    if (which == STATEMENT_ARCHIVE_AT || which == STATEMENT_ARCHIVE_ID)
        sqlite3_bind_int64(row, 2, (int64_t)key);
    return place_read(db, row, ret);
}

static int ends_find(struct store_db *db, int64_t owner, struct place *ret_first, struct place *ret_last)
{
    int error = place_find(db, STATEMENT_ARCHIVE_LAST, owner, 0, ret_last);
    return error ? error : place_find(db, STATEMENT_ARCHIVE_FIRST, owner, 0, ret_first);
}

/* ---- adding and removing ---- */

static int remove_to(struct store_db *db, int64_t owner, uint64_t number)
{
    int error = 0;
    sqlite3_stmt *remove = store_statement(db, STATEMENT_ARCHIVE_REMOVE, &error);
    if (!remove)
        return error;
    sqlite3_bind_int64(remove, 1, owner);
    sqlite3_bind_int64(remove, 2, (int64_t)number);
    return store_statement_run(db, remove);
}

/* Remove what is beyond `messages_max`, up to `some`; *ret_removed is how many. */
static int surplus_remove(struct store_db *db, int64_t owner, const struct place *first, uint64_t last,
                          uint32_t messages_max, uint32_t some, uint32_t *ret_removed)
{
    uint64_t count = last - first->number + 1;
    uint64_t surplus = count > messages_max ? count - messages_max : 0;
    *ret_removed = (uint32_t)(surplus < some ? surplus : some);
    return *ret_removed ? remove_to(db, owner, first->number + *ret_removed - 1) : 0;
}

int store_archive_add(struct store_db *db, struct span owner, const struct store_archive_entry *entry,
                      uint32_t messages_max)
{
    int64_t id;
    uint64_t unused;
    uint32_t removed;
    struct place first, last = {0};
    int error = store_account_find(db, owner, &id, &unused);
    if (error)
        return error;
    error = ends_find(db, id, &first, &last);
    if (error == STORE_NOT_FOUND)
        first.number = 1;
    else if (error)
        return error;
    error = 0;
    sqlite3_stmt *add = store_statement(db, STATEMENT_ARCHIVE_ADD, &error);
    if (!add)
        return error;
    sqlite3_bind_int64(add, 1, id);
    sqlite3_bind_int64(add, 2, (int64_t)(last.number + 1));
    sqlite3_bind_int64(add, 3, (int64_t)entry->id);
    sqlite3_bind_int64(add, 4, (int64_t)(entry->us > last.us ? entry->us : last.us));
    store_bind_text(add, 5, entry->peer);
    store_bind_text(add, 6, entry->resource);
    store_bind_text(add, 7, entry->stanza);
    error = store_statement_run(db, add);
    return error ? error
                 : surplus_remove(db, id, &first, last.number + 1, messages_max, SURPLUS_MAX, &removed);
}

/* ---- reading ---- */

/* Numbers from `first` up to before `end`. */
struct range {
    uint64_t first, end;
};

/* The first number of the range whose time is at least `us`; its end when there is none. */
static int time_find(struct store_db *db, int64_t owner, struct range within, uint64_t us,
                     uint64_t *ret_number)
{
    while (within.first < within.end) {
        uint64_t middle = within.first + (within.end - within.first) / 2;
        struct place place;
        int error = place_find(db, STATEMENT_ARCHIVE_AT, owner, middle, &place);
        if (error)
            return error < 0 ? error : -EUCLEAN; /* there are no gaps */
        if (place.us < us)
            within.first = middle + 1;
        else
            within.end = middle;
    }
    *ret_number = within.first;
    return 0;
}

static int id_find(struct store_db *db, int64_t owner, uint64_t id, uint64_t *ret_number)
{
    struct place place;
    int error = place_find(db, STATEMENT_ARCHIVE_ID, owner, id, &place);
    if (!error)
        *ret_number = place.number;
    return error == STORE_NOT_FOUND ? STORE_ARCHIVE_NO_ID : error;
}

static int range_after(struct store_db *db, int64_t owner, uint64_t id, struct range *range)
{
    uint64_t number = 0;
    int error = id_find(db, owner, id, &number);
    if (!error && number + 1 > range->first)
        range->first = number + 1;
    return error;
}

static int range_before(struct store_db *db, int64_t owner, uint64_t id, struct range *range)
{
    uint64_t number = 0;
    int error = id_find(db, owner, id, &number);
    if (!error && number < range->end)
        range->end = number;
    return error;
}

/* What the query asks for, and of it the part that its page is taken from. */
static int ranges_find(struct store_db *db, int64_t owner, const struct store_archive_query *q,
                       struct range *ret_whole, struct range *ret_part)
{
    struct place first, last;
    struct range whole = {1, 1};
    int error = ends_find(db, owner, &first, &last);
    if (error < 0)
        return error;
    if (!error)
        whole = (struct range){first.number, last.number + 1};
    error = 0;
    if (q->to_us != UINT64_MAX)
        error = time_find(db, owner, whole, q->to_us + 1, &whole.end);
    if (!error && q->from_us)
        error = time_find(db, owner, whole, q->from_us, &whole.first);
    if (!error && q->has_after_id)
        error = range_after(db, owner, q->after_id, &whole);
    if (!error && q->has_before_id)
        error = range_before(db, owner, q->before_id, &whole);
    *ret_part = whole;
    if (!error && q->has_after)
        error = range_after(db, owner, q->after, ret_part);
    if (!error && q->has_before)
        error = range_before(db, owner, q->before, ret_part);
    *ret_whole = whole;
    return error;
}

static int message_take(sqlite3_stmt *row, struct arena *arena, struct store_archive_message *ret)
{
    ret->number = (uint64_t)sqlite3_column_int64(row, 0);
    ret->us = (uint64_t)sqlite3_column_int64(row, 1);
    ret->id = (uint64_t)sqlite3_column_int64(row, 2);
    ret->stanza = arena_copy(arena, store_column_text(row, 3));
    return ret->stanza.ptr ? 0 : -ENOMEM;
}

static void page_reverse(struct store_archive_page *page)
{
    for (uint32_t i = 0, j = page->count; i + 1 < j; i++) {
        struct store_archive_message m = page->messages[i];
        page->messages[i] = page->messages[--j];
        page->messages[j] = m;
    }
}

static int page_read(struct store_db *db, sqlite3_stmt *rows, uint32_t max, struct arena *arena,
                     struct store_archive_page *page)
{
    size_t bytes = 0;
    int error = 0, code;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW && page->count < max &&
           bytes < STORE_ARCHIVE_PAGE_BYTES && !error) {
        error = message_take(rows, arena, &page->messages[page->count]);
        bytes += page->messages[page->count].stanza.len;
        page->count += !error;
    }
    page->is_complete = code == SQLITE_DONE;
    sqlite3_reset(rows);
    if (error)
        return error;
    return code == SQLITE_ROW ? 0 : store_error(db, code);
}

static enum store_statement statement_of(const struct store_archive_query *q)
{
    if (!q->peer.len)
        return q->is_backward ? STATEMENT_ARCHIVE_BACKWARD : STATEMENT_ARCHIVE_FORWARD;
    if (!q->resource.len)
        return q->is_backward ? STATEMENT_ARCHIVE_WITH_BACKWARD : STATEMENT_ARCHIVE_WITH_FORWARD;
    return q->is_backward ? STATEMENT_ARCHIVE_FULL_BACKWARD : STATEMENT_ARCHIVE_FULL_FORWARD;
}

static void query_bind(sqlite3_stmt *rows, int64_t owner, struct range range,
                       const struct store_archive_query *q)
{
    sqlite3_bind_int64(rows, 1, owner);
    sqlite3_bind_int64(rows, 2, (int64_t)range.first);
    sqlite3_bind_int64(rows, 3, (int64_t)range.end);
    if (!q->peer.len)
        return;
    store_bind_text(rows, 4, q->peer);
    if (q->resource.len)
        store_bind_text(rows, 5, q->resource);
}

/* With one peer they have gaps, and are counted only for a client that asks for nothing else. */
static int peer_count(struct store_db *db, int64_t owner, struct range range,
                      const struct store_archive_query *q, uint64_t *ret_count)
{
    int error = 0;
    enum store_statement which =
        q->resource.len ? STATEMENT_ARCHIVE_FULL_COUNT : STATEMENT_ARCHIVE_WITH_COUNT;
    sqlite3_stmt *count = store_statement(db, which, &error);
    if (!count)
        return error;
    query_bind(count, owner, range, q);
    int code = sqlite3_step(count);
    if (code == SQLITE_ROW)
        *ret_count = (uint64_t)sqlite3_column_int64(count, 0);
    error = code == SQLITE_ROW ? 0 : store_error(db, code);
    sqlite3_reset(count);
    return error;
}

/* Single messages, in their order. */
static int ids_read(struct store_db *db, int64_t owner, const struct store_archive_query *q,
                    struct arena *arena, struct store_archive_page *page)
{
    struct store_archive_query one = {.max = 1};
    uint64_t numbers[STORE_ARCHIVE_PAGE_MESSAGES];
    uint32_t count = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i < q->id_count; i++) {
        uint64_t number = 0;
        int error = id_find(db, owner, q->ids[i], &number);
        if (error)
            return error;
        uint32_t at = count;
        for (; at > 0 && numbers[at - 1] >= number; at--)
            if (numbers[at - 1] == number)
                break;
        if (at > 0 && numbers[at - 1] == number)
            continue;
        memmove(&numbers[at + 1], &numbers[at], (count++ - at) * sizeof *numbers);
        numbers[at] = number;
    }
    page->total = count;
    for (uint32_t i = 0; i < count; i++) {
        int error = 0;
        if (bytes >= STORE_ARCHIVE_PAGE_BYTES)
            return 0;
        sqlite3_stmt *rows = store_statement(db, STATEMENT_ARCHIVE_FORWARD, &error);
        if (!rows)
            return error;
        query_bind(rows, owner, (struct range){numbers[i], numbers[i] + 1}, &one);
        error = page_read(db, rows, i + 1, arena, page);
        page->is_complete = i + 1 == count;
        if (error)
            return error;
        bytes += page->messages[i].stanza.len;
    }
    return 0;
}

int store_archive_read(struct store_db *db, struct span owner, const struct store_archive_query *q,
                       struct arena *arena, struct store_archive_page *ret)
{
    struct range whole, part;
    int64_t id;
    uint64_t unused;
    ret->count = 0;
    ret->is_complete = ret->has_total = true;
    ret->total = ret->index = 0;
    int error = store_account_find(db, owner, &id, &unused);
    if (error)
        return error < 0 ? error : 0;
    if (q->id_count)
        return ids_read(db, id, q, arena, ret);
    error = ranges_find(db, id, q, &whole, &part);
    if (error)
        return error;
    if (!q->peer.len)
        ret->total = whole.end > whole.first ? whole.end - whole.first : 0;
    else if (!q->max)
        error = peer_count(db, id, whole, q, &ret->total);
    else
        ret->has_total = false;
    if (error || !q->max) {
        ret->is_complete = ret->total == 0;
        return error;
    }
    sqlite3_stmt *rows = store_statement(db, statement_of(q), &error);
    if (!rows)
        return error;
    query_bind(rows, id, part, q);
    error = page_read(db, rows, q->max < STORE_ARCHIVE_PAGE_MESSAGES ? q->max : STORE_ARCHIVE_PAGE_MESSAGES,
                      arena, ret);
    if (q->is_backward)
        page_reverse(ret);
    if (ret->count)
        ret->index = ret->messages[0].number - whole.first;
    return error;
}

int store_archive_ends(struct store_db *db, struct span owner, struct store_archive_message *ret_first,
                       struct store_archive_message *ret_last)
{
    int64_t id;
    uint64_t unused;
    struct place first, last;
    int error = store_account_find(db, owner, &id, &unused);
    if (!error)
        error = ends_find(db, id, &first, &last);
    if (error)
        return error;
    *ret_first = (struct store_archive_message){.number = first.number, .id = first.id, .us = first.us};
    *ret_last = (struct store_archive_message){.number = last.number, .id = last.id, .us = last.us};
    return 0;
}

/* ---- preferences ---- */

int store_archive_preferences_load(struct store_db *db, struct span owner, struct arena *arena,
                                   struct span *ret)
{
    int error = 0;
    sqlite3_stmt *row = store_statement(db, STATEMENT_ARCHIVE_PREFERENCES, &error);
    if (!row)
        return error;
    store_bind_text(row, 1, owner);
    int code = sqlite3_step(row);
    error = code == SQLITE_ROW ? 0 : code == SQLITE_DONE ? STORE_NOT_FOUND : store_error(db, code);
    struct span text = error ? (struct span){0} : arena_copy(arena, store_column_text(row, 0));
    sqlite3_reset(row);
    if (!error && !text.ptr)
        return -ENOMEM;
    if (!error)
        *ret = text;
    return error;
}

int store_archive_preferences_save(struct store_db *db, struct span owner, struct span text)
{
    int64_t id;
    uint64_t unused;
    int error = store_account_find(db, owner, &id, &unused);
    sqlite3_stmt *put = error ? NULL : store_statement(db, STATEMENT_ARCHIVE_PREFERENCES_PUT, &error);
    if (!put)
        return error;
    sqlite3_bind_int64(put, 1, id);
    store_bind_text(put, 2, text);
    return store_statement_run(db, put);
}

/* ---- sweeping ---- */

/* The first account from `from` on that has an archive; 0: there is none. */
static int archive_next(struct store_db *db, int64_t from, int64_t *ret_owner)
{
    int error = 0;
    sqlite3_stmt *next = store_statement(db, STATEMENT_ARCHIVE_NEXT, &error);
    if (!next)
        return error;
    sqlite3_bind_int64(next, 1, from);
    int code = sqlite3_step(next);
    *ret_owner = code == SQLITE_ROW ? sqlite3_column_int64(next, 0) : 0;
    error = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : store_error(db, code);
    sqlite3_reset(next);
    return error;
}

/* Remove up to `some` of one archive; *ret_removed is how many. */
static int archive_sweep(struct store_db *db, int64_t owner, uint64_t us, uint32_t messages_max,
                         uint32_t some, uint32_t *ret_removed)
{
    struct place first, last;
    uint64_t kept = 0;
    *ret_removed = 0;
    int error = ends_find(db, owner, &first, &last);
    if (error)
        return error < 0 ? error : 0;
    if (first.us < us) {
        error = time_find(db, owner, (struct range){first.number, last.number + 1}, us, &kept);
        if (error)
            return error;
        uint64_t old = kept - first.number;
        *ret_removed = (uint32_t)(old < some ? old : some);
        return *ret_removed ? remove_to(db, owner, first.number + *ret_removed - 1) : 0;
    }
    return surplus_remove(db, owner, &first, last.number, messages_max, some, ret_removed);
}

int store_archive_sweep(struct store_db *db, uint64_t us, uint32_t messages_max, int64_t *account)
{
    uint32_t left = SWEEP_MESSAGES_MAX;
    int64_t owner = *account;
    for (unsigned i = 0; i < SWEEP_ARCHIVES_MAX && left; i++) {
        uint32_t removed;
        int64_t next = 0;
        int error = archive_next(db, owner, &next);
        if (!error && next)
            error = archive_sweep(db, next, us, messages_max, left, &removed);
        if (error)
            return error;
        if (!next) {
            *account = 0;
            return 0;
        }
        left -= removed;
        owner = left ? next + 1 : next; /* it may not be done */
    }
    *account = owner;
    return 0;
}
