/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/management.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "stanza/stanza.h"

#define CAPACITY_FIRST 8 /* a power of two, as all capacities: 128 bytes */

static void id_make(char id[static MANAGEMENT_ID_LEN + 1])
{
    uint8_t random[MANAGEMENT_ID_LEN / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort(); /* 16 bytes after boot cannot fail */
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
}

struct management *management_new(struct stream *s, uint32_t resume_ms, void (*expired)(struct timer *t))
{
    struct management *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->stream = s;
    m->resume_ms = resume_ms;
    m->is_resumable = resume_ms;
    timer_init(&m->timer, expired);
    id_make(m->id);
    return m;
}

struct management *management_free(struct management *m)
{
    if (!m)
        return NULL;
    for (struct frame *f; (f = management_take(m, &(uint32_t){0}));)
        frame_unref(f);
    free(m);
    return NULL;
}

static int unacked_grow(struct management *m)
{
    uint32_t capacity = m->capacity ? m->capacity * 2 : CAPACITY_FIRST;
    struct unacked *grown = reallocarray(NULL, capacity, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    for (uint32_t i = 0; i < m->count; i++)
        grown[i] = *management_at(m, i);
    free(m->unacked);
    m->unacked = grown;
    m->first = 0;
    m->capacity = capacity;
    return 0;
}

int management_sent(struct management *m, struct frame *f, uint32_t now_s)
{
    if (m->count == m->capacity && unacked_grow(m) < 0)
        return -ENOMEM;
    m->unacked[(m->first + m->count++) & (m->capacity - 1)] = (struct unacked){frame_ref(f), now_s};
    m->stanzas += f->kind != FRAME_PART;
    m->bytes += f->len;
    return 0;
}

struct frame *management_take(struct management *m, uint32_t *ret_sent_s)
{
    if (!m->count)
        return NULL;
    struct unacked oldest = *management_at(m, 0);
    m->first = (m->first + 1) & (m->capacity - 1);
    m->count--;
    m->stanzas -= oldest.frame->kind != FRAME_PART;
    m->bytes -= oldest.frame->len;
    *ret_sent_s = oldest.sent_s;
    if (!m->count) { /* most sessions have nothing unacknowledged most of the time */
        free(m->unacked);
        m->unacked = NULL;
        m->first = m->capacity = 0;
    }
    return oldest.frame;
}

int management_ack(struct management *m, uint32_t h)
{
    uint32_t news = h - m->acked; /* modulo 2^32, as both counts are */
    if (news > m->stanzas)
        return MANAGEMENT_TOO_HIGH;
    uint32_t left = m->stanzas - news;
    /* What goes on with the last of them goes with it. */
    while (m->stanzas > left || (news && m->count && management_at(m, 0)->frame->kind == FRAME_PART))
        frame_unref(management_take(m, &(uint32_t){0}));
    m->acked = h;
    return 0;
}

bool management_count_read(struct span text, uint32_t *ret)
{
    uint64_t count = 0;
    if (!text.len)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        count = count * 10 + (uint64_t)(text.ptr[i] - '0');
        if (count > UINT32_MAX)
            return false;
    }
    *ret = (uint32_t)count;
    return true;
}
