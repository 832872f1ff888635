/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MUSTER_BASE_CLOCK_H
#define MUSTER_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic time. */
uint64_t clock_now_ms(void);
uint64_t clock_now_ns(void);
/* Microseconds since 1970, by the system's clock: it may be set back. */
uint64_t clock_wall_us(void);

#endif
