/* SPDX-License-Identifier: Apache-2.0 */
/* The blocking command (XEP-0191), as clients say it. What follows from it is route/blocking.c's. */
#include "base/buffer.h"
#include "service/services.h"
#include "session/session.h"
#include "xml/tree.h"
#include "xml/write.h"

#define BLOCKING_XMLNS SPAN("urn:xmpp:blocking")

void service_blocklist(const struct service_query *q)
{
    const struct block_list *blocks = q->account->blocks;
    struct buffer out = {0};
    q->session->is_told_of_blocks = true;
    buffer_literal(&out, "<blocklist xmlns='urn:xmpp:blocking'>");
    for (uint32_t i = 0; blocks && i < blocks->count; i++) {
        buffer_literal(&out, "<item");
        xml_write_attribute(&out, "jid", blocks->jids[i]);
        buffer_literal(&out, "/>");
    }
    buffer_literal(&out, "</blocklist>");
    if (buffer_ok(&out))
        service_result(q, buffer_span(&out));
    else
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(&out);
}

/* The JIDs of the items, prepared, on `arena`; what else an item holds (a report, XEP-0377) is not for the
 * server. False: refused. */
static bool items_read(const struct service_query *q, const struct xml_node *command, struct arena *arena,
                       struct span **ret_jids, uint32_t *ret_count)
{
    char storage[JID_BYTES_MAX];
    struct jid jid;
    uint32_t most = 1, count = 0;
    for (const struct xml_node *n = command->children; n; n = n->next)
        most++;
    struct span *jids = arena_take(arena, most * sizeof *jids);
    for (const struct xml_node *n = command->children; n; n = n->next) {
        if (!span_is(n->name, "item") || !span_equal(n->xmlns, BLOCKING_XMLNS))
            continue;
        struct span text = xml_node_attribute(n, SPAN("jid"));
        if (!text.ptr || jid_parse(text, storage, &jid) != 0) {
            service_refuse(q, text.ptr ? STANZA_JID_MALFORMED : STANZA_BAD_REQUEST);
            return false;
        }
        struct span kept = jids ? arena_copy(arena, jid_full(&jid)) : (struct span){0};
        if (!kept.ptr) {
            service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
            return false;
        }
        jids[count++] = kept;
    }
    *ret_jids = jids;
    *ret_count = count;
    return true;
}

static void command_run(const struct service_query *q, bool is_block)
{
    struct arena arena;
    struct span *jids;
    uint32_t count;
    const struct xml_node *command = service_payload(q);
    if (!command)
        return;
    arena_init(&arena);
    if (items_read(q, command, &arena, &jids, &count)) {
        /* s. 3.3, 3.5: nobody cannot be blocked; unblocking nobody is unblocking all, if it is said so. */
        if (!count && (is_block || command->children))
            service_refuse(q, STANZA_BAD_REQUEST);
        else
            router_block(q, is_block, jids, count);
    }
    arena_fini(&arena);
}

void service_block(const struct service_query *q)
{
    command_run(q, true);
}

void service_unblock(const struct service_query *q)
{
    command_run(q, false);
}
