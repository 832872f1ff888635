/* SPDX-License-Identifier: Apache-2.0 */
/* What comes without TLS, sifted by a program in the kernel (offload/verdict.h), wired: whether it is. Called at the start and the end,
 * and in between with the broker's `commands` held. */
#ifndef MUSTER_SIFTING_H
#define MUSTER_SIFTING_H

#include <stdbool.h>

#include "base/buffer.h"

struct broker;
struct verdict;

struct sifting {
    struct verdict *verdict; /* NULL: not loaded */
    char why[256];           /* not */
};

/* Before the workers start, which take over the program. As the configuration says and the machine can; one line in the log says what came
 * of it, where there is a listener without TLS. 0; or negative errno with a line in ret_message, where it must be and cannot. */
int sifting_open(struct broker *b, struct buffer *ret_message);
/* The workers have ended. */
void sifting_close(struct broker *b);

/* Turn it on or off under traffic. False with the reason in `reply`. */
bool sifting_turn(struct broker *b, bool is_on, struct buffer *reply);
/* State and counters, a line each. */
void sifting_write(struct broker *b, struct buffer *out);

#endif
