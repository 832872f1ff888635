/* SPDX-License-Identifier: Apache-2.0 */
/* Queries (iq get and set) that are answered here, in the server's name or an account's (RFC 6121
 * s. 8.5.1, 8.5.2.1.3). What answers them lies above this room and is given to it as a table; this is all
 * that it may ask of the router. */
#ifndef MUSTER_ROUTE_SERVICE_H
#define MUSTER_ROUTE_SERVICE_H

#include "base/message.h"
#include "presence/account.h"
#include "ring/jobs.h"
#include "stanza/error.h"
#include "stanza/stanza.h"
#include "store/store.h"

struct pep_limits;
struct router;
struct service_settings; /* of the room above */

enum service_types { SERVICE_GET = 1, SERVICE_SET = 2 };
/* Who is asked. */
enum service_address {
    SERVICE_SERVER = 1,  /* a domain of ours */
    SERVICE_OWN = 2,     /* the asker's account: its bare JID, or no `to` */
    SERVICE_ACCOUNT = 4, /* another account */
    SERVICE_SERVER_REMOTE =
        8, /* a domain of ours, by somebody of another server: `account` and `session` are NULL */
};

/* Everything in it is borrowed for the time of answer(). */
struct service_query {
    struct router *router;
    const struct service_settings *settings;
    const struct stanza *stanza;
    enum service_address address;
    /* The account asked, or for SERVICE_SERVER the asker's. With SERVICE_ACCOUNT it may be MISSING: what it
     * is asked must be answered as if there were an account that has nothing and shows nothing to this asker,
     * and as fast (RFC 6120 s. 13.11). */
    struct account *account;
    struct session *session; /* the asking one, which is here; NULL with SERVICE_ACCOUNT */
    struct span from;        /* the asker's full JID */
};

/* The payload (the query's only child) decides by name and namespace. answer() answers, now or with a
 * service_work, exactly once. */
struct service {
    const char *name, *xmlns;
    uint8_t types, addresses;
    void (*answer)(const struct service_query *q);
};

/* `payload` is complete XML and may be empty. */
void service_result(const struct service_query *q, struct span payload);
void service_refuse(const struct service_query *q, enum stanza_error e);
/* With an element that says more, as XML. */
void service_refuse_more(const struct service_query *q, enum stanza_error e, struct span more);
/* The payload as a tree on the router's arena, which lives until answer() returns. NULL without memory:
 * refused already. */
struct xml_node *service_payload(const struct service_query *q);

/* A query whose answer waits for the store. Embed it first in what the operation needs. */
struct service_work {
    struct message message;
    struct store_request request; /* what it points to is on request.arena */
    struct router *router;
    const struct service_settings *settings;
    /* Back on the worker: answers with service_work_result or _refuse, as request.result says. Accounts and
     * sessions are to be looked up again. A failing store (result < 0) is answered without it unless
     * handles_failure is set. Frees nothing. */
    void (*finish)(struct service_work *w);
    bool handles_failure;
    struct job job;                         /* on a job thread: */
    int (*prepare)(struct service_work *w); /* of service_work_submit_prepared */
    void (*run)(struct service_work *w);    /* of service_work_run */
    struct span id, from, to;               /* of the query, on request.arena; id as written */
};
/* Zeroed beyond the base, `bytes` in all. NULL without memory: refused already. */
void *service_work_new(const struct service_query *q, size_t bytes, void (*finish)(struct service_work *w));
/* Run `call` on the store thread, then finish. Takes over. */
void service_work_submit(struct service_work *w, int (*call)(struct store_db *db, struct store_request *r));
/* The same, when prepare() has run on a job thread: what would hold up a loop or the store. Negative: it failed, and
 * `call` is not run. */
void service_work_submit_prepared(struct service_work *w, struct jobs *jobs,
                                  int (*prepare)(struct service_work *w),
                                  int (*call)(struct store_db *db, struct store_request *r));
/* Call run on a job thread, where it may block, then finish here. Takes over. */
void service_work_run(struct service_work *w, struct jobs *jobs, void (*run)(struct service_work *w));
/* Have a command run on the database, as the administrator's are (store/command.h), then finish: of a removal before
 * its sessions hear of it. */
void service_work_submit_command(struct service_work *w, struct span command);
/* Give up one that was not submitted. */
void service_work_free(struct service_work *w);
void service_work_result(const struct service_work *w, struct span payload);
void service_work_refuse(const struct service_work *w, enum stanza_error e);
void service_work_refuse_more(const struct service_work *w, enum stanza_error e, struct span more);

/* ---- what a service may ask of the router ---- */

/* May who asks see the presence of the account asked? */
bool service_may_see(const struct service_query *q);

/* The account in memory here, by its bare JID; NULL: it is not. */
struct account *router_account_find(struct router *r, struct span bare);
/* Messages that are on their way to the store go there before what is asked of it next. */
void router_mailbox_flush(struct router *r);
/* The account's preferences for its archive are now these (archiving.c); empty: none. */
void router_archive_prefer(struct account *a, struct span text);
/* May this bare JID see the account's presence, by its roster or by a group? */
bool router_may_see(const struct router *r, const struct account *publisher, struct span watcher);
/* Change the account's block list and answer (XEP-0191): block the JIDs (prepared), or unblock them; unblocking none is
 * unblocking all. SERVICE_OWN only. */
void router_block(const struct service_query *q, bool is_block, const struct span *jids, uint32_t count);
/* The asking session becomes invisible, or visible again, and is answered (XEP-0186). SERVICE_OWN only. */
void router_go_invisible(const struct service_query *q,
                         bool is_probing /* it wants to be told what its contacts show */);
void router_go_visible(const struct service_query *q);
/* The account's avatar is now this (SHA-1 in hexadecimal; empty: it has none any more): its presence says so. */
void router_avatar_changed(struct router *r, struct span bare, struct span hash);
bool router_is_local(const struct router *r, struct span domain);
/* Are clients of the domain told what is found out of signed stanzas, if they ask (docs/smime.md)? */
bool router_e2e_marks(const struct router *r, struct span domain);
const struct pep_limits *router_pep_limits(const struct router *r);
/* Is it one element that declares every prefix that it uses? The arena is the caller's still. */
bool router_stands_alone(struct router *r, struct span xml);
/* The account has published something: to those of its available resources that want to hear of the node, and, if `is_for_contacts`, to
 * those of everybody who sees its presence. `frame` has a gap for the recipient's head and is borrowed. */
void router_event(struct router *r, struct span publisher, struct span node, struct frame *frame,
                  bool is_for_contacts);
/* A stanza to an account at home here or elsewhere. `frame`: complete bytes, `from` and `to` stamped; takes
 * over the reference; NULL: nothing is sent. */
void router_send_stanza(struct router *r, struct frame *frame, struct span from, const struct jid *to);

#endif
