/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Grow an array by doubling; true when there is room for one more. */
static bool array_room(void **array, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return true;
    void *grown = realloc(*array, (count == 0 ? 1 : count * 2) * size);
    if (grown == NULL)
        return false;
    *array = grown;
    return true;
}

static int line_complain(const char *path, unsigned long number, const char *what)
{
    fprintf(stderr, "muster-bench: %s:%lu: %s\n", path, number, what);
    return -EINVAL;
}

static FILE *file_open(const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fprintf(stderr, "muster-bench: cannot open %s: %s\n", path, strerror(errno));
    return file;
}

static int account_add(struct accounts *a, const char *jid, const char *password)
{
    const char *at = strchr(jid, '@');
    if (!array_room((void **)&a->list, a->count, sizeof *a->list))
        return -ENOMEM;
    struct account *account = &a->list[a->count];
    *account = (struct account){
        .jid = strdup(jid), .user = strndup(jid, (size_t)(at - jid)), .password = strdup(password)};
    if (account->jid == NULL || account->user == NULL || account->password == NULL)
        return -ENOMEM;
    a->count++;
    return 0;
}

/* The nodes are embedded in an array that moved while it grew: index them when it is complete. */
static int accounts_index(struct accounts *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        int outcome = hash_table_insert(&a->by_jid, &a->list[i].node, hash_bytes(span_of(a->list[i].jid)));
        if (outcome < 0)
            return outcome;
    }
    return 0;
}

int accounts_load(struct accounts *a, const char *path)
{
    *a = (struct accounts){0};
    hash_table_init(&a->by_jid);
    FILE *file = file_open(path);
    if (file == NULL)
        return -ENOENT;
    char *line = NULL;
    size_t size = 0;
    unsigned long number = 0;
    int outcome = 0;
    while (outcome == 0 && getline(&line, &size, file) > 0) {
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        char *tab = strchr(line, '\t');
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (tab != NULL)
            *tab = '\0';
        if (tab == NULL || strchr(line, '@') == NULL || strchr(line, '@') == line)
            outcome = line_complain(path, number, "expected user@domain<TAB>password");
        else
            outcome = account_add(a, line, tab + 1);
    }
    free(line);
    fclose(file);
    if (outcome == 0 && a->count == 0)
        outcome = line_complain(path, number, "no account in this file");
    if (outcome == 0)
        outcome = accounts_index(a);
    if (outcome < 0)
        accounts_fini(a);
    return outcome;
}

/* One roster line into *ret_line; false when it is malformed. */
static bool roster_line_read(const struct accounts *a, char *line, struct roster_line *ret_line)
{
    char *rest = line;
    char *owner = strsep(&rest, "\t"), *contact = strsep(&rest, "\t"), *state = strsep(&rest, "\t");
    if (contact == NULL || state == NULL)
        return false;
    bool both = strcmp(state, "both") == 0;
    ret_line->to = both || strcmp(state, "to") == 0;
    ret_line->from = both || strcmp(state, "from") == 0;
    ret_line->owner = accounts_find(a, span_of(owner));
    ret_line->contact = accounts_find(a, span_of(contact));
    return ret_line->to || ret_line->from || strcmp(state, "none") == 0;
}

int accounts_load_rosters(struct accounts *a, const char *path)
{
    FILE *file = file_open(path);
    if (file == NULL)
        return -ENOENT;
    char *line = NULL;
    size_t size = 0;
    unsigned long number = 0;
    int outcome = 0;
    while (outcome == 0 && getline(&line, &size, file) > 0) {
        struct roster_line read;
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (!roster_line_read(a, line, &read)) {
            outcome = line_complain(path, number, "expected jid<TAB>contact<TAB>both|to|from|none");
        } else if (read.owner != ACCOUNTS_UNKNOWN && read.contact != ACCOUNTS_UNKNOWN) {
            if (array_room((void **)&a->lines, a->line_count, sizeof *a->lines))
                a->lines[a->line_count++] = read;
            else
                outcome = -ENOMEM;
        }
    }
    free(line);
    fclose(file);
    return outcome;
}

void accounts_fini(struct accounts *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        free(a->list[i].jid);
        free(a->list[i].user);
        free(a->list[i].password);
    }
    hash_table_fini(&a->by_jid);
    free(a->list);
    free(a->lines);
    *a = (struct accounts){0};
}

uint32_t accounts_find(const struct accounts *a, struct span jid)
{
    const char *slash = memchr(jid.ptr, '/', jid.len);
    if (slash != NULL)
        jid.len = (size_t)(slash - jid.ptr);
    for (struct hash_node *n = hash_table_first(&a->by_jid, hash_bytes(jid)); n != NULL;
         n = hash_node_next(n)) {
        struct account *account = container_of(n, struct account, node);
        if (span_equal(span_of(account->jid), jid))
            return (uint32_t)(account - a->list);
    }
    return ACCOUNTS_UNKNOWN;
}
