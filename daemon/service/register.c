/* SPDX-License-Identifier: Apache-2.0 */
/* What an account may do about itself (XEP-0077 s. 3.2, 3.3): a new password, and its end. Registration of
 * new accounts comes before the log-in and is the stream's. */
#include "service/services.h"

#include <errno.h>

#include "jid/jid.h"
#include "route/router.h"
#include "store/db.h"
#include "stream/stream.h"
#include "xml/tree.h"
#include "xml/write.h"

#define REGISTER SPAN("jabber:iq:register")

struct password_work {
    struct service_work work;
    uint32_t iterations;
    size_t password_len;
    char password[SASL_PASSWORD_BYTES_MAX];
    struct sasl_credentials credentials;
};

static struct span own_local(const struct service_query *q)
{
    struct jid jid = jid_of_prepared(entity_text(q->account->entity));
    return jid_local(&jid);
}

bool service_register_is_on(const struct service_settings *s)
{
    return s->allow_password_change || s->allow_registration || s->allow_removal;
}

void service_register_get(const struct service_query *q)
{
    if (!service_register_is_on(q->settings)) {
        service_refuse(q, STANZA_SERVICE_UNAVAILABLE);
        return;
    }
    struct buffer payload = {0};
    buffer_literal(&payload, "<query xmlns='jabber:iq:register'><registered/><username>");
    xml_escape(&payload, own_local(q));
    buffer_literal(&payload, "</username><password/></query>");
    service_result(q, buffer_span(&payload));
    buffer_fini(&payload);
}

static int password_prepare(struct service_work *base)
{
    struct password_work *w = (struct password_work *)base;
    int error =
        sasl_credentials_make(span_make(w->password, w->password_len), w->iterations, &w->credentials);
    explicit_bzero(w->password, sizeof w->password);
    return error;
}

static int password_put(struct store_db *db, struct store_request *r)
{
    struct password_work *w = container_of(r, struct password_work, work.request);
    struct sasl_credentials old;
    int error = store_account_get(db, r->jid, &old); /* removed meanwhile, it must not come back */
    explicit_bzero(&old, sizeof old);
    return error ? error : store_account_put(db, r->jid, &w->credentials, true);
}

static void password_finish(struct service_work *base)
{
    struct password_work *w = (struct password_work *)base;
    explicit_bzero(&w->credentials, sizeof w->credentials);
    if (w->work.request.result == 0)
        service_work_result(&w->work, (struct span){0});
    else
        service_work_refuse(&w->work, STANZA_ITEM_NOT_FOUND);
}

/* XEP-0077 s. 3.3: over a wire that is safe, for the account that asks, and never to nothing. */
static void password_change(const struct service_query *q, const struct xml_node *query)
{
    const struct xml_node *username = xml_node_child(query, SPAN("username"), REGISTER);
    const struct xml_node *password = xml_node_child(query, SPAN("password"), REGISTER);
    const struct stream *stream = q->session->stream;
    char local_storage[JID_PART_BYTES_MAX], password_storage[SASL_PASSWORD_BYTES_MAX];
    struct span local, prepared;
    if (!q->settings->allow_password_change) {
        service_refuse(q, STANZA_NOT_ALLOWED);
        return;
    }
    if (!username || !password || jid_prepare_local(username->text, local_storage, &local) != 0) {
        service_refuse(q, STANZA_BAD_REQUEST);
        return;
    }
    if (!span_equal(local, own_local(q))) {
        service_refuse(q, STANZA_NOT_ALLOWED);
        return;
    }
    if (!stream_is_private(stream)) {
        service_refuse(q, STANZA_NOT_AUTHORIZED);
        return;
    }
    if (jid_prepare_password(password->text, password_storage, sizeof password_storage, &prepared) != 0 ||
        sasl_password_is_short(prepared, q->settings->password_chars_min)) {
        explicit_bzero(password_storage, sizeof password_storage);
        service_refuse(q, STANZA_NOT_ACCEPTABLE);
        return;
    }
    struct password_work *w = service_work_new(q, sizeof *w, password_finish);
    if (w) {
        w->iterations = stream->worker->settings->sasl_iterations;
        w->password_len = prepared.len;
        memcpy(w->password, prepared.ptr, prepared.len);
        service_work_submit_prepared(&w->work, stream->worker->net->jobs, password_prepare, password_put);
    }
    explicit_bzero(password_storage, sizeof password_storage);
}

/* Handed to the session itself: the end of all of them is on its way here, and what is sent to its address
 * would come behind it. */
static void removal_finish(struct service_work *w)
{
    struct jid from = jid_of_prepared(w->from);
    const struct stanza query = {.kind = STANZA_IQ, .type.iq = IQ_SET, .id = w->id};
    if (w->request.result) {
        service_work_refuse(w, STANZA_REGISTRATION_REQUIRED); /* it was removed meanwhile */
        return;
    }
    struct account *a = router_account_find(w->router, jid_bare(&from));
    struct session *s = a ? account_session(a, jid_resource(&from)) : NULL;
    struct frame *f = s ? stanza_result_frame(&query, w->to, w->from, (struct span){0}) : NULL;
    if (f)
        stream_send(s->stream, f);
}

/* s. 3.2: nothing beside it, and the account is the one that the session is of. */
static void account_remove(const struct service_query *q, const struct xml_node *query)
{
    struct span bare = entity_text(q->account->entity);
    struct buffer command = {0};
    if (!q->settings->allow_removal) {
        service_refuse(q, STANZA_NOT_ALLOWED);
        return;
    }
    if (query->children->next) {
        service_refuse(q, STANZA_BAD_REQUEST);
        return;
    }
    struct service_work *w = service_work_new(q, sizeof *w, removal_finish);
    if (!w)
        return;
    buffer_literal(&command, "user\tremove\t");
    buffer_append(&command, bare);
    struct span text =
        buffer_ok(&command) ? arena_copy(&w->request.arena, buffer_span(&command)) : (struct span){0};
    buffer_fini(&command);
    if (text.ptr) {
        service_work_submit_command(w, text);
        return;
    }
    service_work_free(w);
    service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
}

void service_register_set(const struct service_query *q)
{
    struct xml_node *query = service_payload(q);
    if (!query)
        return;
    if (xml_node_child(query, SPAN("remove"), REGISTER))
        account_remove(q, query);
    else
        password_change(q, query);
}
