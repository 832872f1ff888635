/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a dialogue that begin with a command (script.h lists them). */
#ifndef MUSTER_TESTS_FLOW_SCRIPT_COMMANDS_H
#define MUSTER_TESTS_FLOW_SCRIPT_COMMANDS_H

#include "world.h"

/* False: it is none, or has too few words. */
bool script_command(struct world *w, const char *line);
/* What a word that begins with $ stands for, and how long it is there; NULL: nothing. */
const char *script_meaning(struct world *w, const char *text, size_t *ret_len);

#endif
