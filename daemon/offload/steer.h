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
/* At the end of each turn: what it has to do, and how many it has accepted since the last. Who has been sent here and still waits to be accepted
 * counts for one look more, and is forgotten then: otherwise connections that never come to be (a flood of SYN) would weigh for ever. */
static inline void steer_slot_write(struct steer_slot *slot, uint32_t load, uint32_t accepted)
{
    if (__atomic_load_n(&slot->load, __ATOMIC_RELAXED) != load)
        __atomic_store_n(&slot->load, load, __ATOMIC_RELAXED);
    uint32_t coming = __atomic_load_n(&slot->coming, __ATOMIC_RELAXED);
    if (!coming)
        return; /* nor is anybody late */
    /* The program adds meanwhile, so it is taken off, never set. Who came first is accepted first. */
    uint32_t gone = accepted > slot->late ? accepted : slot->late;
    gone = gone < coming ? gone : coming;
    if (gone)
        __atomic_fetch_sub(&slot->coming, gone, __ATOMIC_RELAXED);
    slot->late = coming - gone;
}
/* Nobody new comes, as long as there is another. */
static inline void steer_slot_drain(struct steer_slot *slot)
{
    __atomic_store_n(&slot->is_drained, 1, __ATOMIC_RELAXED);
}

/* Summed over the processors and places. 0 or negative errno. */
int steer_counters_read(const struct steer *s, struct steer_counters *ret);

#endif
