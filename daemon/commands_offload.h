/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's questions about what the kernel does for the daemon: a table, a row for each program. */
#ifndef MUSTER_COMMANDS_OFFLOAD_H
#define MUSTER_COMMANDS_OFFLOAD_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/span.h"

struct broker;

/* "offload"; "offload", a name, "on" or "off". */
bool command_offload_known(struct span command);
bool command_offload_run(struct broker *b, struct span command, struct buffer *reply);

#endif
