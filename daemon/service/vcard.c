/* SPDX-License-Identifier: Apache-2.0 */
/* vcard-temp (XEP-0054): one document an account, which everybody may read. Who has none, and who does not
 * exist, are told of alike (s. 3.3), and both cost the same questions to the store. */
#include "service/services.h"
#include "store/document.h"
#include "xml/tree.h"

struct vcard_work {
    struct service_work work;
    struct store_document document;
    enum stanza_error none; /* what is said when there is none */
};

static int vcard_read(struct store_db *db, struct store_request *r)
{
    struct vcard_work *w = container_of(r, struct vcard_work, work.request);
    return store_document_get(db, r->jid, STORE_VCARD, (struct span){0}, &r->arena, &w->document.text);
}

static void vcard_got(struct service_work *work)
{
    const struct vcard_work *w = container_of(work, struct vcard_work, work);
    if (work->request.result == 0)
        service_work_result(work, w->document.text);
    else
        service_work_refuse(work, w->none);
}

void service_vcard_get(const struct service_query *q)
{
    struct vcard_work *w = service_work_new(q, sizeof *w, vcard_got);
    if (!w)
        return;
    w->none = q->address == SERVICE_OWN ? STANZA_ITEM_NOT_FOUND : STANZA_SERVICE_UNAVAILABLE;
    service_work_submit(&w->work, vcard_read);
}

static int vcard_write(struct store_db *db, struct store_request *r)
{
    struct vcard_work *w = container_of(r, struct vcard_work, work.request);
    return store_documents_put(db, r->jid, STORE_VCARD, &w->document, 1, UINT64_MAX);
}

static void vcard_set(struct service_work *work)
{
    if (work->request.result == 0)
        service_work_result(work, (struct span){0});
    else /* the account was removed meanwhile */
        service_work_refuse(work, STANZA_ITEM_NOT_FOUND);
}

void service_vcard_set(const struct service_query *q)
{
    const struct xml_node *vcard = service_payload(q);
    if (!vcard)
        return;
    if (vcard->raw.len > q->settings->vcard_bytes_max) {
        service_refuse(q, STANZA_POLICY_VIOLATION);
        return;
    }
    struct vcard_work *w = service_work_new(q, sizeof *w, vcard_set);
    if (!w)
        return;
    struct buffer text = {0};
    if (vcard->children)
        xml_node_write(&text, vcard);
    w->document.text = arena_copy(&w->work.request.arena, buffer_span(&text));
    bool has_memory = buffer_ok(&text) && w->document.text.ptr;
    buffer_fini(&text);
    if (has_memory) {
        service_work_submit(&w->work, vcard_write);
        return;
    }
    service_work_free(&w->work);
    service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
}
