/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration read again while the daemon runs: all of it is checked and made first, then every worker takes it over between two
 * events. What is wrong with it changes nothing. Which options take effect so, their rows say (config/schema.c). */
#ifndef MUSTER_RELOAD_H
#define MUSTER_RELOAD_H

#include <stdbool.h>

#include "base/buffer.h"

struct broker;
struct config;

struct reload {
    const char *path;      /* of the file, as it was given */
    struct config *config; /* the last that was read again, whose names the rules borrow; NULL: none was */
    struct config *
        verified; /* the one that switched verifying on, and that the edge borrows from; NULL: that of the start, or none */
};

/* With `commands` held, on any thread but a worker's. What is to be told, in `reply`; false: nothing was changed, and why. `by`: who
 * asked, for the log. */
bool reload_run(struct broker *b, const char *by, struct buffer *reply);
/* The same, asked for by a signal, in whose name the log alone hears. */
void reload_on_signal(struct broker *b);
/* With everything that borrows from what was read gone. */
void reload_close(struct broker *b);

#endif
