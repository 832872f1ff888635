/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators do to sessions, by musterctl or by ad-hoc commands. */
#ifndef MUSTER_COMMANDS_SESSION_H
#define MUSTER_COMMANDS_SESSION_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/span.h"

struct broker;

/*   session list, session end TAB JID, announce (the body is what is said) */
bool command_session_known(struct span command);
/* False: refused, and `reply` says why. */
bool command_session_run(struct broker *b, struct span command, struct span body, struct buffer *reply);

/* The same list in the same order whatever the number of workers: the lines of `text`. */
void command_lines_sort(struct buffer *text);

#endif
