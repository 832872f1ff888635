/* SPDX-License-Identifier: Apache-2.0 */
/* What all BPF programs of this room have in common. None of them is needed: without, the daemon does the same by itself. */
#ifndef MUSTER_OFFLOAD_PROGRAMS_H
#define MUSTER_OFFLOAD_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Was the daemon built with them? */
bool offload_is_built(void);

/* MUSTER_BPF_FAIL names programs, separated by commas, that are to fail as if the kernel refused them: for tests of
 * what is done without. */
bool offload_is_forced_to_fail(const char *program);

/* An enum muster_class, for the administrator. */
const char *offload_class_name(unsigned class);

/* Why the kernel did not take a program, and what changes it: one line. `error` is a negative errno. */
void offload_explain(int error, char *ret_line, size_t line_bytes);

/* A program was tried at the start. */
struct offload_outcome {
    const char *name;    /* as musterctl has it */
    const char *program; /* "the program that ..." */
    const char *instead; /* what there is without; a word for the log */
    int error;           /* 0 or negative errno, */
    const char *why;     /* with its line */
    bool is_forced;      /* the configuration insists on it */
};
/* Where it was not loaded, say so in the log and go on (0), or, where it must be, return the error with a line in ret_message. */
int offload_settle(const struct offload_outcome *o, struct buffer *ret_message);

#endif
