/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

#include <errno.h>
#include <stdlib.h>

struct directed {
    struct directed *next;
    uint32_t len;
    char jid[];
};

int session_init(struct session *s, struct account *account, struct span bare, struct span resource,
                 uint32_t number)
{
    s->jid = malloc(bare.len + 1 + resource.len);
    if (!s->jid)
        return -ENOMEM;
    memcpy(s->jid, bare.ptr, bare.len);
    s->jid[bare.len] = '/';
    memcpy(s->jid + bare.len + 1, resource.ptr, resource.len);
    s->bare_len = (uint16_t)bare.len;
    s->jid_len = (uint16_t)(bare.len + 1 + resource.len);
    s->account = account;
    s->number = number;
    list_init(&s->link);
    return 0;
}

void session_fini(struct session *s)
{
    while (s->directed) {
        struct directed *next = s->directed->next;
        free(s->directed);
        s->directed = next;
    }
    s->presence = frame_unref(s->presence);
    free(s->strangers);
    s->strangers = NULL;
    free(s->jid);
    s->jid = NULL;
}

static struct directed **directed_find(struct session *s, struct span jid, uint32_t *ret_count)
{
    struct directed **link = &s->directed;
    uint32_t count = 0;
    while (*link && !span_equal(span_make((*link)->jid, (*link)->len), jid)) {
        link = &(*link)->next;
        count++;
    }
    *ret_count = count;
    return link;
}

int directed_add(struct session *s, struct span jid, uint32_t entries_max)
{
    uint32_t count;
    struct directed **link = directed_find(s, jid, &count);
    if (*link)
        return 0;
    if (count >= entries_max)
        return DIRECTED_FULL;
    struct directed *d = malloc(sizeof *d + jid.len);
    if (!d)
        return -ENOMEM;
    d->next = NULL;
    d->len = (uint32_t)jid.len;
    memcpy(d->jid, jid.ptr, jid.len);
    *link = d;
    return 0;
}

void directed_remove(struct session *s, struct span jid)
{
    uint32_t count;
    struct directed **link = directed_find(s, jid, &count);
    struct directed *d = *link;
    if (!d)
        return;
    *link = d->next;
    free(d);
}

bool directed_has(const struct session *s, struct span jid)
{
    for (const struct directed *d = s->directed; d; d = d->next)
        if (span_equal(span_make(d->jid, d->len), jid))
            return true;
    return false;
}

bool directed_reaches(const struct session *s, struct span bare)
{
    for (const struct directed *d = s->directed; d; d = d->next) {
        struct span jid = span_make(d->jid, d->len);
        if (span_starts(jid, bare) && (jid.len == bare.len || jid.ptr[bare.len] == '/'))
            return true;
    }
    return false;
}

static bool is_any(const void *context, struct span jid)
{
    (void)context;
    (void)jid;
    return true;
}

size_t directed_take(struct session *s, char *storage, size_t storage_bytes)
{
    return directed_take_if(s, is_any, NULL, storage, storage_bytes);
}

size_t directed_take_if(struct session *s, bool (*is_meant)(const void *context, struct span jid),
                        const void *context, char *storage, size_t storage_bytes)
{
    struct directed **link = &s->directed;
    while (*link && !is_meant(context, span_make((*link)->jid, (*link)->len)))
        link = &(*link)->next;
    struct directed *d = *link;
    if (!d)
        return 0;
    size_t len = d->len <= storage_bytes ? d->len : 0;
    memcpy(storage, d->jid, len);
    *link = d->next;
    free(d);
    return len;
}
