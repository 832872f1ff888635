/* SPDX-License-Identifier: Apache-2.0 */
/* What an account may do about itself (XEP-0077 s. 3.2, 3.3): a new password, and its end. Registration of new
 * accounts comes before the log-in and is the stream's. */
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

void service_register_get(const struct service_query *q)
{
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
    int error = sasl_credentials_make(span_make(w->password, w->password_len), w->iterations, &w->credentials);
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
    if (!q->router->settings->service_settings->allow_password_change) {
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
    if (jid_prepare_password(password->text, password_storage, sizeof password_storage, &prepared) != 0) {
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

void service_register_set(const struct service_query *q)
{
    struct xml_node *query = service_payload(q);
    if (!query)
        return;
    if (xml_node_child(query, SPAN("remove"), REGISTER))
        service_refuse(q, STANZA_NOT_ALLOWED);
    else
        password_change(q, query);
}
