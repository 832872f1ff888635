/* SPDX-License-Identifier: Apache-2.0 */
/* Stanzas for another domain, in their order, until they are bytes of a stream. */
#include "link/internal.h"

/* So much is handed to the connection at a time; the rest waits here, where it is counted and can be given
 * back. */
#define FLUSH_BYTES 65536

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

void queue_drop_begun(struct stanza_queue *q, struct links *links)
{
    if (!q->first || !q->position)
        return;
    links->counters.queued--;
    remote_stanza_free(queue_shift(q));
}

void queue_write(struct stanza_queue *q, struct link *l)
{
    struct links *links = l->links;
    while (q->first && !l->conn.is_aborted && l->conn.out.bytes < FLUSH_BYTES) {
        struct buffer out = {0};
        bool is_more = remote_stanza_write(stanza_of(q->first), &q->position, &out, FLUSH_BYTES);
        if (!buffer_ok(&out)) {
            buffer_fini(&out);
            conn_abort(&l->conn);
            return;
        }
        if (out.len)
            link_put(l, buffer_span(&out));
        buffer_fini(&out);
        if (is_more)
            continue;
        links->counters.stanzas_sent++;
        links->counters.queued--;
        l->stanzas++;
        remote_stanza_free(queue_shift(q));
    }
    l->used_ms = loop_now_ms(links->net->loop);
    l->conn.is_holding = q->first != NULL;
}
