/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two configurations, by the table. */
#include <string.h>

#include "config/schema.h"

static bool texts_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool lists_equal(char *const *a, uint32_t a_count, char *const *b, uint32_t b_count)
{
    bool is_equal = a_count == b_count;
    for (uint32_t i = 0; is_equal && i < a_count; i++)
        is_equal = texts_equal(a[i], b[i]);
    return is_equal;
}

static bool names_equal(const struct config_names *a, const struct config_names *b)
{
    return lists_equal(a->at, a->count, b->at, b->count);
}

static bool rows_equal(const char *prefix, const void *a, const void *b);

static bool listeners_equal(const struct config *a, const struct config *b)
{
    bool is_equal = a->listener_count == b->listener_count;
    for (uint32_t i = 0; is_equal && i < a->listener_count; i++)
        is_equal = rows_equal(CONFIG_LISTENER_PREFIX, &a->listeners[i], &b->listeners[i]);
    return is_equal;
}

static bool groups_equal(const struct config *a, const struct config *b)
{
    bool is_equal = a->group_count == b->group_count;
    for (uint32_t i = 0; is_equal && i < a->group_count; i++)
        is_equal = rows_equal(CONFIG_GROUP_PREFIX, &a->groups[i], &b->groups[i]) &&
                   names_equal(&a->groups[i].viewers, &b->groups[i].viewers);
    return is_equal;
}

/* `a` and `b` hold the row's field: two configurations, listeners or groups. */
static bool row_equal(const struct config_row *row, const void *a, const void *b)
{
    const void *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
    const struct config_list *some = x, *others = y;
    const struct config *one = a, *other = b; /* where the row is of no list */
    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_ADDRESS:
    case CONFIG_ENDPOINT:
    case CONFIG_GROUP_NAME:
    case CONFIG_TITLE:
        return texts_equal(*(char *const *)x, *(char *const *)y);
    case CONFIG_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case CONFIG_NUMBER:
    case CONFIG_NUMBER_AUTO:
    case CONFIG_CHOICE:
    case CONFIG_VISIBILITY: /* groups_equal looks at the list that it may be */
        return *(const uint32_t *)x == *(const uint32_t *)y;
    case CONFIG_PORT:
        return *(const uint16_t *)x == *(const uint16_t *)y;
    case CONFIG_MEMBERS:
        return names_equal(x, y);
    case CONFIG_DOMAINS:
        return lists_equal(one->domains, one->domain_count, other->domains, other->domain_count);
    case CONFIG_JIDS:
    case CONFIG_URIS:
    case CONFIG_HOSTS:
    case CONFIG_NAMES:
    case CONFIG_MODES:
        return lists_equal(some->texts, some->count, others->texts, others->count);
    case CONFIG_LISTENERS:
        return listeners_equal(a, b);
    case CONFIG_GROUPS:
        return groups_equal(a, b);
    }
    return false;
}

/* Those under `prefix`, of what a list holds. */
static bool rows_equal(const char *prefix, const void *a, const void *b)
{
    bool is_equal = true;
    for (unsigned i = 0; is_equal && i < config_row_count; i++)
        if (span_starts(span_of(config_rows[i].path), span_of(prefix)))
            is_equal = row_equal(&config_rows[i], a, b);
    return is_equal;
}

void config_compare(const struct config *a, const struct config *b,
                    void (*differs)(void *context, const char *path, enum config_reload reload),
                    void *context)
{
    for (unsigned i = 0; i < config_row_count; i++)
        if (!config_row_is_in_list(&config_rows[i]) && !row_equal(&config_rows[i], a, b))
            differs(context, config_rows[i].path, config_rows[i].reload);
}
