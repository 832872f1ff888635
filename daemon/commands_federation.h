/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator asks of the streams with other servers (commands.c). */
#ifndef MUSTER_COMMANDS_FEDERATION_H
#define MUSTER_COMMANDS_FEDERATION_H

#include <stdbool.h>

#include "base/buffer.h"

struct broker;

/* `musterctl server list`. */
bool federation_command_known(struct span command);
bool federation_command_run(struct broker *b, struct span command, struct buffer *reply);
/* Rows of `musterctl stats`. */
void federation_stats_write(struct broker *b, struct buffer *out);

#endif
