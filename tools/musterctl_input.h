/* SPDX-License-Identifier: Apache-2.0 */
/* What the user gives musterctl to read: files, standard input, passwords. */
#ifndef MUSTER_TOOLS_MUSTERCTL_INPUT_H
#define MUSTER_TOOLS_MUSTERCTL_INPUT_H

#include <stdbool.h>

#include "base/buffer.h"

/* The FILE argument; "-" is standard input. 0, -EFBIG (more than the daemon takes) or another negative errno. */
int file_read(const char *path, struct buffer *in);
/* One line without its end; the terminal does not show it. False: nothing to read. */
bool password_line(const char *prompt, struct buffer *line);

#endif
