/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of signed and encrypted stanzas (RFC 3923) on their way in: by the operator's rules, and by what edge/ finds out of
 * them. Two doors, of our clients' streams and of other servers'; what has passed one is as any stanza, but for the mark that goes along
 * with it. docs/smime.md has the rules. Within route/. */
#ifndef MUSTER_ROUTE_E2E_H
#define MUSTER_ROUTE_E2E_H

#include "edge/edge.h"
#include "route/internal.h"
#include "stanza/e2e.h"

/* ---- rules (e2e.c) ---- */

/* By whom is it said, and to whom? */
enum e2e_mode router_e2e_mode(const struct router *r, const struct jid *from, const struct jid *to);

/* One stanza at a door. */
struct e2e_arrival {
    struct router *router;
    const struct stanza *stanza;
    const struct jid *from, *to; /* full; to as addressed, or the sender's own account */
    bool is_client;              /* of ours */
    struct arena *arena;
    enum e2e_mode mode;
    struct e2e_found found;
    bool is_emptied; /* it goes on without its content, which should have been signed */
};

enum e2e_course {
    E2E_PASSES,
    E2E_CHECKED, /* a verdict is due */
    E2E_REFUSED,
};
/* Before any verdict. *ret_refusal: of E2E_REFUSED. 0 or -ENOMEM. */
int router_e2e_look(struct e2e_arrival *a, enum e2e_course *ret_course, enum stanza_error *ret_refusal);

/* What follows from a verdict. */
struct e2e_judgement {
    bool is_refused;
    const char *condition; /* of RFC 3923 s. 7, to say with not-acceptable */
    enum smime_reason reason;
    struct buffer mark; /* for who is told; the caller's to give back */
};
void router_e2e_judge(const struct e2e_arrival *a, const struct smime_verdict *verdict,
                      struct e2e_judgement *ret_judgement);

/* Begin to verify; NULL: too much is under way. */
struct edge_check *router_e2e_verify(const struct e2e_arrival *a, void (*done)(void *context), void *context);

/* The stanza as it is routed: without marks, with `mark` aside. `copy` gets what must be changed; its JIDs borrow from `s`. NULL without memory. */
const struct stanza *router_e2e_clean(const struct e2e_arrival *a, struct span mark, struct stanza *copy);

/* Of what is refused, what goes on all the same: somebody who goes must not stay online for a signature, and that somebody is gone needs none (an
 * end of a session says it unsigned). So of presence that is unavailable the content only is refused. NULL: nothing goes on. `copy` as above. */
const struct stanza *router_e2e_end(const struct stanza *stanza, struct stanza *copy);

/* The error that says why. NULL: it may not be answered. `from`: who refuses. */
struct frame *router_e2e_error(const struct stanza *stanza, const struct e2e_judgement *j, struct span from,
                               struct span to);

/* ---- doors ---- */

/* A session's (e2e_client.c). False: the stream must wait. *stanza: what to go on with, perhaps in `clean`; NULL: it was refused. */
bool router_e2e_client(struct router *r, struct session *s, const struct stanza **stanza,
                       struct stanza *clean);
void router_e2e_session_ends(struct session *s);

/* Another server's (e2e_remote.c): what may go on does so by router_remote_pass, now or later. */
void router_e2e_remote(struct router *r, const struct stanza *stanza, const struct jid *from,
                       struct span lang);
/* remote.c: no door is left before it. */
void router_remote_pass(struct router *r, const struct stanza *stanza, const struct jid *from,
                        struct span lang);

#endif
