/* SPDX-License-Identifier: Apache-2.0 */
/* The program bpf/verdict.bpf.c: white space that keeps connections without TLS alive wakes nobody. Never together with TLS:
 * the kernel refuses a socket that has both (and has had reason to).
 *
 * A connection is watched from a moment at which everything that came was read, and says when it stands between two stanzas. */
#ifndef MUSTER_OFFLOAD_VERDICT_H
#define MUSTER_OFFLOAD_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "muster/classify.h"
#include "muster/verdict.h"

struct verdict;

#define VERDICT_NO_FLOW UINT32_MAX

/* Load the program. 0, or negative errno with one line of what to do: the daemon goes on without. */
int verdict_new(const struct muster_verdict_limits *limits, struct verdict **ret_verdict, char *ret_line,
                size_t line_bytes);
/* When no connection is watched any more. Takes NULL, returns NULL. */
struct verdict *verdict_free(struct verdict *v);

/* Below: any thread, but only one for a connection. */

/* Watch `fd`, whose bytes so far are read: its place, or VERDICT_NO_FLOW: there is none left, or some bytes came just now (try
 * again at the next boundary). */
uint32_t verdict_watch(struct verdict *v, int fd);
/* Before the fd is closed. */
void verdict_unwatch(struct verdict *v, uint32_t flow);
/* The connection stands between two stanzas, after `octets` since it is watched. VERDICT_NO_BOUNDARY: nothing is to be kept back
 * until this is called again. */
#define VERDICT_NO_BOUNDARY UINT64_MAX
void verdict_boundary(struct verdict *v, uint32_t flow, uint64_t octets);

/* Off: the program lets everything pass. It cannot leave the sockets that it has seen: the kernel would drop what they have not
 * read yet. Under traffic, with nothing lost either way. */
void verdict_switch(struct verdict *v, bool is_on);
bool verdict_is_on(const struct verdict *v);

struct verdict_counters {
    uint64_t watched; /* now */
    uint64_t keepalives, floods;
    uint64_t classes[MUSTER_CLASS_COUNT]; /* pieces that came, by what they began with */
};
struct verdict_counters verdict_counters_read(struct verdict *v);

#endif
