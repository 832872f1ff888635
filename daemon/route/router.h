/* SPDX-License-Identifier: Apache-2.0 */
/* One worker's routing: the accounts at home here, who must get what they say, and what the other workers' accounts say to
 * them. Routers of different workers share nothing and talk by messages. */
#ifndef MUSTER_ROUTE_ROUTER_H
#define MUSTER_ROUTE_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slab.h"
#include "presence/account.h"
#include "presence/group.h"
#include "ring/loop.h"
#include "session/caps.h"
#include "smime/reason.h"
#include "stanza/stanza.h"
#include "store/pep.h"
#include "store/store.h"
#include "stream/stream.h"

/* About a tenth of a millisecond, more than most rosters, and the slice that a fan-out gets a turn: slices cost turns of the loop, and a
 * BUSY account. */
#define ROUTER_AT_ONCE_MAX 256
/* Writing a contact takes 0.2 to 0.4 microseconds, a delivery two with its record and send (tests/bench/bench_rooms). */
#define ROUTER_PACE 8

struct absence_batch;
struct e2e_waiting;
struct edge;
struct cost;
struct remote_link;
struct mailbox_batch;
struct sweep;
struct service;
struct service_settings;

/* Letters, for they are kept so. */
enum archive_default { ARCHIVE_ALWAYS = 'A', ARCHIVE_NEVER = 'N', ARCHIVE_ROSTER = 'R' };

/* What is done about signed and encrypted stanzas (RFC 3923), each more than the one before (docs/smime.md). */
enum e2e_mode { E2E_OFF, E2E_OBSERVE, E2E_ANNOTATE, E2E_ENFORCE, E2E_MUST_SIGN };
struct e2e_rule {
    struct span name; /* a domain, or a bare JID; prepared */
    enum e2e_mode mode;
};
struct e2e_settings {
    struct edge *edge; /* who verifies; NULL: E2E_OFF everywhere */
    enum e2e_mode mode;
    /* For domains of ours, and for who says it, instead; each list sorted by name (e2e_rules_sort). */
    const struct e2e_rule *domains, *peers;
    uint32_t domain_count, peer_count;
    bool has_must_sign; /* among the peers' */
};
/* Sorts; of rules for one name the strictest stays. Returns how many are left. */
uint32_t e2e_rules_sort(struct e2e_rule *rules, uint32_t count);

struct router_settings {
    struct e2e_settings e2e;
    const struct service
        *services; /* what answers queries to the server and to accounts (service.h); ends with no answer() */
    const struct service_settings *service_settings; /* for them alone */
    /* Have r->command run on the database as the administrator's are, and everybody told whom it concerns; then, or
     * before that if it is a removal, r->done(). Any thread. */
    void (*command)(void *context, struct store_request *r);
    void *command_context;
    const struct span *domains; /* prepared */
    uint32_t domain_count;
    uint32_t roster_items_max, resources_max, directed_max, requests_max, blocks_max;
    uint32_t detached_max;                            /* sessions of one account that wait to be resumed */
    uint32_t offline_messages_max, offline_bytes_max; /* kept for one account */
    uint32_t caps_max;                                /* sets of capabilities that are remembered */
    struct pep_limits pep;
    bool has_archive;
    char archive_default;          /* whose messages: ARCHIVE_ALWAYS ... */
    uint32_t archive_messages_max; /* of one account */
    uint32_t archive_days;         /* 0: for good */
    bool keeps_absence;            /* when an account was last available is kept, and what it said then */
    uint32_t flap_grace_ms;        /* until the end of a lost stream is told; 0: at once */
    uint32_t stranger_rate, stranger_burst; /* accounts outside its roster that a session may address: a
                                               minute, and at once; rate 0: no limit */
    uint32_t presence_rate,
        presence_burst; /* changes a second of one session, and at once; rate 0: no limit */
    /* ROUTER_AT_ONCE_MAX and ROUTER_PACE; tests make them small. */
    uint32_t at_once_max; /* walks over more contacts or watchers than this are done in slices */
    uint32_t pace;        /* contacts looked at for the price of one delivery */
    enum { RESOURCE_REPLACE, RESOURCE_REFUSE, RESOURCE_RENAME } resource_conflict;
};

struct router {
    const struct router_settings *settings;
    struct loop *loop;
    struct store *store;
    struct router **peers; /* all routers of the process, this one among them */
    uint32_t index, count;
    uint64_t *sent, *received; /* messages to and from each peer: who has seen what (granting.c) */
    struct entity_table entities;
    struct slab accounts, sessions;
    const struct remote_link *remote; /* to other servers (remote.h); NULL: none is reached */
    void *remote_context;
    struct hash_table told_abroad;     /* what their accounts show: foreign.c */
    struct hash_table strange_domains; /* strangers.c: what they have addressed here */
    struct list strange_order;
    struct hash_table lost; /* resources whose end was not told yet, by their account's hash */
    bool is_stopping;
    struct caps_table caps;
    struct list latest_waiting; /* latest.c */
    uint32_t latest_asking;
    struct groups_here groups;
    uint32_t waves;        /* counts them: grouping_wave.c */
    uint32_t incarnations; /* counts how often any account here came online: never the same number twice */
    uint32_t operations;   /* store requests under way */
    struct look *looks;    /* loading.c */
    uint64_t block_pushes; /* counts them, for their ids */
    uint32_t fanouts;      /* publishers whose changes are on their way to the watchers here */
    struct mailbox_batch
        *mailbox;            /* messages that gather until the store has those before them; NULL: none */
    uint32_t mailbox_writes; /* batches that the store has */
    struct absence_batch *absences; /* log-outs that gather; NULL: none */
    struct sweep *sweep;            /* of old archived messages; the first worker's */
    uint64_t ids[32]; /* random, for archives; a system call for each would cost more than the rest */
    uint32_t ids_left;
    struct cost *cost; /* cost.h */
    struct e2e_waiting
        *e2e;              /* what other servers have said and waits (e2e_remote.c); NULL: nothing has yet */
    uint64_t e2e_logged_s; /* the last second that an invalid object was logged in */
    /* Scratch for stanzas that arrive as bytes. */
    struct xml_scan *scan;
    struct arena arena;
    struct stanza stanza;
    struct router_counters {
        uint64_t stanzas_routed, presence_changes, presence_deliveries, grants, probes, messages_delivered,
            roster_changes, roster_results, subscriptions, errors;
        /* From clients, by class; to them, those that have no counter above. */
        uint64_t presences_received, directed_received, subscriptions_received, probes_received,
            messages_received, queries_received, others_received;
        uint64_t messages_copied, messages_archived;
        uint64_t messages_kept, messages_given; /* for who was offline; when it came */
        uint64_t directed_delivered, subscriptions_delivered, queries_delivered;
        uint64_t events_published, events_delivered, caps_asked, caps_refused;
        uint64_t flaps_held,
            flaps_damped;           /* ends of lost streams not told at once; of these: came back in time */
        uint64_t messages_rerouted; /* not acknowledged by a session that is over */
        uint64_t blocked;           /* stanzas that a block list has kept in or out */
        /* For other domains, and from them; and given back undelivered. */
        uint64_t remote_sent, remote_received, remote_failed;
        uint64_t strangers_refused; /* stanzas to yet another stranger */
        /* Objects by what was found out; only encrypted; stanzas refused for them, or for want of them; marks of others
           taken out. */
        uint64_t e2e_reasons[SMIME_REASON_COUNT], e2e_encrypted, e2e_refused, e2e_marks_removed;
        uint64_t presences_delayed,
            presences_superseded; /* by the sender's rate; replaced by a later one meanwhile */
    } counters;
};

/* 0 or -ENOMEM. The peers' table must be complete before the first event. */
int router_init(struct router *r, const struct router_settings *settings, struct loop *loop,
                struct store *store, struct router **peers, uint32_t index, uint32_t count);
/* Every stream has ended and no operation is under way. */
void router_fini(struct router *r);

/* The daemon stops: what waits to be told is told, and nothing waits any more. */
void router_stop(struct router *r);

/* The worker at which the account `bare` lives. */
uint32_t router_home(const struct router *r, struct span bare);

/* What a stream of an account at home here wants (struct stream_events). */
void router_bind(struct router *r, struct stream *s, struct span bare, const struct stream_bind *request);
bool router_stanza(struct router *r, struct stream *s, const struct stanza *stanza);
void router_stream_ended(struct router *r, struct stream *s);
struct stream *router_resumable(struct router *r, struct stream *s, struct span id);
void router_resumed(struct stream *s, struct stream *old);
void router_stream_parked(struct router *r, struct stream *s);

/* From any thread: the stored data of `bare` was changed behind our back: its streams end with <reset/> (or, the account
 * removed, <not-authorized/>) and its roster is read anew. */
void router_account_changed(struct router **peers, uint32_t count, struct span bare, bool is_removed);

/* From any thread that is no worker: the shared groups have changed. Takes over `change`; `done` is called on a worker when every
 * worker has acted on it, and before that no other change may come. 0 or -ENOMEM (then nothing happens). */
int router_groups_change(struct router **peers, uint32_t count, struct group_change *change,
                         void (*done)(void *context), void *context);

/* For the administrator: one line a session: full JID, presence, priority, and `detached` when it has no connection. */
void router_sessions_write(struct router *r, struct buffer *out);
/* End the session of a full JID, or all of a bare one's. Returns how many. */
uint32_t router_sessions_end(struct router *r, struct span jid);
/* Tell every available session, in slices. Returns how many accounts have one here. */
uint32_t router_announce(struct router *r, struct span text);

#endif
