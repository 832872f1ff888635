/* SPDX-License-Identifier: Apache-2.0 */
#include "presence/account.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/message.h"
#include "xml/write.h"

size_t account_bytes(uint32_t workers)
{
    return sizeof(struct account) + workers * sizeof(struct interest);
}

int account_init(struct account *a, struct entity *entity)
{
    struct buffer head = {0};
    xml_write_attribute(&head, "to", entity_text(entity));
    a->head = buffer_ok(&head) ? frame_new(buffer_span(&head), FRAME_NO_HEAD, 0) : NULL;
    buffer_fini(&head);
    a->entity = entity;
    a->pending_last = &a->pending;
    list_init(&a->sessions);
    list_init(&a->waves);
    roster_init(&a->roster);
    if (!a->head)
        return -ENOMEM;
    entity->account = a;
    return 0;
}

void account_fini(struct account *a, struct entity_table *entities)
{
    roster_fini(&a->roster, entities);
    block_list_unref(a->blocks);
    a->blocks = NULL;
    free(a->absent_status);
    a->absent_status = NULL;
    free(a->groups);
    free(a->archive_preferences);
    a->archive_preferences = NULL;
    free(a->photo);
    a->photo = NULL;
    a->groups = NULL;
    a->group_count = 0;
    a->head = frame_unref(a->head);
    if (a->entity->account == a)
        a->entity->account = NULL;
    entity_give(entities, a->entity);
    a->entity = NULL;
}

struct session *account_session(const struct account *a, struct span resource)
{
    account_each_session(s, a) if (span_equal(session_resource(s), resource)) return s;
    return NULL;
}

struct session *account_session_numbered(const struct account *a, uint32_t number)
{
    account_each_session(s, a) if (s->number == number) return s;
    return NULL;
}

struct session *account_most_available(const struct account *a)
{
    struct session *best = NULL;
    account_each_session(s, a)
    {
        if (!session_is_hearing(s) || s->priority < 0)
            continue;
        if (!best || s->priority > best->priority ||
            (s->priority == best->priority && s->available_order > best->available_order))
            best = s;
    }
    return best;
}

uint32_t account_non_negative_count(const struct account *a)
{
    uint32_t count = 0;
    account_each_session(s, a) count += session_is_hearing(s) && s->priority >= 0;
    return count;
}

static void account_work_begins(struct account *a, uint32_t *works)
{
    assert(a->state == ACCOUNT_READY || a->state == ACCOUNT_BUSY);
    ++*works;
    a->state = ACCOUNT_BUSY;
}

static void account_work_ends(struct account *a, uint32_t *works)
{
    assert(a->state == ACCOUNT_BUSY && *works);
    --*works;
    if (!a->changes && !a->walks)
        a->state = ACCOUNT_READY;
}

void account_change_begins(struct account *a)
{
    account_work_begins(a, &a->changes);
}

void account_change_ends(struct account *a)
{
    account_work_ends(a, &a->changes);
}

void account_walk_begins(struct account *a)
{
    account_work_begins(a, &a->walks);
}

void account_walk_ends(struct account *a)
{
    account_work_ends(a, &a->walks);
}

void account_absent(struct account *a, uint64_t since_s, struct span status)
{
    free(a->absent_status);
    a->absent_since_s = since_s;
    a->absent_status = status.len ? strndup(status.ptr, status.len) : NULL;
}

void account_pend(struct account *a, struct message *m)
{
    m->next = NULL;
    *a->pending_last = m;
    a->pending_last = &m->next;
}

struct message *account_pending_take(struct account *a)
{
    struct message *m = a->pending;
    if (!m)
        return NULL;
    a->pending = m->next;
    if (!a->pending)
        a->pending_last = &a->pending;
    return m;
}
