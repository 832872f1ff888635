/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions whose connection is lost and may be resumed (XEP-0198): who has which, how many an account may
 * have, and what becomes of the stanzas that their clients did not acknowledge when they are over. Until
 * then nothing changes: to contacts such a session is available, and what is sent to it is its stream's to
 * keep. */
#include "base/clock.h"
#include "route/internal.h"
#include "stanza/message.h"
#include "xml/write.h"

struct stream *router_resumable(struct router *r, struct stream *stream, struct span id)
{
    const struct account *a = router_account_find(r, stream_bare_jid(stream));
    if (!a)
        return NULL;
    account_each_session(s, a) if (stream_is_resumable(s->stream, id)) return s->stream;
    return NULL;
}

void router_resumed(struct stream *stream, struct stream *old)
{
    struct session *s = old->session;
    old->session = NULL;
    stream->session = s;
    stream->conn.head = frame_ref(s->account->head);
    s->stream = stream;
}

/* The parked session whose time is over first; NULL: none is parked. */
static struct session *parked_first(const struct account *a, uint32_t *ret_count)
{
    struct session *first = NULL;
    *ret_count = 0;
    account_each_session(s, a)
    {
        if (!stream_is_parked(s->stream))
            continue;
        ++*ret_count;
        if (!first || stream_parked_until(s->stream) < stream_parked_until(first->stream))
            first = s;
    }
    return first;
}

bool router_parked_end_one(struct account *a)
{
    uint32_t count;
    struct session *first = parked_first(a, &count);
    if (first)
        stream_expire(first->stream);
    return first != NULL;
}

void router_stream_parked(struct router *r, struct stream *stream)
{
    uint32_t count;
    struct session *first = parked_first(stream->session->account, &count);
    if (count > r->settings->detached_max)
        stream_expire(first->stream);
}

/* ---- what was not acknowledged ---- */

/* As if the message had just come for the account: to another resource, or as the delivery table says when
 * there is none. */
static void message_again(struct router *r, const struct stanza *stanza, struct frame *frame,
                          const struct jid *from, const struct jid *account, uint32_t age_s)
{
    if (stanza->type.message == MESSAGE_HEADLINE || stanza->type.message == MESSAGE_ERROR)
        return; /* others have had it too, or nobody wants it later */
    if (span_equal(jid_full(from), jid_full(account)))
        return; /* a copy, or of an archive: for that session only */
    struct span bytes = span_make(frame->bytes, frame->len);
    struct frame *f = message_frame_delayed(bytes, jid_domain(account), clock_wall_us() - age_s * 1000000ull);
    /* It is archived already, and others have their copies. */
    struct frame *again =
        f ? frame_new(span_make(f->bytes, f->len), FRAME_NO_HEAD, FRAME_MESSAGE_AGAIN) : NULL;
    frame_unref(f);
    r->counters.messages_rerouted += again != NULL;
    router_send_stanza(r, again, jid_full(from), account);
}

void router_undelivered(struct router *r, const struct jid *session, struct frame *frame, uint32_t age_s)
{
    struct stanza *stanza = &r->stanza;
    if (frame->kind != FRAME_MESSAGE && frame->kind != FRAME_MESSAGE_AGAIN &&
        frame->kind != FRAME_OTHER) /* presence, and what goes on with a stanza */
        return;
    char storage[JID_BYTES_MAX];
    struct jid from, account = jid_of_prepared(jid_bare(session));
    frame = router_frame_unmarked(r, frame_ref(frame)); /* the mark was for that session, and then */
    if (frame && router_frame_read(r, frame, stanza) == 0 && stanza->has_from) {
        struct span text = xml_unescape(&r->arena, stanza->from);
        bool is_known = text.ptr && jid_parse(text, storage, &from) == 0;
        if (is_known && stanza->kind == STANZA_MESSAGE)
            message_again(r, stanza, frame, &from, &account, age_s);
        else if (is_known && stanza->kind == STANZA_IQ)
            router_bounce(r, stanza, STANZA_SERVICE_UNAVAILABLE, session, &from);
    }
    frame_unref(frame);
    arena_reset(&r->arena);
}
