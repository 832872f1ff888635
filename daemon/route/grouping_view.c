/* SPDX-License-Identifier: Apache-2.0 */
/* A group becomes visible to other groups, or to some no more. Its members say so, each for itself and by its
 * home, for they know who else sees them: they show themselves to those who see them from now on, and hide
 * from those who do not any more. Nobody asks. Members go over one by one, in the order of the list's stamps:
 * who changes its presence meanwhile tells those who see it at that moment. */
#include "route/grouping.h"

#include <stdlib.h>

#include "base/log.h"

bool group_turn_begin(struct group_turn *t, struct router *r, struct group_here *here)
{
    *t = (struct group_turn){.router = r, .here = here};
    for (uint32_t i = 0; i < here->viewer_count; i++)
        t->was[t->was_count++] = here->viewers[i]->group->number;
    if (groups_turn_begin(&r->groups, here) < 0)
        log_error("group-memory", "group=%u reason=out-of-memory", here->group->number);
    for (uint32_t i = 0; i < here->viewer_count; i++)
        t->now[t->now_count++] = here->viewers[i]->group->number;
    return here->is_turning;
}

/* To those of `told` who are in none of `less`, nor in `others`, and in no group of the latter two besides. */
static uint32_t turn_tell(const struct group_turn *t, const struct account *a, bool is_hide,
                          const uint32_t *others, uint32_t other_count)
{
    const uint32_t *to = is_hide ? t->was : t->now, *less = is_hide ? t->now : t->was;
    uint32_t to_count = is_hide ? t->was_count : t->now_count,
             less_count = is_hide ? t->now_count : t->was_count;
    uint32_t told[GROUP_VIEWERS_MAX], told_count = 0, deliveries = 0;
    for (uint32_t i = 0; i < to_count; i++)
        if (!numbers_have(less, less_count, to[i]) && !numbers_have(others, other_count, to[i]))
            told[told_count++] = to[i];
    uint32_t *kept = told_count ? calloc(less_count + other_count + 1, sizeof *kept) : NULL;
    if (!kept)
        return 0;
    memcpy(kept, less, less_count * sizeof *kept);
    memcpy(kept + less_count, others, other_count * sizeof *kept);
    struct group_audience *audience = audience_make(a, told, told_count, kept, less_count + other_count);
    if (audience) {
        audience->is_hide = is_hide;
        deliveries = router_audience_show(t->router, a, audience);
    }
    audience_unref(audience);
    free(kept);
    return deliveries;
}

static uint32_t member_turn(const struct group_turn *t, struct account *a)
{
    uint32_t count, deliveries = 0;
    uint32_t *others = groups_seeing(a, t->here, &count);
    if (!others)
        return 0;
    a->has_left_group = true; /* as far as those are concerned who do not see it by this group any more */
    deliveries = turn_tell(t, a, false, others, count) + turn_tell(t, a, true, others, count);
    free(others);
    return deliveries;
}

bool group_turn_go_on(struct group_turn *t, uint32_t *budget)
{
    struct group_here *here = t->here;
    for (uint32_t i; (i = group_list_after(&here->members, here->turned)) < here->members.count;) {
        if (!*budget)
            return false;
        const struct group_entry *e = &here->members.entries[i];
        here->turned = e->stamp;
        uint32_t cost = 1 + member_turn(t, e->account);
        *budget = *budget > cost ? *budget - cost : 0;
    }
    groups_turn_end(here);
    return true;
}
