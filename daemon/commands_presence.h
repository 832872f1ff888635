/* SPDX-License-Identifier: Apache-2.0 */
/* What musterctl asks about presence: what it costs, and why somebody sees or does not see somebody. Runs on
 * the control thread. */
#ifndef MUSTER_COMMANDS_PRESENCE_H
#define MUSTER_COMMANDS_PRESENCE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/span.h"

struct broker;

/* The histograms' lines of `stats`. */
void stats_cost_write(struct broker *b, struct buffer *out);

/*   explain TAB JID TAB JID [TAB json]: the publisher, the watcher. The first line of the answer is "sees" or
 * "unseen". top TAB deliveries|changes|bytes|queued TAB count TAB seconds */
bool command_presence_known(struct span command);
/* False: refused, and `reply` says why. */
bool command_presence_run(struct broker *b, struct span command, struct buffer *reply);

#endif
