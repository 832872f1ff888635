/* SPDX-License-Identifier: Apache-2.0 */
/* End-to-end objects (RFC 3923) verified on their way in, on job threads, for whoever has a loop to go on with meanwhile. What becomes
 * of a stanza by its verdict is not decided here. */
#ifndef MUSTER_EDGE_EDGE_H
#define MUSTER_EDGE_EDGE_H

#include "base/buffer.h"
#include "ring/jobs.h"
#include "smime/freshness.h"
#include "smime/trust.h"
#include "smime/verify.h"

struct edge;
struct edge_check;

enum edge_ocsp { EDGE_OCSP_OFF, EDGE_OCSP_SOFT, EDGE_OCSP_HARD };

/* Objects whose signers' authorities are being asked at a time: each holds a thread, which does nothing but wait. */
#define EDGE_ASKING_THREADS 8

struct edge_settings {
    struct smime_trust_settings trust;
    const char *anchors, *intermediates, *lists; /* paths; the last two may be NULL */
    enum edge_ocsp ocsp;
    const char *responder; /* http://...; NULL: the one that a certificate names */
    uint32_t queue_max;    /* objects being verified, and waiting for it, at a time */
    uint32_t timeout_ms;   /* after which one counts as busy */
    uint32_t cache_max, replay_max;
};

/* `jobs`: where objects are verified; never held up. `asking`: EDGE_ASKING_THREADS that may wait for responders, where those go on that must ask one;
 * not used where settings->ocsp is off. The settings' texts must live as long. 0, or negative errno with a line in `ret_message`. */
int edge_new(const struct edge_settings *settings, struct jobs *jobs, struct jobs *asking,
             struct edge **ret_edge, struct buffer *ret_message);
struct edge *edge_free(struct edge *e); /* takes NULL, returns NULL; nothing is under way */
/* The daemon stops: no responder is asked any more. */
void edge_stop(struct edge *e);
/* Is nothing of this loop's under way, or of any other? */
bool edge_is_idle(const struct edge *e);

/* Begin to verify the object in an <e2e/>, its content as written. Everything is copied. `is_client`: ours, for
 * whom some places are kept. `done` is called once on `home`, not before this
 * returns, unless the check is freed before that. NULL: too much is under way, or no memory; it counts as busy. */
struct edge_check *edge_verify(struct edge *e, struct loop *home, const struct smime_claim *claim,
                               bool is_client, struct span object, void (*done)(void *context),
                               void *context);
/* NULL: it is under way. Borrowed from the check. */
const struct smime_verdict *edge_check_verdict(const struct edge_check *c);
/* On its home loop. Takes NULL, returns NULL. */
struct edge_check *edge_check_free(struct edge_check *c);

/* Of a verdict that is SMIME_OK: is it new, and in its order? On the thread of the sender's stream, in order of the stream; the state is
 * one for all of them, or an object could come again by another stream. */
enum smime_reason edge_freshness(struct edge *e, const struct freshness_item *item, struct moment now,
                                 bool is_strict);

struct edge_counters {
    uint64_t under_way, refused, late; /* now; too much was under way; not done in time */
    uint64_t trust_read, trust_failed; /* files that had changed: read, or not and the old ones hold */
    uint64_t anchors_expire_s, between_expire_s,
        lists_stale_s; /* since 1970: the first to be out of date; UINT64_MAX: none */
    uint64_t ocsp_asked, ocsp_failed;
    struct smime_cache_counters cache;
    struct freshness_counters freshness;
};
struct edge_counters edge_counters_read(struct edge *e);

#endif
