/* SPDX-License-Identifier: Apache-2.0 */
/* What all BPF programs of this room have in common. None of them is needed: without, the daemon does the same by itself. */
#ifndef MUSTER_OFFLOAD_PROGRAMS_H
#define MUSTER_OFFLOAD_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

/* Was the daemon built with them? */
bool offload_is_built(void);

/* MUSTER_BPF_FAIL names programs, separated by commas, that are to fail as if the kernel refused them: for tests of
 * what is done without. */
bool offload_is_forced_to_fail(const char *program);

/* Why the kernel did not take a program, and what changes it: one line. `error` is a negative errno. */
void offload_explain(int error, char *ret_line, size_t line_bytes);

#endif
