/* SPDX-License-Identifier: Apache-2.0 */
/* The program bpf/loop.bpf.c, which runs io_uring's loop in the kernel (Linux 7.3): one program, and for each ring that may have it a
 * place to attach it by. What program and daemon say to each other is in memory that the ring's owner shares with it
 * (include/muster/loop.h). */
#ifndef MUSTER_OFFLOAD_LOOP_H
#define MUSTER_OFFLOAD_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "muster/loop.h"

struct loop_program;

/* This kernel does not run io_uring's loop as a program, whatever is allowed. */
enum { LOOP_PROGRAM_UNKNOWN = 1 };

/* Load it, with places for so many rings: all that needs a capability. 0, LOOP_PROGRAM_UNKNOWN, or negative errno; but for 0 with one line of
 * what to do: the daemon goes on without. */
int loop_program_new(uint32_t rings, struct loop_program **ret_program, char *ret_line, size_t line_bytes);
/* When it is attached nowhere any more, or the rings are gone. Takes NULL, returns NULL. */
struct loop_program *loop_program_free(struct loop_program *p);

/* Attach it to `ring`, whose fd stays the same for all of this place's life; off and on again as often as one likes. On the thread that enters
 * the ring, for one that waits there would not notice. 0 or negative errno. */
int loop_program_attach(struct loop_program *p, uint32_t place, int ring_fd);
void loop_program_detach(struct loop_program *p, uint32_t place);

#endif
