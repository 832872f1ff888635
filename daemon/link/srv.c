/* SPDX-License-Identifier: Apache-2.0 */
/* The order of SRV records (RFC 2782, "Usage rules"). */
#include "link/resolve.h"

static void swap(struct service_record *a, struct service_record *b)
{
    struct service_record kept = *a;
    *a = *b;
    *b = kept;
}

/* Which of `count` records of one priority comes first: each by its share of the weights, those without
 * weight by chance only when nobody else has any. */
static uint32_t choose(const struct service_record *records, uint32_t count, uint32_t random)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += records[i].weight;
    if (sum == 0)
        return random % count;
    uint32_t at = random % sum, chosen = 0;
    for (uint32_t passed = 0; chosen < count; chosen++) {
        passed += records[chosen].weight;
        if (at < passed)
            break;
    }
    return chosen;
}

void service_records_order(struct service_record *records, uint32_t count, uint32_t (*draw)(void *context),
                           void *context)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = i + 1; j < count; j++)
            if (records[j].priority < records[i].priority)
                swap(&records[i], &records[j]);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t equal = 1;
        while (i + equal < count && records[i + equal].priority == records[i].priority)
            equal++;
        swap(&records[i], &records[i + choose(&records[i], equal, draw(context))]);
    }
}
