/* SPDX-License-Identifier: Apache-2.0 */
/* A session: one connected resource of an account (RFC 6120 s. 7), from bind to its end. State only: the stream that carries it
 * is named, not known. */
#ifndef MUSTER_SESSION_SESSION_H
#define MUSTER_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/frame.h"
#include "base/list.h"
#include "base/span.h"

struct account;
struct stream;
struct caps;
struct capable;
struct latest;
struct offline;
struct directed;
struct paced;
struct strangers;
struct e2e_wait;

/* What a session has used of its rate of presence changes: thousandths of a change, as of a moment (a clock's milliseconds, which
 * may wrap: who is idle for 50 days is credited less). 0 is a session that has used nothing. */
struct session_pace {
    uint32_t spent, at_ms;
};

struct session {
    struct list link; /* in account->sessions */
    struct account *account;
    struct stream *stream;
    struct frame *presence;      /* last broadcast presence, without `to`; NULL: not available */
    struct directed *directed;   /* whom directed presence went to; NULL: nobody */
    struct strangers *strangers; /* of route/: whom it has spoken to outside its roster; NULL: nobody */
    char *jid;                   /* the full JID */
    struct caps *caps;           /* a reference: what it wants to hear of; NULL: it claims nothing */
    struct capable *capable;     /* of route/: its claim; NULL as above */
    struct offline *offline;     /* of route/: it is being given what waited; NULL: it is not */
    struct latest *latest;       /* of route/: it is being told of last items; NULL: it is not */
    struct e2e_wait *e2e;        /* of route/: its last stanza is being verified; NULL: it is not */
    union {
        struct session_pace pace;
        struct paced *paced; /* while is_paced: a change that is told later */
    };
    uint16_t bare_len, jid_len;
    uint32_t number; /* distinguishes this session from a later one of the same resource */
    uint32_t
        available_order; /* grows with each presence: among equal priorities the newest is the most available */
    int8_t priority;     /* -128..127 */
    bool is_paced;
    bool has_message;       /* while a message is delivered: has got it (route/messaging.c) */
    bool has_carbons;       /* gets copies of what other resources are sent (XEP-0280) */
    bool has_marks;         /* is told what the server has found out of signed stanzas (docs/smime.md) */
    bool is_told_of_blocks; /* has asked for the block list: gets its changes (XEP-0191) */
    bool is_invisible;      /* hears, and shows nothing (XEP-0186) */
    bool keeps_photo;       /* its client wants no avatar shown (XEP-0398 s. 4) */
    bool is_interested;     /* has asked for the roster: gets pushes (RFC 6121 s. 2.2) */
};

static inline struct span session_jid(const struct session *s)
{
    return span_make(s->jid, s->jid_len);
}
static inline struct span session_resource(const struct session *s)
{
    return span_make(s->jid + s->bare_len + 1, s->jid_len - s->bare_len - 1u);
}
static inline bool session_is_available(const struct session *s)
{
    return s->presence != NULL;
}

/* Does it hear what others show, and get what is for the account? */
static inline bool session_is_hearing(const struct session *s)
{
    return session_is_available(s) || s->is_invisible;
}

/* Fill a zeroed session; copies. 0 or -ENOMEM. */
int session_init(struct session *s, struct account *account, struct span bare, struct span resource,
                 uint32_t number);
void session_fini(struct session *s);

/* Directed presence (RFC 6121 s. 4.6): who must hear of this session's end, by JID as addressed. */
enum { DIRECTED_FULL = 1 };
/* 0 (also when it is there already), DIRECTED_FULL or -ENOMEM. */
int directed_add(struct session *s, struct span jid, uint32_t entries_max);
/* Does nothing when it is not there. */
void directed_remove(struct session *s, struct span jid);
bool directed_has(const struct session *s, struct span jid);
/* Did any go to `bare` or one of its resources? */
bool directed_reaches(const struct session *s, struct span bare);
/* Take any entry off: writes its JID to `storage`, returns its length; 0 when there is none. */
size_t directed_take(struct session *s, char *storage, size_t storage_bytes);
/* The same for any entry of which `is_meant` says so. */
size_t directed_take_if(struct session *s, bool (*is_meant)(const void *context, struct span jid),
                        const void *context, char *storage, size_t storage_bytes);

#endif
