/* SPDX-License-Identifier: Apache-2.0 */
/* Resource binding (RFC 6120 s. 7). */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "stream/internal.h"
#include "xml/tree.h"
#include "xml/write.h"

static void bind_answer(struct stream *s, struct frame *f)
{
    if (f)
        stream_send(s, f);
    else
        stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
}

/* The request is refused; one too many ends the stream. */
static void bind_fail(struct stream *s, const struct stanza *request, enum stanza_error e)
{
    struct stream_login *l = stream_login_take(s);
    bind_answer(s, stanza_error_frame(request, e, (struct span){0}, (struct span){0}, NULL));
    if (!l || ++l->bind_failures >= s->worker->settings->bind_attempts)
        stream_fail(s, STREAM_POLICY_VIOLATION, "too many failed attempts");
}

void stream_refuse_bind(struct stream *s, enum stanza_error e)
{
    if (s->login->is_sasl2) { /* the client has no bind request that could be answered */
        stream_fail(
            s, e == STANZA_RESOURCE_CONSTRAINT ? STREAM_RESOURCE_CONSTRAINT : STREAM_INTERNAL_SERVER_ERROR,
            NULL);
        return;
    }
    /* The request's bytes are gone by the time the owner answers; its id was kept. */
    struct stanza request = {.kind = STANZA_IQ, .type.iq = IQ_SET, .id = span_of(s->login->bind_id)};
    bind_fail(s, &request, e);
    s->is_waiting = false;
    stream_continue(s);
}

static void bind_result(struct stream *s)
{
    struct buffer payload = {0};
    buffer_literal(&payload, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>");
    xml_escape(&payload, stream_jid(s));
    buffer_literal(&payload, "</jid></bind>");
    struct stanza request = {.kind = STANZA_IQ, .type.iq = IQ_SET, .id = span_of(s->login->bind_id)};
    bind_answer(s, buffer_ok(&payload) ? stanza_result_frame(&request, (struct span){0}, (struct span){0},
                                                             buffer_span(&payload))
                                       : NULL);
    buffer_fini(&payload);
}

void stream_bound(struct stream *s, struct session *session, struct span jid)
{
    char *full = strndup(jid.ptr, jid.len);
    s->session = session;
    if (!full) {
        stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    free(s->jid);
    s->jid = full;
    s->jid_len = (uint16_t)jid.len;
    loop_timer_stop(s->worker->net->loop, &s->timer);
    s->worker->counters.bound++;
    stream_enter(s, STREAM_BOUND);
    if (s->login->is_sasl2)
        stream_bind2_bound(s);
    else
        bind_result(s);
    stream_login_free(s);
    stream_certificate_watch(s);
    s->is_waiting = false;
    stream_continue(s);
}

/* The resource the client asks for, prepared into `storage`; empty: it leaves the choice to us. JID_BAD: not
 * one. */
static int bind_resource(struct stream *s, const struct xml_item *item,
                         char storage[static JID_PART_BYTES_MAX], struct span *ret)
{
    struct xml_node *iq;
    if (xml_tree_build(&s->worker->arena, item->raw, XMLNS_CLIENT, &iq) < 0)
        return JID_BAD;
    const struct xml_node *bind = xml_node_child(iq, SPAN("bind"), XMLNS_BIND);
    const struct xml_node *resource = bind ? xml_node_child(bind, SPAN("resource"), XMLNS_BIND) : NULL;
    *ret = (struct span){0};
    return resource && resource->text.len ? jid_prepare_resource(resource->text, storage, ret) : 0;
}

void stream_bind_item(struct stream *s, const struct xml_item *item)
{
    struct stanza *stanza = &s->worker->stanza;
    if (stream_management_item(s, item))
        return;
    if (stanza_read(item, XMLNS_CLIENT, &s->worker->arena, stanza) != 0 || stanza->kind != STANZA_IQ ||
        stanza->type.iq != IQ_SET || !span_is(item->child_name, "bind") ||
        !span_equal(item->child_xmlns, XMLNS_BIND)) {
        stream_fail(s, STREAM_NOT_AUTHORIZED, NULL); /* RFC 6120 s. 7.1: nothing before a resource is bound */
        return;
    }
    char storage[JID_PART_BYTES_MAX];
    struct span resource;
    if (!stanza->id.len || bind_resource(s, item, storage, &resource) != 0) {
        bind_fail(s, stanza, STANZA_BAD_REQUEST);
        return;
    }
    struct stream_login *l = stream_login_take(s);
    if (l)
        free(l->bind_id);
    if (!l || !(l->bind_id = strndup(stanza->id.ptr, stanza->id.len))) {
        stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    s->is_waiting = true;
    s->worker->events->bind(s, stream_bare_jid(s), &(struct stream_bind){.resource = resource});
}
