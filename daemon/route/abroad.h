/* SPDX-License-Identifier: Apache-2.0 */
/* An account's contacts at other servers: who of them sees it (outreach.c), and what they show (foreign.c).
 * Their homes are elsewhere, so neither costs the watch index anything. Within route/. */
#ifndef MUSTER_ROUTE_ABROAD_H
#define MUSTER_ROUTE_ABROAD_H

#include "base/hash.h"
#include "route/internal.h"
#include "route/remote.h"

/* NULL in the account while both are empty. */
struct abroad {
    struct hash_table domains;  /* outreach.c */
    struct hash_table contacts; /* foreign.c */
};
/* Made when first asked for; NULL without memory. */
struct abroad *abroad_of(struct account *a);
/* Something was taken out. */
void abroad_settle(struct account *a);

/* ---- sending (remote.c) ---- */

/* Is there a way to this domain? */
bool router_reaches(const struct router *r, struct span domain);
/* To another domain; takes over the frame. An availability that is answerable is one that a client sent to
 * `to` alone. */
void router_send_remote(struct router *r, struct frame *frame, struct span from, const struct jid *to,
                        bool is_answerable);
/* As router_send_stanza, of what a client has said: it hears when it cannot be delivered. */
void router_send_said(struct router *r, struct frame *frame, struct span from, const struct jid *to);
/* One presence to many; `frame` has a gap for their heads; both are borrowed. NULL: no memory, nobody hears
 * it. */
struct remote_audience *remote_audience_new(struct entity *const *recipients, uint32_t count);
struct remote_audience *remote_audience_ref(struct remote_audience *a);
struct remote_audience *remote_audience_unref(struct remote_audience *a); /* takes NULL; returns NULL */
void router_send_audience(struct router *r, struct frame *frame, struct span from, struct span domain,
                          struct remote_audience *audience);

/* Contacts of other domains that a slice of a walk has found. */
struct found_abroad {
    struct entity **contacts; /* borrowed from the roster */
    uint32_t count, capacity;
};
void found_abroad_add(struct found_abroad *f, struct entity *contact);
/* Say `frame` (borrowed, NULL: nothing) to all of them, domain by domain, and forget them. */
void found_abroad_tell(struct router *r, struct found_abroad *f, struct frame *frame, struct span from);

/* ---- who sees the account (outreach.c) ---- */

/* The contact sees it from now on. False: no memory. */
bool outreach_add(struct account *a, struct entity *contact);
void outreach_remove(struct router *r, struct account *a, const struct entity *contact);
/* The same, and the contact is told what the account shows now. */
void outreach_grant(struct router *r, struct account *a, struct entity *contact);
/* A change, to all of them; `is_last`: the account goes offline, and they are forgotten. */
void outreach_tell(struct router *r, struct account *a, struct frame *frame, bool is_last);
void outreach_end(struct router *r, struct account *a);

/* ---- what contacts show (foreign.c) ---- */

/* Presence from a contact that the account is subscribed to, to all of it: is kept, and goes to whoever
 * hears. */
void foreign_hear(struct router *r, struct account *a, const struct stanza *stanza, const struct jid *from,
                  struct entity *contact);
/* It says that it, or a resource of it, is not there; who hears is told by the caller. */
void foreign_gone(struct router *r, struct account *a, const struct jid *from, struct entity *contact);
/* Tell the session what the contact shows. False: nothing is known of it. */
bool foreign_show(struct router *r, const struct session *s, const struct entity *contact);
void foreign_forget(struct router *r, struct account *a, const struct entity *contact);
/* The account hears no more. */
void foreign_end(struct router *r, struct account *a);

#endif
