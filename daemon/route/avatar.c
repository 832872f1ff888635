/* SPDX-License-Identifier: Apache-2.0 */
/* Avatars in presence (XEP-0398 s. 4): what a session says gets the hash of its account's avatar once, before
 * it is told to anybody, so that a fan-out knows nothing of it. When the avatar changes, the sessions that
 * are available say what they said last again. What was directed to somebody is not repeated: the client does
 * that. */
#include <stdlib.h>

#include "route/internal.h"
#include "stanza/photo.h"

static void photo_set(struct account *a, struct span hash)
{
    free(a->photo);
    a->photo = strndup(hash.ptr ? hash.ptr : "", hash.len);
}

void router_avatar_load(struct account *a, const struct store_avatar *avatar)
{
    free(a->photo);
    a->photo = NULL;
    if (avatar->is_told)
        photo_set(a, span_of(avatar->hash));
}

static struct frame *frame_change(struct frame *f, struct span hash, bool is_over)
{
    struct frame *with = photo_frame(f, hash, is_over);
    if (with)
        frame_unref(f);
    return with ? with : f; /* without memory: as the client says it */
}

struct frame *router_avatar_put(const struct session *s, struct frame *presence)
{
    return s->account->photo ? frame_change(presence, span_of(s->account->photo), false) : presence;
}

struct frame *router_avatar_say(struct session *s, struct frame *presence)
{
    if (s->account->photo)
        s->keeps_photo = photo_is_withheld(presence);
    return router_avatar_put(s, presence);
}

/* ---- a change ---- */

struct avatar_message {
    struct route_message base;
    struct account *account;
    char hash[PHOTO_HASH_BYTES + 1];
};

static void session_says_again(struct router *r, struct session *s)
{
    struct span hash = span_of(s->account->photo);
    struct frame **paced = router_paced_frame(s);
    if (s->keeps_photo)
        return;
    if (paced) { /* it is about to be said anyway */
        *paced = frame_change(*paced, hash, true);
        return;
    }
    struct frame *f = photo_frame(s->presence, hash, true);
    if (!f || frame_is_same(f, s->presence)) {
        frame_unref(f);
        return;
    }
    /* It is the account that has changed: which of its resources was heard of last stays as it is. */
    uint32_t order = s->available_order;
    int8_t priority = s->priority;
    if (router_pace(r, s, f, priority))
        return;
    router_presence_tell(r, s, f, priority);
    s->available_order = order;
}

static void avatar_run(struct router *r, struct route_message *base)
{
    struct avatar_message *m = (struct avatar_message *)base;
    struct account *a = m->account;
    bool was_told = a->photo;
    if (was_told && strcmp(a->photo, m->hash) == 0)
        return;
    photo_set(a, span_of(m->hash));
    if (!a->photo)
        return;
    account_each_session(s, a)
    {
        struct frame **paced = router_paced_frame(s);
        if (!paced && !session_is_available(s))
            continue;
        if (!was_told)
            s->keeps_photo = photo_is_withheld(paced ? *paced : s->presence);
        session_says_again(r, s);
    }
}

void router_avatar_changed(struct router *r, struct span bare, struct span hash)
{
    struct account *a = router_account_find(r, bare);
    struct avatar_message *m = a ? route_message_new(sizeof *m, avatar_run, NULL) : NULL;
    if (!m)
        return; /* who comes online reads it anew */
    m->base.router = r;
    m->account = a;
    memcpy(m->hash, hash.ptr, hash.len < PHOTO_HASH_BYTES ? hash.len : PHOTO_HASH_BYTES);
    account_pend(a, &m->base.message); /* behind whatever is being done to it */
    router_account_settle(r, a);
}
