/* SPDX-License-Identifier: Apache-2.0 */
#include "link/internal.h"

uint32_t retry_delay_ms(uint32_t failures, uint32_t first_ms, uint32_t max_ms, uint32_t random)
{
    uint64_t delay_ms = first_ms;
    for (uint32_t i = 1; i < failures && delay_ms < max_ms; i++)
        delay_ms *= 2;
    if (delay_ms > max_ms)
        delay_ms = max_ms;
    uint64_t half_ms = delay_ms / 2;
    return (uint32_t)(half_ms + random % (delay_ms - half_ms + 1));
}
