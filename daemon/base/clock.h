/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MUSTER_BASE_CLOCK_H
#define MUSTER_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic time. */
uint64_t clock_now_ms(void);
uint64_t clock_now_ns(void);

#endif
