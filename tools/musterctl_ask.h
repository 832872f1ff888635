/* SPDX-License-Identifier: Apache-2.0 */
/* A command on its way: through the daemon's admin socket while it runs, and, for what concerns only the database, on
 * the database itself while it does not. */
#ifndef MUSTER_TOOLS_MUSTERCTL_ASK_H
#define MUSTER_TOOLS_MUSTERCTL_ASK_H

#include "base/buffer.h"
#include "base/span.h"
#include "config/config.h"

/* 0, 1 (refused) or negative errno; `reply` has the text, if there is any. */
int command_ask(const struct config *c, struct span command, struct span body, struct buffer *reply);

#endif
