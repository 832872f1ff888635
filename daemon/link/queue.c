/* SPDX-License-Identifier: Apache-2.0 */
/* Stanzas for another domain, in their order, until they are bytes of a stream. */
#include "link/internal.h"

static struct remote_stanza *stanza_of(struct message *m)
{
    return container_of(m, struct remote_stanza, message);
}

void queue_init(struct stanza_queue *q)
{
    *q = (struct stanza_queue){.last = &q->first};
}

void queue_append(struct stanza_queue *q, struct remote_stanza *s)
{
    s->message.next = NULL;
    *q->last = &s->message;
    q->last = &s->message.next;
    q->stanzas++;
    q->bytes += remote_stanza_bytes(s);
}

struct remote_stanza *queue_shift(struct stanza_queue *q)
{
    struct remote_stanza *s = stanza_of(q->first);
    q->first = q->first->next;
    if (!q->first)
        q->last = &q->first;
    q->position = 0;
    q->stanzas--;
    q->bytes -= remote_stanza_bytes(s);
    return s;
}

void queue_move(struct stanza_queue *to, struct stanza_queue *from)
{
    if (!from->first)
        return;
    *from->last = to->first;
    to->last = to->first ? to->last : from->last;
    to->first = from->first;
    to->position = from->position;
    to->stanzas += from->stanzas;
    to->bytes += from->bytes;
    queue_init(from);
}

void queue_lend(struct stanza_queue *to, struct stanza_queue *from)
{
    uint32_t position = from->position;
    queue_init(to);
    while (from->first && to->bytes < QUEUE_FLUSH_BYTES)
        queue_append(to, queue_shift(from));
    to->position = position;
}

uint32_t queue_drop_begun(struct stanza_queue *q)
{
    if (!q->first || !q->position)
        return 0;
    remote_stanza_free(queue_shift(q));
    return 1;
}

uint32_t queue_write(struct stanza_queue *q, struct link *l)
{
    struct links *links = l->links;
    uint32_t stanzas = q->stanzas;
    while (q->first && !l->conn.is_aborted && l->conn.out.bytes < QUEUE_FLUSH_BYTES) {
        struct buffer out = {0};
        bool is_more = remote_stanza_write(stanza_of(q->first), &q->position, &out, QUEUE_FLUSH_BYTES);
        if (!buffer_ok(&out)) {
            buffer_fini(&out);
            conn_abort(&l->conn);
            break;
        }
        if (out.len)
            link_put(l, buffer_span(&out));
        buffer_fini(&out);
        if (is_more)
            continue;
        links->counters.stanzas_sent++;
        l->stanzas++;
        remote_stanza_free(queue_shift(q));
    }
    l->used_ms = loop_now_ms(links->net->loop);
    l->conn.is_holding = q->first != NULL;
    return stanzas - q->stanzas;
}
