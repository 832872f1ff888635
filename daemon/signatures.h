/* SPDX-License-Identifier: Apache-2.0 */
/* Signed stanzas (RFC 3923), wired: the operator's rules and files become edge/'s and route/'s settings. What the configuration leaves off
 * has no object. */
#ifndef MUSTER_SIGNATURES_H
#define MUSTER_SIGNATURES_H

#include "base/buffer.h"
#include "edge/edge.h"
#include "route/router.h"

struct broker;
struct config;

struct signatures {
    struct edge *edge;   /* NULL: all has been off since the start */
    struct jobs *asking; /* threads that wait for responders; NULL: none is asked */
    const struct config
        *config; /* whose files and limits the edge has: it must live as long; NULL: no edge */
    struct e2e_rule *domains, *peers;
    struct e2e_settings rules; /* of these and the edge, for the routers */
};

/* Files and rules as the configuration says. */
struct edge_settings signatures_settings(const struct config *c);
/* With the job threads there, before the workers start; into the routers' settings. 0, or negative errno with a line in ret_message. */
int signatures_open(struct broker *b, struct buffer *ret_message);
/* By a configuration that was read again: other rules with the edge there is, or with the first one, if there is something to verify now.
 * 0, or negative errno with a line in ret_message. */
int signatures_renew(struct broker *b, const struct config *c, struct signatures *ret_next,
                     struct buffer *ret_message);
/* They are those there are, and *next those that were: when all routers go by them. */
void signatures_swap(struct broker *b, struct signatures *next);
/* What of these is not that of those there are: before a swap the new, behind it the old. */
void signatures_drop(struct broker *b, struct signatures *next);
/* No responder is asked any more. */
void signatures_stop(struct broker *b);
/* The workers have ended: what waits for responders ends. */
void signatures_end(struct broker *b);
void signatures_close(struct broker *b);
/* A line each, when there is any rule. */
void signatures_stats_write(struct broker *b, const struct router_counters *routers, struct buffer *out);

#endif
