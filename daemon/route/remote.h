/* SPDX-License-Identifier: Apache-2.0 */
/* The seam between routing and the streams from and to other servers (RFC 6120 s. 10.4): the router hands a
 * link what is for another domain, and the link hands the router what has come from one. Neither knows more
 * of the other than this. Everything here is called on the router's own worker, but for what says
 * otherwise. */
#ifndef MUSTER_ROUTE_REMOTE_H
#define MUSTER_ROUTE_REMOTE_H

#include "base/buffer.h"
#include "base/frame.h"
#include "base/message.h"
#include "jid/jid.h"
#include "stanza/error.h"
#include "stanza/stanza.h"

struct router;
struct remote_audience;

/* ---- out ---- */

/* What is for another domain: one stanza, or one presence for several of its accounts. It has one owner,
 * which may be on any worker, and never changes. */
struct remote_stanza {
    struct message message; /* the owner's: to post it to another worker, or (`next`) to queue it */
    struct frame *frame;    /* a reference: its bytes are written with remote_stanza_write */
    struct remote_audience
        *audience; /* a reference: its recipients; NULL: one, whose JID is in the frame already */
    enum stanza_kind kind;
    bool is_answerable; /* somebody is to hear that it could not be delivered; otherwise it may be dropped,
                           and nobody hears */
    uint16_t domain_len, from_len, to_len;
    char text[]; /* domain, from, to */
};

/* The domain it is for (prepared, as every JID here); who says it: a full JID, a bare one, or a domain of
 * ours; whom it is for, empty when there is an audience. Borrowed. */
static inline struct span remote_stanza_domain(const struct remote_stanza *s)
{
    return span_make(s->text, s->domain_len);
}
static inline struct span remote_stanza_from(const struct remote_stanza *s)
{
    return span_make(s->text + s->domain_len, s->from_len);
}
static inline struct span remote_stanza_to(const struct remote_stanza *s)
{
    return span_make(s->text + s->domain_len + s->from_len, s->to_len);
}

/* The octets that remote_stanza_write will append in all. */
size_t remote_stanza_bytes(const struct remote_stanza *s);
/* Append complete stanzas of the stream's content namespace, which is not declared in them, until `out` has
 * grown by `bytes_max` or more. *position: 0 at first, then as it was left. True: there are more. */
bool remote_stanza_write(const struct remote_stanza *s, uint32_t *position, struct buffer *out,
                         size_t bytes_max);
void remote_stanza_free(struct remote_stanza *s); /* on any thread */

/* What carries them. Stanzas of one `from` for one recipient come in their order, and must leave in it
 * (s. 10.1). */
struct remote_link {
    /* Takes it over: sends it, now or when there is a stream, or gives it back with router_remote_failed. It
     * must not do that before it returns. */
    void (*send)(void *context, struct remote_stanza *stanza);
};

/* Before the first event. `link` NULL, as at first: no other domain is reached, and senders hear
 * remote-server-not-found. */
void router_remote_use(struct router *r, const struct remote_link *link, void *context);

/* It could not be delivered: remote-server-not-found, remote-server-timeout, resource-constraint (too much
 * waits), or what else is true. Any worker's router will do. Takes it over. */
void router_remote_failed(struct router *r, struct remote_stanza *stanza, enum stanza_error e);

/* ---- in ---- */

/* A stanza of a stream from another server, read with content namespace jabber:server. The link has checked
 * what s. 8.1.2 asks: `from` is a JID of a domain that the stream is authenticated for (and so none of ours),
 * stanza->to one of a domain of ours. Any worker's router will do; what one stream says must come to the
 * same. `lang` as written in the stream's header, may be empty. All is borrowed. */
void router_remote_stanza(struct router *r, const struct stanza *stanza, const struct jid *from,
                          struct span lang);

#endif
