/* SPDX-License-Identifier: Apache-2.0 */
/* An account's archive, asked by its own clients (XEP-0313, paged by XEP-0059): a query becomes one page that the store reads; its
 * messages go to the asking session, then the answer. No query stays open. */
#include "base/buffer.h"
#include "base/datetime.h"
#include "route/router.h"
#include "service/services.h"
#include "stanza/message.h"
#include "store/archive.h"
#include "xml/tree.h"
#include "xml/write.h"

#define ARCHIVE SPAN("urn:xmpp:mam:2")
#define FORM SPAN("jabber:x:data")
#define PAGING SPAN("http://jabber.org/protocol/rsm")
/* Nothing is refused. */
#define FINE STANZA_ERROR_COUNT

struct archive_work {
    struct service_work work;
    struct store_archive_query query;
    struct store_archive_page page;
    struct span query_id; /* decoded; ptr NULL: none */
    bool is_flipped;
};

/* ---- the query ---- */

static struct span copy(struct archive_work *w, struct span text)
{
    return text.len ? arena_copy(&w->work.request.arena, text) : (struct span){0};
}

static enum stanza_error with_read(struct archive_work *w, struct span value)
{
    char storage[JID_BYTES_MAX];
    struct jid jid;
    if (jid_parse(value, storage, &jid) != 0)
        return STANZA_JID_MALFORMED;
    w->query.peer = copy(w, jid_bare(&jid));
    w->query.resource = copy(w, jid_resource(&jid));
    return w->query.peer.ptr ? FINE : STANZA_RESOURCE_CONSTRAINT;
}

/* An id that is none of ours is of no message. */
static enum stanza_error id_read(struct span value, bool *ret_has, uint64_t *ret_id)
{
    *ret_has = true;
    return message_id_read(value, ret_id) ? FINE : STANZA_ITEM_NOT_FOUND;
}

static enum stanza_error time_read(struct span value, uint64_t *ret_us)
{
    return datetime_read(value, ret_us) == 0 ? FINE : STANZA_BAD_REQUEST;
}

static enum stanza_error ids_read(struct archive_work *w, const struct xml_node *field)
{
    enum stanza_error e = FINE;
    bool unused;
    for (const struct xml_node *v = field->children; v && e == FINE; v = v->next) {
        if (w->query.id_count == STORE_ARCHIVE_PAGE_MESSAGES)
            return STANZA_POLICY_VIOLATION;
        e = id_read(v->text, &unused, &w->query.ids[w->query.id_count++]);
    }
    return e;
}

static enum stanza_error field_read(struct archive_work *w, const struct xml_node *field)
{
    struct store_archive_query *query = &w->query;
    struct span name = xml_node_attribute(field, SPAN("var"));
    const struct xml_node *first = xml_node_child(field, SPAN("value"), FORM);
    struct span value = first ? first->text : (struct span){0};
    if (span_is(name, "FORM_TYPE"))
        return span_equal(value, ARCHIVE) ? FINE : STANZA_BAD_REQUEST;
    if (span_is(name, "include-groupchat"))
        return FINE; /* there are none */
    if (span_is(name, "ids"))
        return ids_read(w, field);
    if (span_is(name, "with"))
        return first ? with_read(w, value) : FINE;
    if (span_is(name, "start"))
        return first ? time_read(value, &query->from_us) : FINE;
    if (span_is(name, "end"))
        return first ? time_read(value, &query->to_us) : FINE;
    if (span_is(name, "after-id"))
        return first ? id_read(value, &query->has_after_id, &query->after_id) : FINE;
    if (span_is(name, "before-id"))
        return first ? id_read(value, &query->has_before_id, &query->before_id) : FINE;
    return STANZA_FEATURE_NOT_IMPLEMENTED; /* s. 4.1.5 */
}

static bool number_read(struct span text, uint32_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
        if (number > UINT32_MAX)
            number = UINT32_MAX;
    }
    *ret_number = (uint32_t)number;
    return text.len > 0;
}

static enum stanza_error paging_read(struct store_archive_query *query, const struct xml_node *set)
{
    const struct xml_node *max = xml_node_child(set, SPAN("max"), PAGING);
    const struct xml_node *after = xml_node_child(set, SPAN("after"), PAGING);
    const struct xml_node *before = xml_node_child(set, SPAN("before"), PAGING);
    enum stanza_error e = FINE;
    if (xml_node_child(set, SPAN("index"), PAGING))
        return STANZA_FEATURE_NOT_IMPLEMENTED;
    if (max && !number_read(max->text, &query->max))
        return STANZA_BAD_REQUEST;
    if (after && after->text.len)
        e = id_read(after->text, &query->has_after, &query->after);
    query->is_backward = before != NULL;
    if (e == FINE && before && before->text.len)
        e = id_read(before->text, &query->has_before, &query->before);
    return e;
}

static enum stanza_error query_read(struct archive_work *w, const struct xml_node *query)
{
    const struct xml_node *form = xml_node_child(query, SPAN("x"), FORM);
    const struct xml_node *set = xml_node_child(query, SPAN("set"), PAGING);
    struct span id = xml_node_attribute(query, SPAN("queryid"));
    enum stanza_error e = FINE;
    w->query.to_us = UINT64_MAX;
    w->query.max = STORE_ARCHIVE_PAGE_MESSAGES;
    w->is_flipped = xml_node_child(query, SPAN("flip-page"), ARCHIVE) != NULL;
    if (id.len && !(w->query_id = copy(w, id)).ptr)
        return STANZA_RESOURCE_CONSTRAINT;
    if (xml_node_attribute(query, SPAN("node")).len)
        return STANZA_ITEM_NOT_FOUND;
    for (const struct xml_node *n = form ? form->children : NULL; n && e == FINE; n = n->next)
        if (span_is(n->name, "field"))
            e = field_read(w, n);
    return e == FINE && set ? paging_read(&w->query, set) : e;
}

/* ---- the answer ---- */

static void result_write(struct buffer *out, const struct archive_work *w,
                         const struct store_archive_message *m)
{
    char id[MESSAGE_ID_BYTES];
    message_id_write(m->id, id);
    buffer_literal(out, "<message");
    xml_write_attribute(out, "from", w->work.request.jid);
    xml_write_attribute(out, "to", w->work.from);
    buffer_literal(out, "><result xmlns='urn:xmpp:mam:2'");
    if (w->query_id.ptr)
        xml_write_attribute(out, "queryid", w->query_id);
    buffer_printf(out, " id='%s'><forwarded xmlns='urn:xmpp:forward:0'>", id);
    message_delay_write(out, (struct span){0}, m->us);
    message_forwarded_write(out, m->stanza, (struct span){0});
    buffer_literal(out, "</forwarded></result></message>");
}

static void results_send(const struct archive_work *w, struct session *s)
{
    const struct store_archive_page *page = &w->page;
    struct buffer out = {0};
    for (uint32_t i = 0; i < page->count; i++) {
        buffer_clear(&out);
        result_write(&out, w, &page->messages[w->is_flipped ? page->count - 1 - i : i]);
        struct frame *f = buffer_ok(&out) ? frame_new(buffer_span(&out), FRAME_NO_HEAD, FRAME_OTHER) : NULL;
        if (f)
            stream_send(s->stream, f);
    }
    buffer_fini(&out);
}

static void end_write(struct buffer *out, const struct store_archive_page *page)
{
    char id[MESSAGE_ID_BYTES];
    buffer_printf(out, "<fin xmlns='urn:xmpp:mam:2'%s><set xmlns='http://jabber.org/protocol/rsm'>",
                  page->is_complete ? " complete='true'" : "");
    if (page->count) {
        message_id_write(page->messages[0].id, id);
        if (page->has_total)
            buffer_printf(out, "<first index='%llu'>%s</first>", (unsigned long long)page->index, id);
        else
            buffer_printf(out, "<first>%s</first>", id);
        message_id_write(page->messages[page->count - 1].id, id);
        buffer_printf(out, "<last>%s</last>", id);
    }
    if (page->has_total)
        buffer_printf(out, "<count>%llu</count>", (unsigned long long)page->total);
    buffer_literal(out, "</set></fin>");
}

static void query_finish(struct service_work *work)
{
    const struct archive_work *w = container_of(work, struct archive_work, work);
    struct jid from = jid_of_prepared(work->from);
    struct account *a = router_account_find(work->router, work->request.jid);
    struct session *s = a ? account_session(a, jid_resource(&from)) : NULL;
    struct buffer out = {0};
    if (work->request.result != 0) {
        service_work_refuse(work, STANZA_ITEM_NOT_FOUND);
        return;
    }
    if (!s)
        return; /* it has gone */
    results_send(w, s);
    end_write(&out, &w->page);
    if (buffer_ok(&out))
        service_work_result(work, buffer_span(&out)); /* goes by way of the account, so behind the results */
    else
        service_work_refuse(work, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(&out);
}

/* On the store thread. */
static int query_run(struct store_db *db, struct store_request *request)
{
    struct service_work *work = container_of(request, struct service_work, request);
    struct archive_work *w = container_of(work, struct archive_work, work);
    return store_archive_read(db, request->jid, &w->query, &request->arena, &w->page);
}

/* Is there an archive to be asked? False: refused. */
static bool is_there(const struct service_query *q)
{
    if (!q->settings->has_archive)
        service_refuse(q, STANZA_SERVICE_UNAVAILABLE);
    return q->settings->has_archive;
}

void service_archive_query(const struct service_query *q)
{
    const struct xml_node *query = is_there(q) ? service_payload(q) : NULL;
    struct archive_work *w = query ? service_work_new(q, sizeof *w, query_finish) : NULL;
    if (!w)
        return;
    enum stanza_error e = query_read(w, query);
    if (e != FINE) {
        service_work_free(&w->work);
        service_refuse(q, e);
        return;
    }
    router_mailbox_flush(q->router); /* what was said before is found */
    service_work_submit(&w->work, query_run);
}

void service_archive_form(const struct service_query *q)
{
    if (!is_there(q))
        return;
    service_result(
        q, SPAN("<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='form'>"
                "<field type='hidden' var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>"
                "<field type='jid-single' var='with'/><field type='text-single' var='start'/>"
                "<field type='text-single' var='end'/><field type='text-single' var='before-id'/>"
                "<field type='text-single' var='after-id'/><field type='list-multi' var='ids'>"
                "<validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><open/>"
                "</validate></field><field type='boolean' var='include-groupchat'/></x></query>"));
}

/* ---- metadata ---- */

struct metadata_work {
    struct service_work work;
    struct store_archive_message first, last;
};

static void end_message_write(struct buffer *out, const char *name, const struct store_archive_message *m)
{
    char id[MESSAGE_ID_BYTES], stamp[DATETIME_BYTES];
    message_id_write(m->id, id);
    datetime_write(m->us, stamp);
    buffer_printf(out, "<%s id='%s' timestamp='%s'/>", name, id, stamp);
}

static void metadata_finish(struct service_work *work)
{
    const struct metadata_work *w = container_of(work, struct metadata_work, work);
    struct buffer out = {0};
    buffer_literal(&out, "<metadata xmlns='urn:xmpp:mam:2'>");
    if (work->request.result == 0) {
        end_message_write(&out, "start", &w->first);
        end_message_write(&out, "end", &w->last);
    }
    buffer_literal(&out, "</metadata>");
    if (buffer_ok(&out))
        service_work_result(work, buffer_span(&out));
    else
        service_work_refuse(work, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(&out);
}

/* On the store thread. */
static int metadata_run(struct store_db *db, struct store_request *request)
{
    struct service_work *work = container_of(request, struct service_work, request);
    struct metadata_work *w = container_of(work, struct metadata_work, work);
    return store_archive_ends(db, request->jid, &w->first, &w->last);
}

void service_archive_metadata(const struct service_query *q)
{
    struct metadata_work *w = is_there(q) ? service_work_new(q, sizeof *w, metadata_finish) : NULL;
    if (!w)
        return;
    router_mailbox_flush(q->router);
    service_work_submit(&w->work, metadata_run);
}
