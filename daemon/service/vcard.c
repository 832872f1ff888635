/* SPDX-License-Identifier: Apache-2.0 */
/* vcard-temp (XEP-0054): one document an account, which everybody may read. Who has none, and who does not
 * exist, are told of alike (s. 3.3), and both cost the same questions to the store. The picture in it is the
 * account's avatar, which is kept once, in the nodes of XEP-0084 (XEP-0398): it is put into the answer for
 * whoever may see those, and taken out of what is set. */
#include <errno.h>

#include "service/pep.h"
#include "service/services.h"
#include "store/document.h"
#include "xml/write.h"

#define VCARD "vcard-temp"

struct vcard_work {
    struct pep_work pep; /* what a picture is published with */
    struct store_document document;
    struct span written;      /* the picture's base64, as it was set */
    struct store_photo photo; /* base64.len: it is one */
    struct span rest;         /* of the vCard */
    enum stanza_error none;   /* what is said when there is none */
};
static struct vcard_work *vcard_work_of(struct store_request *r)
{
    return container_of(pep_work_of(r), struct vcard_work, pep);
}

/* ---- reading ---- */

/* Put the picture before the end of the vCard, which is empty where there is none. */
static int photo_insert(struct arena *arena, const struct store_photo *photo, struct span *vcard)
{
    struct buffer out = {0};
    struct span text = vcard->len ? *vcard : SPAN("<vCard xmlns='" VCARD "'></vCard>");
    const char *end = memrchr(text.ptr, '<', text.len);
    buffer_append(&out, span_make(text.ptr, (size_t)(end - text.ptr)));
    buffer_literal(&out, "<PHOTO xmlns='" VCARD "'><TYPE>");
    xml_escape(&out, photo->type);
    buffer_literal(&out, "</TYPE><BINVAL>");
    buffer_append(&out, photo->base64);
    buffer_literal(&out, "</BINVAL></PHOTO>");
    buffer_append(&out, span_skip(text, (size_t)(end - text.ptr)));
    struct span with = arena_copy(arena, buffer_span(&out));
    int error = buffer_ok(&out) && with.ptr ? 0 : -ENOMEM;
    buffer_fini(&out);
    if (!error)
        *vcard = with;
    return error;
}

static int vcard_read(struct store_db *db, struct store_request *r)
{
    struct vcard_work *w = vcard_work_of(r);
    struct store_photo photo;
    w->document.text = (struct span){0};
    int outcome = store_document_get(db, r->jid, STORE_VCARD, (struct span){0}, &r->arena, &w->document.text);
    if (outcome && outcome != STORE_NOT_FOUND)
        return outcome;
    int shown = store_avatar_photo(db, r->jid, w->pep.rank, &r->arena, &photo);
    if (shown)
        return shown == STORE_NOT_FOUND ? outcome : shown;
    return photo_insert(&r->arena, &photo, &w->document.text);
}

static void vcard_got(struct service_work *work)
{
    const struct vcard_work *w = vcard_work_of(&work->request);
    if (work->request.result == 0)
        service_work_result(work, w->document.text);
    else
        service_work_refuse(work, w->none);
}

static struct vcard_work *vcard_work_new(const struct service_query *q,
                                         void (*finish)(struct service_work *w))
{
    struct vcard_work *w = service_work_new(q, sizeof *w, finish);
    if (!w)
        return NULL;
    w->pep.limits = *router_pep_limits(q->router);
    w->pep.rank = pep_rank(q);
    return w;
}

void service_vcard_get(const struct service_query *q)
{
    struct vcard_work *w = vcard_work_new(q, vcard_got);
    if (!w)
        return;
    w->none = q->address == SERVICE_OWN ? STANZA_ITEM_NOT_FOUND : STANZA_SERVICE_UNAVAILABLE;
    service_work_submit(&w->pep.work, vcard_read);
}

/* ---- setting ---- */

/* On a job thread: is it a picture, and what is left without it. */
static int vcard_prepare(struct service_work *work)
{
    struct vcard_work *w = vcard_work_of(&work->request);
    struct arena *arena = &work->request.arena;
    struct buffer base64 = {0};
    int outcome = photo_read(w->written, &base64, &w->photo.photo);
    if (!outcome && !(w->photo.base64 = arena_copy(arena, buffer_span(&base64))).ptr)
        outcome = -ENOMEM;
    buffer_fini(&base64);
    if (outcome)
        return outcome == PHOTO_BAD ? 0 : outcome;
    return store_vcard_strip(arena, w->document.text, &w->rest);
}

/* The picture becomes the account's avatar; a vCard without one takes it away: it is what the client says it
 * is. */
static int avatar_write(struct store_db *db, struct vcard_work *w, struct store_document *document)
{
    struct pep_work *p = &w->pep;
    struct store_request *r = &p->work.request;
    struct store_avatar before = {0};
    int outcome = store_avatar_find(db, r->jid, &before);
    if (outcome < 0)
        return outcome;
    if (!w->photo.base64.len) {
        outcome = store_avatar_clear(db, r->jid, &p->limits, &r->arena, &p->avatar, &p->item, &p->config);
        return outcome == STORE_NOT_FOUND ? 0 : outcome;
    }
    if (strcmp(before.hash, w->photo.photo.hash) != 0)
        outcome =
            store_avatar_put(db, r->jid, &w->photo, &p->limits, &r->arena, &p->avatar, &p->item, &p->config);
    else
        outcome = 0; /* it is already */
    if (outcome == PEP_UNFIT)
        return 0; /* the account shows its nodes to nobody: it is the vCard's alone */
    if (!outcome)
        document->text = w->rest;
    return outcome;
}

static int vcard_write(struct store_db *db, struct store_request *r)
{
    struct vcard_work *w = vcard_work_of(r);
    struct store_document document = w->document;
    w->pep.avatar = (struct store_avatar){0};
    int outcome = avatar_write(db, w, &document);
    return outcome ? outcome : store_documents_put(db, r->jid, STORE_VCARD, &document, 1, UINT64_MAX);
}

static void vcard_set(struct service_work *work)
{
    struct vcard_work *w = vcard_work_of(&work->request);
    if (pep_work_is_refused(&w->pep))
        return;
    service_work_result(work, (struct span){0});
    if (!w->pep.avatar.is_told)
        return;
    w->pep.node = SPAN(AVATAR_METADATA);
    pep_tell_item(&w->pep);
    pep_avatar_tell(&w->pep);
}

/* The vCard's picture, on the work's arena: what is one by its type. False: no memory. */
static bool photo_take(struct vcard_work *w, const struct xml_node *vcard)
{
    struct arena *arena = &w->pep.work.request.arena;
    const struct xml_node *photo = xml_node_child(vcard, SPAN("PHOTO"), SPAN(VCARD));
    const struct xml_node *type = photo ? xml_node_child(photo, SPAN("TYPE"), SPAN(VCARD)) : NULL;
    const struct xml_node *binval = photo ? xml_node_child(photo, SPAN("BINVAL"), SPAN(VCARD)) : NULL;
    if (!type || !span_starts(type->text, SPAN("image/")) || !binval || !binval->text.len)
        return true;
    w->photo.type = arena_copy(arena, type->text);
    w->written = arena_copy(arena, binval->text);
    return w->photo.type.ptr && w->written.ptr;
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
    struct vcard_work *w = vcard_work_new(q, vcard_set);
    if (!w)
        return;
    struct buffer text = {0};
    if (vcard->children)
        xml_node_write(&text, vcard);
    w->document.text = arena_copy(&w->pep.work.request.arena, buffer_span(&text));
    bool has_memory = buffer_ok(&text) && w->document.text.ptr && photo_take(w, vcard);
    buffer_fini(&text);
    if (!has_memory) {
        service_work_free(&w->pep.work);
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
    } else if (w->written.len) {
        service_work_submit_prepared(&w->pep.work, q->settings->jobs, vcard_prepare, vcard_write);
    } else {
        service_work_submit(&w->pep.work, vcard_write);
    }
}
