/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of route/. */
#ifndef MUSTER_ROUTE_INTERNAL_H
#define MUSTER_ROUTE_INTERNAL_H

#include "roster/mark.h"
#include "route/router.h"
#include "route/service.h"

struct watch_cost;

/* ---- messages between workers (message.c) ---- */

/* Every message between routers begins with this. `run` is called on the receiving worker and frees nothing: `fini` does, then the
 * memory. */
struct route_message {
    struct message message;
    struct router *router; /* the receiver */
    uint32_t from;         /* worker that sent it */
    uint64_t sequence;     /* its number on the way from that worker */
    void (*run)(struct router *r, struct route_message *m);
    void (*fini)(struct route_message *m);
};

/* A zeroed message of `bytes`; NULL without memory (logged: what it would have said is lost). */
void *route_message_new(size_t bytes, void (*run)(struct router *, struct route_message *),
                        void (*fini)(struct route_message *));
/* Send it to the router of worker `to`. */
void route_message_post(struct router *r, uint32_t to, struct route_message *m);
void route_message_run(struct route_message *m);

/* A list of JIDs (with a number each) to go into a message. */
void route_list_put(struct buffer *list, struct span jid, uint32_t number);
/* Read the entry at *position and move on; false at the end. */
bool route_list_next(const struct buffer *list, size_t *position, struct span *ret_jid, uint32_t *ret_number);

/* ---- work in slices ---- */

/* How many contacts `budget` pays for, and paying for those that were looked at. */
static inline uint32_t router_positions(const struct router *r, uint32_t budget)
{
    return budget * r->settings->pace;
}
static inline void router_spend(const struct router *r, uint32_t *budget, uint32_t positions)
{
    uint32_t cost = (positions + r->settings->pace - 1) / r->settings->pace;
    *budget -= cost < *budget ? cost : *budget;
}

/* ---- accounts (account.c) ---- */

/* Find the account in memory, or bring it there: never in state MISSING when found. NULL without memory. */
struct account *router_account(struct router *r, const struct jid *jid);
/* After anything that may have been the last reason to keep it: run what waits if it is ready, forget it if it is idle. */
void router_account_settle(struct router *r, struct account *a);

/* The same for a stanza that a session says; errors (no such domain) go back to it. */
void router_route(struct router *r, struct session *s, const struct stanza *stanza, struct span from,
                  const struct jid *to);

/* ---- loading (loading.c) ---- */

/* Ask the store for the roster of an account that is LOADING. 0 or -ENOMEM. */
int router_account_load(struct router *r, struct account *a);
/* Run `then`, and free it, after the store was read as for router_account_load. 0, or -ENOMEM: it is still the caller's. */
int router_account_look(struct router *r, struct span bare, struct route_message *then);
/* Give back the roster, a long one in slices; it is empty at once. */
void router_roster_discard(struct router *r, struct roster *roster);

/* ---- presence (broadcast.c, walking.c, watching.c, granting.c) ---- */
void router_presence(struct router *r, struct session *s, const struct stanza *stanza);
void router_session_unavailable(struct router *r, struct session *s,
                                struct frame *frame /* taken; NULL: make one */);
/* An available presence that the session says to everybody; takes over the frame. */
void router_presence_tell(struct router *r, struct session *s, struct frame *frame, int8_t priority);
/* One available resource is no more: tell everybody. `frame` is borrowed, NULL without memory; `also` hears it although it is not
 * available, and may be NULL. */
void router_resource_gone(struct router *r, struct account *a, struct frame *frame,
                          const struct session *also);
void router_directed_presence(struct router *r, struct session *s, const struct stanza *stanza);
/* To one watcher: everything `a` shows now; and the end of it. */
void router_grant(struct router *r, struct account *a, struct entity *watcher);
void router_revoke(struct router *r, struct account *a, const struct entity *watcher);
void router_unwatch(struct router *r, struct account *a, struct roster_item *item);
/* How a session begins to hear its contacts, and to be shown to them. */
struct coming {
    bool is_shown_first; /* nobody has seen its account until now: whoever may is granted */
    bool is_heard_first; /* its account has heard nobody until now */
    bool is_silent;      /* it wants to hear what changes, and not what is */
};
/* The session has become available, or invisible: its contacts are asked. */
void router_walk_comes(struct router *r, struct session *s, const struct coming *coming);
/* No session hears any more: every watch ends. */
void router_walk_leaves(struct router *r, struct account *a);
/* What a broadcast tells: another presence, the end of a resource, or that of the last one. */
enum broadcast { BROADCAST_CHANGE, BROADCAST_END, BROADCAST_LAST };
void router_broadcast(struct router *r, struct account *a, struct frame *frame, enum broadcast what);
struct watch_change;
struct caps_node;
/* A change of `publisher` (who has a watch here) to the watchers here (fanout.c). Its cost: when it was told, and whom it has reached already. */
void router_fanout(struct router *r, struct entity *publisher, const struct watch_change *change);
/* Bring what is under way to all of them now. The watch may be gone then. */
void router_fanout_finish(struct router *r, struct entity *publisher);
/* Bring what is under way to this one now: something else from the publisher is about to reach it. */
void router_fanout_hurry(struct router *r, const struct entity *publisher, struct account *watcher);
/* While something waits in an account's queue, presence from its contacts goes there too, or it would overtake what the same contact
 * said before it (RFC 6120 s. 10.1). `session_number` 0: to every available session. */
static inline bool router_must_wait(const struct account *a)
{
    return account_is_changing(a) || a->pending;
}
void router_deliver_later(struct router *r, struct account *a, struct frame *frame, struct caps_node *node,
                          uint32_t session_number);
/* A probe in the name of an account, by the bare JIDs; the answer goes to all its resources. */
void router_probe_say(struct router *r, struct span from, struct span to);
void router_probe_answer(struct router *r, struct account *a, struct span from, const struct stanza *probe);

/* ---- capabilities, and events (caps.c, event.c, latest.c, approved.c) ---- */

/* Is it for this session: presence (`node` NULL), or an event that it wants to hear of? */
bool router_is_for(const struct session *s, const struct caps_node *node);
/* What the session's presence claims. */
void router_caps_claim(struct router *r, struct session *s, const struct caps_claim *claim);
/* The session answers a query of ours, perhaps. */
void router_caps_answer(struct router *r, struct session *s, const struct stanza *stanza);
/* The session is no longer available. */
void router_caps_drop(struct session *s);
/* The session is available, and perhaps known: it is told the last items that it was not told yet. */
void router_caps_tell(struct router *r, struct session *s);
/* The last items of the nodes that `caps` wants and `told` (which may be NULL) does not. NULL: there is nothing to do, or no memory. */
struct latest *router_latest_begin(struct router *r, struct session *s, struct caps *caps,
                                   const struct caps *told);
void router_latest_stop(struct latest *l); /* takes NULL */
/* The contact lets the account see it from now on: its last items, to the account's sessions (approved.c). */
void router_latest_of(struct router *r, struct account *a, const struct entity *contact);
/* Those of the items that the session wants to hear of. */
void router_items_send(struct router *r, struct session *s, const struct pep_items *items);
/* As the store wants them. */
void router_nodes_order(struct span *nodes, uint32_t count);

/* ---- invisible sessions (XEP-0186; invisible.c) ---- */

/* The session's stream ends. */
void router_invisible_end(struct router *r, struct session *s);
/* It says undirected presence, which nobody hears. */
void router_invisible_presence(struct router *r, struct session *s, const struct stanza *stanza);
/* The account has stopped hearing, if it has: every watch ends. */
void router_hearing_end(struct router *r, struct account *a);

/* ---- since when an account is offline (absence.c) ---- */

/* The account is no longer available; `frame` is what it said last, and may be NULL. */
void router_absence_begins(struct router *r, struct account *a, const struct frame *frame);
/* The account is about to be read from the store: what is to be kept of it goes there first. */
void router_absence_flush(struct router *r, const struct account *a);
/* Those that gather go to the store now. */
void router_absences_flush(struct router *r);
/* RFC 6121 s. 4.3.2.3: what a probe by `to`, who may see the account, is told when it is not available. NULL
 * without memory. */
struct frame *router_absence_frame(const struct account *a, struct span to, struct span id);

/* ---- lost streams (damping.c) ---- */

/* A resource that is shown as available although its stream is lost, for a while. */
struct lost {
    struct hash_node node; /* in router->lost */
    struct timer timer;
    struct router *router;
    struct account *account;
    struct frame *presence;
    size_t jid_len;
    char jid[]; /* the full one */
};
/* The available session's stream was lost: show what it showed for a while. False: tell its end now. */
bool router_damping_lose(struct router *r, struct session *s);
/* The session becomes available: if the resource is shown still, it takes that over: what was shown, a reference; else NULL. */
struct frame *router_damping_return(struct router *r, const struct session *s);
/* The account's lost resources, one after the other; `after` NULL: the first. NULL: no more. */
const struct lost *router_lost_next(const struct router *r, const struct account *a,
                                    const struct lost *after);
/* Tell the end of all of them now. */
void router_damping_end(struct router *r, struct account *a);

/* ---- the rate of changes (pacing.c) ---- */

/* Count a change that the session tells now. */
void router_pace_charge(struct router *r, struct session *s);
/* True: the session is over its rate; the change, taken over, is told later (router_presence_tell), unless a later one replaces it
 * first. False: it is counted, and to be told now. */
bool router_pace(struct router *r, struct session *s, struct frame *frame, int8_t priority);
/* What the session says next goes behind the delayed change: tell it now. */
void router_pace_flush(struct router *r, struct session *s);
/* Where the delayed change is; NULL: there is none. */
struct frame **router_paced_frame(struct session *s);
/* Forget the delayed change: the session goes, which is all that anybody need hear. */
void router_pace_drop(struct router *r, struct session *s);

/* ---- whom a session speaks to (strangers.c) ---- */

/* May the session say this stanza to whom it is addressed? False: it has addressed too many whom it does not
 * know. */
bool router_stranger_admits(struct router *r, struct session *s, const struct stanza *stanza);
/* May this one of another domain say it to the account? */
bool router_stranger_comes(struct router *r, const struct account *a, const struct stanza *stanza,
                           const struct jid *from);
void router_strangers_free(struct router *r);

/* ---- avatars in presence (avatar.c) ---- */

struct store_avatar;
void router_avatar_load(struct account *a, const struct store_avatar *avatar);
/* What the session says with its account's avatar in it; takes over the frame. */
struct frame *router_avatar_put(const struct session *s, struct frame *presence);
/* The same for presence that is for everybody. */
struct frame *router_avatar_say(struct session *s, struct frame *presence);

/* ---- shared groups (grouping.c) ---- */
struct group_audience;

/* The session has begun to hear, or the last one of the account has ended to. */
void router_groups_come(struct router *r, struct session *s, const struct coming *coming);
void router_groups_go(struct router *r, struct account *a);
/* Who of the groups hears what the account says (is_end: that a resource is no more); NULL: nobody. Counted. */
struct group_audience *router_audience(const struct account *a, bool is_end);
struct group_audience *audience_ref(struct group_audience *audience); /* both take NULL */
void audience_unref(struct group_audience *audience);
/* Has the worker anybody who does? */
bool router_audience_is_at(const struct router *r, const struct group_audience *audience, uint32_t worker);
/* What watched the account by a subscription that is over sees it by a group. Where the group is yet to show it (the
 * watcher's wave has not come to it), the watcher hears that it goes: were it to go before the wave comes, nobody
 * would say so. False: no group shows it, or not yet. */
bool router_groups_take_over(struct router *r, const struct account *a, const struct entity *watcher);
/* Show one who sees the account by a group what it shows now, unless a watch is about to. */
void router_groups_show(struct router *r, const struct account *a, const struct entity *watcher);
/* What worker `from` has sent, to all of them who are at home here and do not watch `publisher` (which may be
 * NULL). `node` as in struct spread. */
void router_audience_hears(struct router *r, uint32_t from, const struct group_audience *audience,
                           const struct entity *publisher, struct frame *frame, struct caps_node *node,
                           struct watch_cost *cost);

/* What groups add to a contact of the account's roster (grouping_roster.c). */
struct roster_share;
void router_share(const struct account *a, struct span contact, struct roster_share *ret);
/* Changes with what groups show the account, or to whom; 0: it is in none. */
uint64_t router_groups_mark(const struct account *a);
/* Append the query of a push that says what the roster has of `contact` now. */
struct roster_mark;
void router_contact_write(struct router *r, const struct account *a, const struct roster_mark *mark,
                          struct span contact, struct buffer *out);

/* The contacts that groups alone put into a roster, piece by piece. */
struct group_items {
    const struct router *router;
    const struct account *account;
    uint32_t *seen, *seeing, seen_count, seeing_count;
    uint32_t looks;     /* at most so many contacts are looked at */
    uint32_t at, chunk; /* the next piece: of which group, which */
    bool *is_special;   /* by piece of that group: holds somebody who is otherwise for this user */
    bool is_done;
};
void group_items_init(struct group_items *g, const struct router *r, const struct account *a);
/* The next piece: a frame of items that is everybody's (borrowed), or NULL, and then items are appended to `out`. Until is_done. */
struct frame *group_items_next(struct group_items *g, struct buffer *out);
void group_items_fini(struct group_items *g);

/* ---- block lists (admitting.c, blocking.c) ---- */

/* Does the account block this JID? A resource's JID of a contact that is blocked in part only; the contact's bare JID
 * when all of it is. Never its own. */
bool router_blocks(const struct account *a, const struct jid *other);
/* Presence that a frame with a gap for its recipient carries, from one whom the account blocks. */
bool router_frame_is_blocked(const struct account *a, const struct frame *f);
/* A stanza has come to the account's home: may it in? False: refused, and answered if it is to be. */
bool router_admit(struct router *r, const struct account *a, const struct stanza *stanza,
                  const struct jid *from, const struct jid *to);
/* A session says something: may it go to its addressee? False: refused. */
bool router_let_out(struct router *r, struct session *s, const struct stanza *stanza);
/* The account's list was another `before`: presence begins and ends as the difference says (walking.c). */
void router_walk_blocks(struct router *r, struct account *a, struct block_list *before);
/* Of one contact. True: it is to be watched again. */
bool router_block_meet(struct router *r, struct account *a, const struct block_list *before,
                       struct roster_item *item);
/* Of those whom groups show. */
void router_block_groups(struct router *r, struct account *a, const struct block_list *before);
/* The contact sees the account go, also what groups show of it. */
void router_hide_at_once(struct router *r, struct account *a, const struct entity *contact);

/* ---- subscriptions and rosters (commit.c, subscribing.c, rostering.c, roster_get.c) ---- */

/* A change of one roster item on its way to the disk. The account is BUSY until it is there; the memory changes after the disk. */
struct commit {
    struct message message;
    struct store_request request;
    struct router *router;
    struct account *account;
    struct entity *contact; /* a reference */
    /* After the change is on disk and in memory. */
    void (*committed)(struct commit *c);
    enum subscription_event event;
    bool is_outbound;
    enum subscription_state before;
    bool was_listed, was_approved;
    bool is_answered_by_us;         /* inbound subscribe that a pre-approval answers */
    struct frame *stanza;           /* to route (outbound) or deliver (inbound); may be NULL */
    struct frame *result, *refusal; /* to the session that asked */
    uint32_t session_number;
};
/* Begin: the item as it is now (or as a new one would be) in request.changes[0]. NULL without memory or when the roster is full. */
struct commit *commit_new(struct router *r, struct account *a, struct entity *contact,
                          void (*committed)(struct commit *c));
struct store_item *commit_item(struct commit *c);
/* Send to the store. A row that says nothing any more (no state, not listed, not approved) is removed. */
void commit_submit(struct commit *c);
void commit_free(struct commit *c);
struct session *commit_session(const struct commit *c); /* the asking session, NULL when it is gone */

void router_subscription_out(struct router *r, struct session *s, const struct stanza *stanza);
void router_subscription_in(struct router *r, struct account *a, const struct stanza *stanza,
                            struct frame *frame, const struct jid *from);
/* A subscription stanza in the account's own name. */
void router_say_subscription(struct router *r, struct account *a, const struct entity *contact,
                             enum presence_type type);
/* RFC 6121 s. 3.2.2, 3.3.3: the contact sees the account go, from each resource, and sees no more of it. */
void router_hide_from(struct router *r, struct account *a, const struct entity *contact);
enum subscription_event subscription_event_of(enum presence_type type);
struct roster_mark router_roster_mark(const struct router *r, const struct account *a);
void router_roster_get(struct router *r, struct session *s, const struct stanza *stanza);
/* Append a push to `to`; `query` is its content. */
void router_push_write(struct buffer *out, struct span to, uint64_t version, struct span query);
/* The roster push for `contact` to every interested session. */
void router_push(struct router *r, struct account *a, const struct entity *contact);
/* The contact's stored subscription request, if there is one, to a session that has just become available. */
void router_request_deliver(struct router *r, struct session *s, const struct roster_item *item);
bool router_is_roster_query(const struct stanza *stanza);
bool router_roster_iq(struct router *r, struct session *s, const struct stanza *stanza);

/* ---- sessions without a connection (resuming.c) ---- */

/* Of the account's sessions without a connection end the one whose time is over first. False: it has none. */
bool router_parked_end_one(struct account *a);
/* A stanza was on its way to a session that is over, sent `age_s` ago and not acknowledged: a message goes to the account anew, a
 * query's sender is told. The frame is borrowed. */
void router_undelivered(struct router *r, const struct jid *session, struct frame *frame, uint32_t age_s);

/* ---- messages (messaging.c, carbons.c, archiving.c, mailbox.c, offline.c) ---- */

/* A message that has arrived at `a`, its addressee. */
void router_message_in(struct router *r, struct account *a, const struct stanza *stanza, struct frame *frame,
                       const struct jid *from, const struct jid *to);
/* One that the session says to `to`. */
void router_message_out(struct router *r, struct session *s, const struct stanza *stanza,
                        const struct jid *to);

/* Is a message of this content, said by or to (`from`) the account, one that its other resources get a copy of? */
bool router_carbon_is_due(bool is_sent, enum message_type type, uint32_t content, const struct jid *from);
/* Copies to the account's resources that have asked for them and do not have the message. `message`: a frame's bytes; `more` goes behind
 * its children. */
void router_carbons_send(struct router *r, struct account *a, bool is_sent, enum message_type type,
                         struct span message, struct span more);

/* Does the account want messages with `peer` archived? */
bool router_archive_wants(struct router *r, const struct account *a, const struct jid *peer);
uint64_t router_archive_id(struct router *r);
/* 0 or -ENOMEM. */
int router_archive_sweep_start(struct router *r);
void router_archive_sweep_stop(struct router *r);

/* A message on its way to the disk. All is borrowed for the call. */
struct mail {
    struct frame *frame;
    const struct jid *from, *to;
    uint64_t id;      /* in the archive */
    bool is_outgoing; /* for the archive of `from`; else for what is kept for `to` */
    bool is_archived;
    bool is_offline;   /* nobody takes it now */
    bool is_refusable; /* the sender may hear that it could not be kept: when that is known, which is later */
};
/* False: no memory. */
bool router_mailbox_put(struct router *r, const struct mail *mail);
/* The session takes messages: give it what waits for its account. */
void router_offline_give(struct router *r, struct session *s);
/* Its stream ends: what was not given, or not sent, goes on waiting. */
void router_offline_session_ends(struct session *s);

/* ---- stanzas (inbound.c, service.c) ---- */
/* Read a frame that a router has stamped: it is valid by construction, but its parts must be found again. What is read is on
 * r->arena. 0 or -EINVAL. */
int router_frame_read(struct router *r, const struct frame *frame, struct stanza *ret);
/* Would the sender be answered at once, who may not learn that the account has sessions? One without any is loaded first, and takes
 * longer to answer for. */
bool router_answers_too_soon(struct router *r, const struct account *a, const struct frame *frame,
                             const struct jid *from, const struct jid *to);
void router_inbound(struct router *r, struct account *a, struct frame *frame, const struct jid *from,
                    const struct jid *to);
/* A query to the server, to nobody, or to a bare JID. */
void router_query(struct router *r, struct session *s, const struct stanza *stanza);
/* One from another domain, to a domain of ours. */
void router_query_remote(struct router *r, const struct stanza *stanza, const struct jid *from);
/* One to the bare JID of account `a`, which is at home here. */
void router_query_account(struct router *r, struct account *a, const struct stanza *stanza,
                          const struct jid *from);
void router_e2e_free(struct router *r);
/* What the session is sent of a stanza for it: with the server's mark if it wants marks (e2e.c). A reference. */
struct frame *router_frame_for(const struct session *s, struct frame *frame);
/* Has it an object within (RFC 3923)? Such presence is for now and for who it is addressed to: never kept. */
bool router_e2e_is_object(struct router *r, const struct stanza *stanza);
/* The stanza in a frame that was kept, without the marks of a time that is over. Takes the reference over and gives one; NULL without
 * memory. */
struct frame *router_frame_unmarked(struct router *r, struct frame *frame);
/* Answer the session with an error, if the stanza may be answered. */
void router_refuse(struct router *r, struct session *s, const struct stanza *stanza, enum stanza_error e);
/* Answer a stanza that came as bytes: from `from` (who refuses) to its sender. */
void router_bounce(struct router *r, const struct stanza *stanza, enum stanza_error e, const struct jid *from,
                   const struct jid *to);

#endif
