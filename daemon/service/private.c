/* SPDX-License-Identifier: Apache-2.0 */
/* Private XML storage (XEP-0049): elements that a client keeps here for its account, found by name and
 * namespace. */
#include "service/services.h"
#include "store/document.h"
#include "xml/tree.h"

#define PRIVATE "jabber:iq:private"

/* Of one set. Clients send one at a time; each costs a few statements, in one transaction with others'
 * requests. */
#define PRIVATE_ELEMENTS_MAX 32

struct private_work {
    struct service_work work;
    struct store_document documents[PRIVATE_ELEMENTS_MAX];
    uint32_t count;
    struct span asked; /* of a get: the element as it was asked for, on the request's arena */
};

/* The element as what it says by itself, on the work's arena; ptr NULL without memory. */
static struct span element_copy(struct private_work *w, const struct xml_node *element)
{
    struct buffer text = {0};
    xml_node_write(&text, element);
    struct span copy =
        buffer_ok(&text) ? arena_copy(&w->work.request.arena, buffer_span(&text)) : (struct span){0};
    buffer_fini(&text);
    return copy;
}

static struct span name_make(struct private_work *w, const struct xml_node *element)
{
    struct buffer text = {0};
    buffer_append(&text, element->name);
    buffer_append_char(&text, ' ');
    buffer_append(&text, element->xmlns);
    struct span copy =
        buffer_ok(&text) ? arena_copy(&w->work.request.arena, buffer_span(&text)) : (struct span){0};
    buffer_fini(&text);
    return copy;
}

/* The document that an element belongs to; NULL without memory. */
static struct store_document *document_take(struct private_work *w, const struct xml_node *element)
{
    struct span name = name_make(w, element);
    if (!name.ptr)
        return NULL;
    for (uint32_t i = 0; i < w->count; i++)
        if (span_equal(w->documents[i].name, name))
            return &w->documents[i];
    w->documents[w->count].name = name;
    return &w->documents[w->count++];
}

/* Elements of the same name in one set are kept together: s. 2 allows them. */
static int element_add(struct private_work *w, const struct xml_node *element)
{
    struct store_document *document = document_take(w, element);
    struct span text = document ? element_copy(w, element) : (struct span){0};
    if (!text.ptr)
        return -1;
    bool says_nothing = !element->children && !element->attributes && !element->text.len;
    if (says_nothing) /* that is what a get answers when nothing is kept */
        return 0;
    if (!document->text.len) {
        document->text = text;
        return 0;
    }
    struct span parts[] = {document->text, text};
    char *joined = arena_take(&w->work.request.arena, parts[0].len + parts[1].len);
    if (!joined)
        return -1;
    memcpy(joined, parts[0].ptr, parts[0].len);
    memcpy(joined + parts[0].len, parts[1].ptr, parts[1].len);
    document->text = span_make(joined, parts[0].len + parts[1].len);
    return 0;
}

/* The query's elements, each of which must have a namespace of its own. 0 when they are to be refused (they
 * are). */
static uint32_t elements_check(const struct service_query *q, const struct xml_node *query,
                               uint32_t count_max)
{
    uint32_t count = 0;
    enum stanza_error e = STANZA_NOT_ACCEPTABLE;
    for (const struct xml_node *n = query ? query->children : NULL; n; n = n->next) {
        count++;
        if (count > count_max || !n->xmlns.len || span_is(n->xmlns, PRIVATE))
            goto refuse;
        if (n->raw.len > q->settings->private_item_bytes_max) {
            e = STANZA_POLICY_VIOLATION;
            goto refuse;
        }
    }
    if (count || !query)
        return count;
refuse:
    service_refuse(q, e);
    return 0;
}

/* ---- get ---- */

static int private_read(struct store_db *db, struct store_request *r)
{
    struct private_work *w = container_of(r, struct private_work, work.request);
    return store_document_get(db, r->jid, STORE_PRIVATE, w->documents[0].name, &r->arena,
                              &w->documents[0].text);
}

static void private_got(struct service_work *work)
{
    struct private_work *w = container_of(work, struct private_work, work);
    struct buffer out = {0};
    buffer_literal(&out, "<query xmlns='" PRIVATE "'>");
    buffer_append(&out, work->request.result == 0 ? w->documents[0].text : w->asked);
    buffer_literal(&out, "</query>");
    if (buffer_ok(&out))
        service_work_result(work, buffer_span(&out));
    else
        service_work_refuse(work, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(&out);
}

void service_private_get(const struct service_query *q)
{
    struct xml_node *query = service_payload(q);
    if (!elements_check(q, query, 1))
        return;
    struct private_work *w = service_work_new(q, sizeof *w, private_got);
    if (!w)
        return;
    w->asked = element_copy(w, query->children);
    w->documents[0].name = name_make(w, query->children);
    if (w->asked.ptr && w->documents[0].name.ptr) {
        service_work_submit(&w->work, private_read);
        return;
    }
    service_work_free(&w->work);
    service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
}

/* ---- set ---- */

static int private_write(struct store_db *db, struct store_request *r)
{
    struct private_work *w = container_of(r, struct private_work, work.request);
    return store_documents_put(db, r->jid, STORE_PRIVATE, w->documents, w->count,
                               w->work.settings->private_bytes_max);
}

static void private_set(struct service_work *work)
{
    if (work->request.result == 0)
        service_work_result(work, (struct span){0});
    else
        service_work_refuse(work, work->request.result == STORE_FULL ? STANZA_RESOURCE_CONSTRAINT
                                                                     : STANZA_ITEM_NOT_FOUND);
}

void service_private_set(const struct service_query *q)
{
    struct xml_node *query = service_payload(q);
    if (!elements_check(q, query, PRIVATE_ELEMENTS_MAX))
        return;
    struct private_work *w = service_work_new(q, sizeof *w, private_set);
    if (!w)
        return;
    for (const struct xml_node *n = query->children; n; n = n->next)
        if (element_add(w, n) < 0) {
            service_work_free(&w->work);
            service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
            return;
        }
    service_work_submit(&w->work, private_write);
}
