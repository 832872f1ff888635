/* SPDX-License-Identifier: Apache-2.0 */
/* edge/ without certificates: an object says in words what is found out of it, "REASON [FORM] [NUMBER]", and NUMBER stands for its
 * time and its digest. */
#ifndef MUSTER_TESTS_FLOW_FAKE_EDGE_H
#define MUSTER_TESTS_FLOW_FAKE_EDGE_H

#include <stdbool.h>

/* What is verified waits. */
extern bool fake_edge_is_held;
/* Whatever comes is too much. */
extern bool fake_edge_is_full;

bool fake_edge_has_work(void);
/* The oldest is told its verdict. */
void fake_edge_run_one(void);
/* For the next case: nothing is remembered, held or full. */
void fake_edge_reset(void);

#endif
