/* SPDX-License-Identifier: Apache-2.0 */
/* Who knows whom: shared groups as the administrator changes them, and rows of rosters as the store has them. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- shared groups ---- */

static void on_changed(void *context)
{
    ((struct world *)context)->is_changing = false;
}

static void groups_change(struct world *w, const struct buffer *lines)
{
    struct group_change *change = NULL;
    assert_false(w->is_changing);
    if (group_book_apply(&w->broker.groups, buffer_span(lines), &change) < 0)
        world_fail(w, "no change of groups: %.*s", (int)lines->len, lines->ptr);
    w->is_changing = true;
    assert_int_equal(router_groups_change(w->broker.routers, w->broker.worker_count, change, on_changed, w),
                     0);
}

static uint32_t group_number(const struct world *w, const char *name, size_t len)
{
    for (uint32_t i = 0; i < w->group_count; i++)
        if (strlen(w->groups[i]) == len && strncmp(w->groups[i], name, len) == 0)
            return i + 1;
    fail_msg("no group is named %s", name);
    return 0;
}

static void definition_change(struct world *w, const char *verb, const char *name, const char *title,
                              const char *viewers)
{
    struct buffer lines = {0};
    buffer_printf(&lines, "%s\t%u\t%llu\t%s\t%s\t", verb, group_number(w, name, strlen(name)),
                  (unsigned long long)++w->group_version, name, title);
    for (bool is_first = true; *viewers; is_first = false) {
        size_t len = strcspn(viewers, ",");
        buffer_printf(&lines, "%s%u", is_first ? "" : ",", group_number(w, viewers, len));
        viewers += len + (viewers[len] == ',');
    }
    groups_change(w, &lines);
    buffer_fini(&lines);
}

void world_group(struct world *w, const char *name, const char *viewers)
{
    assert_true(w->group_count < WORLD_GROUPS_MAX);
    w->groups[w->group_count++] = strdup(name);
    definition_change(w, "add", name, name, viewers);
}

void world_group_set(struct world *w, const char *name, const char *title, const char *viewers)
{
    definition_change(w, "set", name, title, viewers);
}

void world_group_change(struct world *w, const char *verb, const char *group, const char *names)
{
    char *text = strdup(names), *rest = text;
    struct buffer lines = {0};
    uint32_t number = group_number(w, group, strlen(group));
    w->group_version++;
    for (char *name; (name = strsep(&rest, " "));)
        if (*name)
            buffer_printf(&lines, "%s\t%u\t%llu\t%s@localhost\n", verb, number,
                          (unsigned long long)w->group_version, name);
    free(text);
    if (strcmp(verb, "remove") == 0)
        buffer_printf(&lines, "remove\t%u\t%llu\t\n", number, (unsigned long long)w->group_version);
    groups_change(w, &lines);
    buffer_fini(&lines);
}

/* ---- rosters ---- */

static const char *const state_names[SUBSCRIPTION_STATE_COUNT] = {
    [SUBSCRIPTION_NONE] = "N",
    [SUBSCRIPTION_NONE_PENDING_OUT] = "NPo",
    [SUBSCRIPTION_NONE_PENDING_IN] = "NPi",
    [SUBSCRIPTION_NONE_PENDING_OUT_IN] = "NPio",
    [SUBSCRIPTION_TO] = "T",
    [SUBSCRIPTION_TO_PENDING_IN] = "TPi",
    [SUBSCRIPTION_FROM] = "F",
    [SUBSCRIPTION_FROM_PENDING_OUT] = "FPo",
    [SUBSCRIPTION_BOTH] = "B",
};

int world_state(const char *name)
{
    for (int i = 0; i < SUBSCRIPTION_STATE_COUNT; i++)
        if (strcmp(state_names[i], name) == 0)
            return i;
    return -1;
}

const char *world_state_name(int state)
{
    return state >= 0 && state < SUBSCRIPTION_STATE_COUNT ? state_names[state] : "?";
}

struct fake_item *world_row(struct world *w, const char *owner, const char *contact, const char *state)
{
    char owner_jid[64], contact_jid[64];
    snprintf(owner_jid, sizeof owner_jid, "%s@localhost", owner);
    snprintf(contact_jid, sizeof contact_jid, strchr(contact, '@') ? "%s" : "%s@localhost", contact);
    struct fake_item *i = fake_store_item(w->broker.store, owner_jid, contact_jid, state != NULL);
    if (state) {
        i->state = (uint8_t)world_state(state);
        i->is_listed = true;
        if (subscription_is_pending_in(i->state)) {
            free(i->request);
            if (asprintf(&i->request, "<presence type='subscribe' from='%s' to='%s'/>", contact_jid,
                         owner_jid) < 0)
                abort();
        }
    }
    return i;
}
