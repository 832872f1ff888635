/* SPDX-License-Identifier: Apache-2.0 */
/* What the server answers itself: IQs to the domain, to no one, and to a bare JID on its account's behalf (RFC 6121
 * s. 8.5.1, 8.5.2.1.3). */
#include "route/internal.h"

static const char disco_info[] =
    "<query xmlns='http://jabber.org/protocol/disco#info'>"
    "<identity category='server' type='im' name='muster'/>"
    "<feature var='http://jabber.org/protocol/disco#info'/>"
    "<feature var='http://jabber.org/protocol/disco#items'/>"
    "<feature var='jabber:iq:roster'/>"
    "<feature var='urn:xmpp:ping'/>"
    "</query>";

static void answer(struct router *r, struct session *s, const struct stanza *stanza, struct span payload)
{
    struct span from = stanza->has_to ? jid_full(&stanza->to) : entity_text(s->account->entity);
    struct frame *f = stanza_result_frame(stanza, from, session_jid(s), payload);
    if (f)
        stream_send(s->stream, f);
    else
        router_refuse(r, s, stanza, STANZA_RESOURCE_CONSTRAINT);
}

void router_server_iq(struct router *r, struct session *s, const struct stanza *stanza)
{
    bool is_own = !stanza->has_to || (!stanza->to.resource_len && span_equal(jid_full(&stanza->to), entity_text(s->account->entity)));
    bool is_domain = stanza->has_to && !stanza->to.local_len && !stanza->to.resource_len;
    if (stanza->type.iq == IQ_RESULT || stanza->type.iq == IQ_ERROR)
        return; /* an answer to a push of ours (RFC 6121 s. 2.1.6): nothing to do */
    if (is_own && router_roster_iq(r, s, stanza))
        return;
    if ((is_own || is_domain) && stanza->type.iq == IQ_SET && span_is(stanza->child_name, "session") &&
        span_is(stanza->child_xmlns, "urn:ietf:params:xml:ns:xmpp-session"))
        answer(r, s, stanza, (struct span){0}); /* RFC 3921's session: a no-op since */
    else if ((is_own || is_domain) && stanza->type.iq == IQ_GET && span_is(stanza->child_name, "ping") &&
             span_is(stanza->child_xmlns, "urn:xmpp:ping"))
        answer(r, s, stanza, (struct span){0});
    else if (is_domain && stanza->type.iq == IQ_GET && span_is(stanza->child_name, "query") &&
             span_is(stanza->child_xmlns, "http://jabber.org/protocol/disco#info"))
        answer(r, s, stanza, SPAN(disco_info));
    else if (is_domain && stanza->type.iq == IQ_GET && span_is(stanza->child_name, "query") &&
             span_is(stanza->child_xmlns, "http://jabber.org/protocol/disco#items"))
        answer(r, s, stanza, SPAN("<query xmlns='http://jabber.org/protocol/disco#items'/>"));
    else
        router_refuse(r, s, stanza, STANZA_SERVICE_UNAVAILABLE);
}
