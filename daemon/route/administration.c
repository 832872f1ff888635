/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator does to the sessions of this worker: sees them, ends them, tells all of them
 * something. */
#include <stdlib.h>

#include "base/log.h"
#include "route/internal.h"
#include "xml/write.h"

void router_sessions_write(struct router *r, struct buffer *out)
{
    for (struct hash_node *n = hash_table_next(&r->entities.table, NULL); n;
         n = hash_table_next(&r->entities.table, n)) {
        const struct account *a = container_of(n, struct entity, node)->account;
        if (!a)
            continue;
        account_each_session(s, a)
        {
            buffer_append(out, session_jid(s));
            buffer_printf(out, "\t%s\t%d%s\n", session_is_available(s) ? "available" : "unavailable",
                          s->priority, stream_is_parked(s->stream) ? "\tdetached" : "");
        }
    }
}

uint32_t router_sessions_end(struct router *r, struct span text)
{
    struct jid jid = jid_of_prepared(text);
    struct account *a = router_account_find(r, jid_bare(&jid));
    uint32_t count = 0;
    if (!a)
        return 0;
    bool was_settling = a->is_settling; /* the end of the last stream forgets the account: hold it */
    a->is_settling = true;
    account_each_session(s, a)
    {
        if (jid.resource_len && !span_equal(session_resource(s), jid_resource(&jid)))
            continue;
        count++;
        stream_fail(s->stream, STREAM_POLICY_VIOLATION, "ended by the administrator");
    }
    a->is_settling = was_settling;
    router_account_settle(r, a);
    return count;
}

/* ---- announcements ---- */

struct announcement {
    struct lane_work work;
    struct router *router;
    struct buffer accounts; /* bare JIDs, with the number of the domain each */
    size_t position;
    struct frame *frames[]; /* by domain */
};

static void announcement_free(struct announcement *a)
{
    struct router *r = a->router;
    lane_work_stop(&a->work);
    for (uint32_t i = 0; i < r->settings->domain_count; i++)
        frame_unref(a->frames[i]);
    buffer_fini(&a->accounts);
    free(a);
    r->operations--;
}

static void announcement_step(struct lane_work *work, uint32_t *budget)
{
    struct announcement *n = container_of(work, struct announcement, work);
    struct router *r = n->router;
    struct span bare;
    uint32_t domain;
    while (*budget) {
        if (!route_list_next(&n->accounts, &n->position, &bare, &domain)) {
            announcement_free(n);
            return;
        }
        struct account *a = router_account_find(r, bare);
        --*budget;
        if (!a)
            continue;
        account_each_session(s, a)
        {
            if (!session_is_available(s))
                continue;
            r->counters.messages_delivered++;
            stream_send(s->stream, frame_ref(n->frames[domain]));
            *budget -= *budget > 0;
        }
    }
}

static struct frame *announcement_frame(struct span domain, struct span text)
{
    struct buffer out = {0};
    buffer_literal(&out, "<message");
    uint16_t head_at = (uint16_t)out.len;
    xml_write_attribute(&out, "from", domain);
    buffer_literal(&out, " type='headline'><body>");
    xml_escape(&out, text);
    buffer_literal(&out, "</body></message>");
    struct frame *f = buffer_ok(&out) ? frame_new(buffer_span(&out), head_at, FRAME_MESSAGE) : NULL;
    buffer_fini(&out);
    return f;
}

static uint32_t domain_of(const struct router *r, const struct account *a)
{
    struct jid jid = entity_jid(a->entity);
    uint32_t i = 0;
    while (i + 1 < r->settings->domain_count && !span_equal(r->settings->domains[i], jid_domain(&jid)))
        i++;
    return i;
}

uint32_t router_announce(struct router *r, struct span text)
{
    struct announcement *n = calloc(1, sizeof *n + r->settings->domain_count * sizeof *n->frames);
    uint32_t count = 0;
    if (!n)
        return 0;
    n->router = r;
    lane_work_init(&n->work, announcement_step);
    r->operations++;
    bool is_good = true;
    for (uint32_t i = 0; i < r->settings->domain_count; i++)
        is_good &= (n->frames[i] = announcement_frame(r->settings->domains[i], text)) != NULL;
    for (struct hash_node *e = hash_table_next(&r->entities.table, NULL); e && is_good;
         e = hash_table_next(&r->entities.table, e)) {
        const struct account *a = container_of(e, struct entity, node)->account;
        if (!a || a->available_count == a->lost_count)
            continue;
        route_list_put(&n->accounts, entity_text(a->entity), domain_of(r, a));
        count++;
    }
    if (!is_good || !buffer_ok(&n->accounts)) {
        log_error("announcement-lost", "reason=out-of-memory");
        announcement_free(n);
        return 0;
    }
    loop_work_start(r->loop, &n->work, LANE_BULK);
    return count;
}
