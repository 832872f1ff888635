/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "route/internal.h"

static void route_message_free(struct route_message *m)
{
    if (m->fini)
        m->fini(m);
    free(m);
}

void route_message_run(struct route_message *m)
{
    m->run(m->router, m);
    route_message_free(m);
}

static void route_message_handle(struct message *message, void *context)
{
    (void)context;
    struct route_message *m = container_of(message, struct route_message, message);
    m->router->received[m->from] = m->sequence;
    route_message_run(m);
}

void *route_message_new(size_t bytes, void (*run)(struct router *, struct route_message *),
                        void (*fini)(struct route_message *))
{
    struct route_message *m = calloc(1, bytes);
    if (!m) {
        log_error("message-lost", "reason=out-of-memory");
        return NULL;
    }
    m->run = run;
    m->fini = fini;
    return m;
}

void route_message_post(struct router *r, uint32_t to, struct route_message *m)
{
    m->router = r->peers[to];
    m->from = r->index;
    m->sequence = ++r->sent[to];
    m->message.handle = route_message_handle;
    loop_post(m->router->loop, r->loop, &m->message);
}

struct route_list_head {
    uint32_t number;
    uint16_t len;
};

void route_list_put(struct buffer *list, struct span jid, uint32_t number)
{
    struct route_list_head head = {number, (uint16_t)jid.len};
    buffer_append(list, span_make((const char *)&head, sizeof head));
    buffer_append(list, jid);
}

bool route_list_next(const struct buffer *list, size_t *position, struct span *ret_jid, uint32_t *ret_number)
{
    struct route_list_head head;
    if (*position + sizeof head > list->len)
        return false;
    memcpy(&head, list->ptr + *position, sizeof head);
    *position += sizeof head;
    *ret_jid = span_make(list->ptr + *position, head.len);
    *ret_number = head.number;
    *position += head.len;
    return true;
}
