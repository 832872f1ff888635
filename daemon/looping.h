/* SPDX-License-Identifier: Apache-2.0 */
/* The workers' loops, run by a program in the kernel (offload/loop.h), wired: whether they are. Called at the start and the end, and in between
 * with the broker's `commands` held. */
#ifndef MUSTER_LOOPING_H
#define MUSTER_LOOPING_H

#include <stdbool.h>

#include "base/buffer.h"
#include "muster/loop.h"

struct broker;
struct loop_program;

struct looping {
    struct loop_program *program; /* NULL: not loaded */
    bool is_on;
    char why[256]; /* not */
};

/* Before the workers start, whose rings are made for it. As the configuration says and the machine can; a kernel that knows nothing of such
 * programs is never asked for one. 0; or negative errno with a line in ret_message, where it must be and cannot. */
int looping_open(struct broker *b, struct buffer *ret_message);
/* The workers run: attach it. One line in the log says what came of it. Errors as above. */
int looping_start(struct broker *b, struct buffer *ret_message);
/* The workers have ended, and their rings are gone. */
void looping_close(struct broker *b);

/* Turn it on or off under traffic. False with the reason in `reply`. */
bool looping_turn(struct broker *b, bool is_on, struct buffer *reply);
/* State and counters, a line each. */
void looping_write(struct broker *b, struct buffer *out);
#endif
