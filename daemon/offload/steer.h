/* SPDX-License-Identifier: Apache-2.0 */
/* New connections steered to the workers by load (bpf/steer.bpf.c): the program, its sockets and its slots. The workers write what
 * they have to do; nothing here decides. One thread calls these functions, but for the slots, which are their workers'. */
#ifndef MUSTER_OFFLOAD_STEER_H
#define MUSTER_OFFLOAD_STEER_H

#include <stddef.h>
#include <stdint.h>

#include "muster/steer.h"

struct steer;

/* Make the slots for 2 to STEER_WORKERS_MAX workers. 0, or negative errno with one line of what to do: the daemon goes on without. */
int steer_new(uint32_t workers, struct steer **ret_steer, char *ret_line, size_t line_bytes);
struct steer *steer_free(struct steer *s); /* detaches; takes NULL, returns NULL */

/* Load the program for one listening address. fds[i] is the listening socket of worker i; they stay the caller's, who closes
 * them after steer_free; one that listens no longer is taken off by the kernel. Not attached yet. Errors as above. */
int steer_place_add(struct steer *s, const int *fds, char *ret_line, size_t line_bytes);

/* All places, or none. What is under way when it is called goes where it was going. Errors as above. */
int steer_attach(struct steer *s, char *ret_line, size_t line_bytes);
void steer_detach(struct steer *s);

/* For the worker itself to write to, until steer_free. */
struct steer_slot *steer_slot(struct steer *s, uint32_t worker);
/* What it has to do: at the end of each turn. */
static inline void steer_slot_write(struct steer_slot *slot, uint32_t load)
{
    if (__atomic_load_n(&slot->load, __ATOMIC_RELAXED) != load)
        __atomic_store_n(&slot->load, load, __ATOMIC_RELAXED);
    /* Who was on the way is in the load by now, or is forgotten: otherwise connections that never come to be (a flood of SYN)
     * would weigh for ever. */
    if (__atomic_load_n(&slot->coming, __ATOMIC_RELAXED))
        __atomic_store_n(&slot->coming, 0, __ATOMIC_RELAXED);
}
/* Nobody new comes, as long as there is another. */
static inline void steer_slot_drain(struct steer_slot *slot)
{
    __atomic_store_n(&slot->is_drained, 1, __ATOMIC_RELAXED);
}

/* Summed over the processors and places. 0 or negative errno. */
int steer_counters_read(const struct steer *s, struct steer_counters *ret);

#endif
