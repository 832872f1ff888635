/* SPDX-License-Identifier: Apache-2.0 */
/* New connections steered by load, wired: whether they are, the sockets of every listening address, a slot for each worker. Called at
 * the start and the end, and in between with the broker's `commands` held. */
#ifndef MUSTER_STEERING_H
#define MUSTER_STEERING_H

#include <stdbool.h>

#include "base/buffer.h"

struct broker;
struct steer;

struct steering {
    struct steer *steer; /* NULL: not loaded */
    bool is_on;
    char why[256]; /* not */
};

/* The workers run and do not listen yet. As the configuration says and the machine can; one line in the log says what came of it.
 * 0; or negative errno with a line in ret_message, where it must be and cannot. */
int steering_open(struct broker *b, struct buffer *ret_message);
/* The workers have ended; their sockets are closed after this. */
void steering_close(struct broker *b);

/* Turn it on or off while connections come. False with the reason in `reply`. */
bool steering_turn(struct broker *b, bool is_on, struct buffer *reply);
/* State and counters, a line each. */
void steering_write(struct broker *b, struct buffer *out);

#endif
