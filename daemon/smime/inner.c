/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/inner.h"

#include <errno.h>

#include "base/arena.h"
#include "smime/address.h"
#include "smime/cpim.h"
#include "smime/freshness.h"
#include "smime/mime.h"
#include "smime/pidf.h"

struct reading {
    const struct smime_claim *claim;
    const struct moment *signing_time;
    struct smime_verdict *verdict;
    struct arena arena;
    struct buffer outer, inner; /* decoded texts of the two entities, where they are encoded */
};

/* Lines as they are signed: what has others was made by somebody who reads it in another way. */
static bool is_canonical(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n' && (i == 0 || text.ptr[i - 1] != '\r'))
            return false;
        if (text.ptr[i] == '\r' && (i + 1 == text.len || text.ptr[i + 1] != '\n'))
            return false;
    }
    return true;
}

static int body_read(const struct mime_entity *entity, struct buffer *storage, struct span *ret_body)
{
    if (entity->encoding == MIME_ENCODING_OTHER)
        return SMIME_BAD_MIME;
    if (entity->encoding == MIME_ENCODING_IDENTITY) {
        *ret_body = entity->body;
        return 0;
    }
    int r = mime_decode(entity, storage);
    if (r != 0)
        return r < 0 ? r : SMIME_BAD_MIME;
    *ret_body = buffer_span(storage);
    return 0;
}

/* An address within, or a JID, against one of the stanza: resources do not matter. */
static bool is_uri_of(struct span uri, const struct jid *jid)
{
    char storage[JID_BYTES_MAX];
    struct jid found;
    return address_uri_read(uri, storage, &found) == 0 && span_equal(jid_bare(&found), jid_bare(jid));
}

static bool is_jid_of(struct span text, const struct jid *jid)
{
    char storage[JID_BYTES_MAX];
    struct jid found;
    return address_jid_read(text, storage, &found) == 0 && span_equal(jid_bare(&found), jid_bare(jid));
}

static void stamp_set(struct reading *r, struct moment stamp)
{
    r->verdict->has_stamp = true;
    r->verdict->stamp = stamp;
}

/* `is_wrapped`: Message/CPIM around it has the time and the addresses. */
static int pidf_check(struct reading *r, struct span document, bool is_wrapped)
{
    struct moment latest = {r->claim->now.seconds + FRESHNESS_WINDOW_S, r->claim->now.nanoseconds};
    struct pidf pidf;
    int result = pidf_read(&r->arena, document, &pidf);
    if (result != 0)
        return result < 0 ? result : SMIME_BAD_MIME;
    if (!is_wrapped && !pidf.has_stamp)
        return SMIME_BAD_MIME;
    if (!is_wrapped)
        stamp_set(r, pidf.stamp);
    if (!is_uri_of(pidf.entity, &r->claim->from))
        return SMIME_INNER_FROM_MISMATCH;
    return pidf.has_stamp && moment_compare(pidf.stamp, latest) > 0 ? SMIME_FUTURE_TIMESTAMP : 0;
}

static int stanza_check(struct reading *r, struct span document, bool is_wrapped)
{
    struct xmpp_document found;
    int result = xmpp_document_read(&r->arena, document, &found);
    if (result != 0)
        return result < 0 ? result : SMIME_BAD_MIME;
    if (!is_wrapped && !r->signing_time)
        return SMIME_BAD_MIME;
    if (!is_wrapped)
        stamp_set(r, *r->signing_time);
    if (found.has_from && !is_jid_of(found.from, &r->claim->from))
        return SMIME_INNER_FROM_MISMATCH;
    return found.has_to && !is_jid_of(found.to, &r->claim->to) ? SMIME_INNER_TO_MISMATCH : 0;
}

static enum smime_content content_of(const struct mime_entity *entity)
{
    return mime_is(entity, SPAN("application/pidf+xml"))   ? SMIME_CONTENT_PRESENCE
           : mime_is(entity, SPAN("application/xmpp+xml")) ? SMIME_CONTENT_STANZA
           : mime_is(entity, SPAN("message/cpim"))         ? SMIME_CONTENT_OTHER
                                                           : SMIME_CONTENT_MESSAGE;
}

/* The documents of RFC 3923 s. 4 and 5: presence only where it is presence, a stanza anywhere. */
static int document_check(struct reading *r, const struct mime_entity *entity, struct buffer *storage,
                          bool is_wrapped)
{
    struct span body;
    r->verdict->content = content_of(entity);
    if (r->claim->is_presence
            ? r->verdict->content != SMIME_CONTENT_PRESENCE && r->verdict->content != SMIME_CONTENT_STANZA
            : r->verdict->content != SMIME_CONTENT_MESSAGE && r->verdict->content != SMIME_CONTENT_STANZA)
        return SMIME_BAD_MIME;
    if (r->verdict->content == SMIME_CONTENT_MESSAGE) /* whatever its type: it is for people */
        return 0;
    int result = body_read(entity, storage, &body);
    if (result != 0)
        return result;
    return r->verdict->content == SMIME_CONTENT_PRESENCE ? pidf_check(r, body, is_wrapped)
                                                         : stanza_check(r, body, is_wrapped);
}

static int cpim_check(struct reading *r, struct span body)
{
    struct cpim cpim;
    if (!is_canonical(body) || cpim_read(body, &cpim) != 0)
        return SMIME_BAD_MIME;
    stamp_set(r, cpim.stamp);
    int result = document_check(r, &cpim.content, &r->inner, true);
    if (result < 0 || result == SMIME_BAD_MIME)
        return result;
    if (!is_uri_of(cpim.from, &r->claim->from))
        return SMIME_INNER_FROM_MISMATCH;
    bool is_for = false;
    for (uint32_t i = 0; i < cpim.to_count && !is_for; i++)
        is_for = is_uri_of(cpim.to[i], &r->claim->to);
    if (result == SMIME_INNER_FROM_MISMATCH)
        return result;
    return is_for ? result : SMIME_INNER_TO_MISMATCH;
}

static int reading_check(struct reading *r, struct span content)
{
    struct mime_entity entity;
    struct span body;
    if (!is_canonical(content) || mime_read(content, &entity) != 0)
        return SMIME_BAD_MIME;
    if (mime_is(&entity, SPAN("message/cpim"))) {
        int result = body_read(&entity, &r->outer, &body);
        return result == 0 ? cpim_check(r, body) : result;
    }
    /* A bare document says nothing of whom it is for, or not when it was said: it can be sent again, to others. */
    enum smime_content content_kind = content_of(&entity);
    r->verdict->content = content_kind == SMIME_CONTENT_MESSAGE ? SMIME_CONTENT_OTHER : content_kind;
    if (r->claim->is_strict || r->verdict->content == SMIME_CONTENT_OTHER)
        return SMIME_BAD_MIME;
    return document_check(r, &entity, &r->inner, false);
}

int inner_check(const struct smime_claim *claim, struct span content, const struct moment *signing_time,
                struct smime_verdict *verdict)
{
    struct reading r = {.claim = claim, .signing_time = signing_time, .verdict = verdict};
    arena_init(&r.arena);
    int result = reading_check(&r, content);
    arena_fini(&r.arena);
    buffer_fini(&r.outer);
    buffer_fini(&r.inner);
    return result;
}
