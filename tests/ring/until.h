/* SPDX-License-Identifier: Apache-2.0 */
/* A loop that runs until something has come. */
#ifndef TESTS_RING_UNTIL_H
#define TESTS_RING_UNTIL_H

#include "ring/loop.h"

#define TIMEOUT_MS 10000

/* Ends each turn of such a loop: has come what loop_until waits for? */
void until_turn_ends(void *context);
/* An owner that does no more than that. */
extern const struct loop_owner nobody;

/* Skips the test, with the reason, where there can be none. */
struct loop *loop_made(const struct loop_owner *owner);
/* Turns until `is_done`; whether that came within timeout_ms. */
bool loop_until(struct loop *l, bool (*is_done)(void *context), void *context, uint64_t timeout_ms);

#endif
