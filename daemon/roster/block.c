/* SPDX-License-Identifier: Apache-2.0 */
#include "roster/block.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

static int jids_compare(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Takes sorted JIDs, each once. */
static int list_copy(const struct span *jids, uint32_t count, struct block_list **ret_list)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += jids[i].len;
    *ret_list = NULL;
    if (!count)
        return 0;
    struct block_list *list = malloc(sizeof *list + count * sizeof *list->jids + bytes);
    if (!list)
        return -ENOMEM;
    *list = (struct block_list){.references = 1, .count = count};
    char *text = (char *)&list->jids[count];
    for (uint32_t i = 0; i < count; i++) {
        memcpy(text, jids[i].ptr, jids[i].len);
        list->jids[i] = span_make(text, jids[i].len);
        list->has_resources |= memchr(text, '/', jids[i].len) != NULL;
        text += jids[i].len;
    }
    *ret_list = list;
    return 0;
}

int block_list_with(const struct block_list *list, const struct span *jids, uint32_t count,
                    struct block_list **ret_list)
{
    uint32_t before = list ? list->count : 0, kept = 0;
    struct span *all = malloc((before + (size_t)count + 1) * sizeof *all);
    if (!all)
        return -ENOMEM;
    if (before)
        memcpy(all, list->jids, before * sizeof *all);
    if (count)
        memcpy(all + before, jids, count * sizeof *all);
    if (before + count)
        qsort(all, before + count, sizeof *all, jids_compare);
    for (uint32_t i = 0; i < before + count; i++)
        if (!kept || !span_equal(all[kept - 1], all[i]))
            all[kept++] = all[i];
    int error = list_copy(all, kept, ret_list);
    free(all);
    return error;
}

int block_list_make(const struct span *jids, uint32_t count, struct block_list **ret_list)
{
    return block_list_with(NULL, jids, count, ret_list);
}

int block_list_without(const struct block_list *list, const struct span *jids, uint32_t count,
                       struct block_list **ret_list)
{
    uint32_t before = list ? list->count : 0, kept = 0;
    struct block_list *gone;
    struct span *left = malloc((before + 1) * sizeof *left);
    if (!left)
        return -ENOMEM;
    int error = block_list_make(jids, count, &gone);
    for (uint32_t i = 0; !error && i < before; i++)
        if (!block_list_has(gone, list->jids[i]))
            left[kept++] = list->jids[i];
    if (!error) {
        error = list_copy(left, kept, ret_list);
        block_list_unref(gone);
    }
    free(left);
    return error;
}

struct block_list *block_list_ref(struct block_list *list)
{
    if (list)
        atomic_fetch_add(&list->references, 1);
    return list;
}

void block_list_unref(struct block_list *list)
{
    if (list && atomic_fetch_sub(&list->references, 1) == 1)
        free(list);
}

bool block_list_has(const struct block_list *list, struct span jid)
{
    return list && bsearch(&jid, list->jids, list->count, sizeof *list->jids, jids_compare);
}

bool block_list_matches(const struct block_list *list, const struct jid *jid)
{
    if (!list)
        return false;
    return (jid->resource_len && block_list_has(list, jid_full(jid))) ||
           block_list_has(list, jid_bare(jid)) || (jid->local_len && block_list_has(list, jid_domain(jid)));
}
