/* SPDX-License-Identifier: Apache-2.0 */
/* Signed stanzas (RFC 3923), wired: the operator's rules and files become edge/'s and route/'s settings. What the configuration leaves off
 * has no object. */
#ifndef MUSTER_SIGNATURES_H
#define MUSTER_SIGNATURES_H

#include "base/buffer.h"
#include "edge/edge.h"

struct broker;
struct config;
struct e2e_rule;
struct router_counters;

struct signatures {
    struct edge *edge;   /* NULL: all is off */
    struct jobs *asking; /* threads that wait for responders; NULL: none is asked */
    struct e2e_rule *domains, *peers;
};

/* Files and rules as the configuration says. */
struct edge_settings signatures_settings(const struct config *c);
/* With the job threads there, before the workers start; into the routers' settings. 0, or negative errno with a line in ret_message. */
int signatures_open(struct broker *b, struct buffer *ret_message);
/* No responder is asked any more. */
void signatures_stop(struct broker *b);
/* The workers have ended: what waits for responders ends. */
void signatures_end(struct broker *b);
void signatures_close(struct broker *b);
/* A line each, when there is any rule. */
void signatures_stats_write(struct broker *b, const struct router_counters *routers, struct buffer *out);

#endif
