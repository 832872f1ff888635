/* SPDX-License-Identifier: Apache-2.0 */
/* Shared groups: YAML to struct config_group, with the places of what can only be judged when all of the
 * configuration is known. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "config/value.h"
#include "config/walk.h"
#include "jid/jid.h"
#include "roster/group.h"

/* Of all groups of the file together: about as many as it has room for, so that aliases cannot multiply
 * them. */
#define CONFIG_MEMBERS_MAX 65536

/* A list of names of one kind. */
struct kind {
    const char *one, *many; /* "is not ONE", "must be MANY" */
    /* The form in which two of them compare, in `storage` or borrowed from `in`. */
    bool (*prepare)(struct span in, char storage[static JID_BYTES_MAX], struct span *ret);
};

struct known_name {
    struct hash_node node;
    const char *name;
};

static bool member_prepare(struct span in, char storage[static JID_BYTES_MAX], struct span *ret)
{
    struct jid jid;
    if (jid_parse(in, storage, &jid) != 0 || !jid.local_len || jid.resource_len)
        return false;
    *ret = jid_bare(&jid);
    return true;
}

static bool viewer_prepare(struct span in, char storage[static JID_BYTES_MAX], struct span *ret)
{
    (void)storage;
    *ret = in;
    return config_is_group_name(in);
}

static const struct kind members = {"an account's address (local@domain)",
                                    "a list of accounts' addresses (local@domain)", member_prepare};
static const struct kind viewers = {"the name of a group", "members, hidden or a list of groups of this file",
                                    viewer_prepare};

static bool is_known(const struct hash_table *known, struct span name, uint64_t hash)
{
    for (struct hash_node *n = hash_table_first(known, hash); n; n = hash_node_next(n))
        if (span_equal(span_of(container_of(n, struct known_name, node)->name), name))
            return true;
    return false;
}

/* Add the item to `names` (which have room) and its mark to `marks`, or complain. */
static void name_read(struct walk *w, const struct kind *kind, const char *shown_path,
                      const yaml_node_t *item, struct hash_table *known, struct known_name *slot,
                      struct config_names *names, struct config_mark *marks)
{
    char storage[JID_BYTES_MAX];
    struct span name;
    struct config_mark mark = config_mark_of(&item->start_mark);
    if (item->type != YAML_SCALAR_NODE) {
        config_complain(w->reader, mark, shown_path, "must be %s", kind->many);
        return;
    }
    if (!kind->prepare(config_scalar_text(item), storage, &name)) {
        struct buffer quoted = {0};
        config_value_quote(&quoted, config_scalar_text(item));
        config_complain(w->reader, mark, shown_path, "%.*s is not %s", (int)quoted.len, quoted.ptr,
                        kind->one);
        buffer_fini(&quoted);
        return;
    }
    uint64_t hash = hash_bytes(name);
    if (is_known(known, name, hash)) {
        config_complain(w->reader, mark, shown_path, "%.*s is given twice", (int)name.len, name.ptr);
        return;
    }
    char *copy = strndup(name.ptr, name.len);
    slot->name = copy;
    if (!copy || hash_table_insert(known, &slot->node, hash) != 0) {
        free(copy);
        config_complain(w->reader, mark, shown_path, "no memory");
        return;
    }
    marks[names->count] = mark;
    names->at[names->count++] = copy;
}

static void names_read(struct walk *w, const struct kind *kind, const char *shown_path,
                       const yaml_node_t *node, struct config_names *names, struct config_mark **marks)
{
    struct hash_table known;
    yaml_node_item_t *first = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - first);
    struct known_name *slots = calloc(count + 1, sizeof *slots);
    names->at = calloc(count + 1, sizeof *names->at);
    *marks = calloc(count + 1, sizeof **marks);
    hash_table_init(&known);
    if (!slots || !names->at || !*marks)
        config_complain(w->reader, config_mark_of(&node->start_mark), shown_path, "no memory");
    else
        for (size_t i = 0; i < count && w->reader->error_count <= CONFIG_ERRORS_MAX; i++)
            name_read(w, kind, shown_path, yaml_document_get_node(w->document, first[i]), &known, &slots[i],
                      names, *marks);
    hash_table_fini(&known);
    free(slots);
}

static struct config_group_marks *marks_of(struct walk *w, const struct config_group *group)
{
    return &w->reader->group_marks[group - w->reader->config->groups];
}

void config_members_read(struct walk *w, struct config_group *group, const char *shown_path,
                         const yaml_node_t *node)
{
    struct config_reader *r = w->reader;
    struct config_mark mark = config_mark_of(&node->start_mark);
    if (config_is_null(node))
        return;
    if (node->type != YAML_SEQUENCE_NODE) {
        config_complain(r, mark, shown_path, "must be %s", members.many);
        return;
    }
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (count > CONFIG_MEMBERS_MAX - r->member_count) {
        config_complain(r, mark, shown_path, "more than %d members in the file; use musterctl group import",
                        CONFIG_MEMBERS_MAX);
        return;
    }
    r->member_count += (uint32_t)count;
    names_read(w, &members, shown_path, node, &group->members, &marks_of(w, group)->members);
}

void config_viewers_read(struct walk *w, struct config_group *group, const char *shown_path,
                         const yaml_node_t *node)
{
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    struct config_mark mark = config_mark_of(&node->start_mark);
    if (!count) {
        config_complain(w->reader, mark, shown_path, "must not be empty; hidden is visible to nobody");
        return;
    }
    if (count > GROUP_VIEWERS_MAX) {
        config_complain(w->reader, mark, shown_path, "%zu groups, there may be %d", count, GROUP_VIEWERS_MAX);
        return;
    }
    group->visibility = CONFIG_VISIBLE_TO_VIEWERS;
    names_read(w, &viewers, shown_path, node, &group->viewers, &marks_of(w, group)->viewers);
}

static void group_read(struct walk *w, uint32_t at, const yaml_node_t *item)
{
    struct config_reader *r = w->reader;
    struct config_group *groups = r->config->groups, *group = &groups[at];
    struct config_mark mark = config_mark_of(&item->start_mark);
    unsigned errors = r->error_count;
    char shown[32];
    snprintf(shown, sizeof shown, "groups[%u]", at);
    config_defaults_set(group, CONFIG_GROUP_PREFIX);
    if (item->type != YAML_MAPPING_NODE) {
        config_complain(r, mark, shown, "must be a group: {name, title, members, visible_to}");
        return;
    }
    config_mapping_read(w, item, "groups[]", shown, group);
    if (!group->name && r->error_count == errors)
        config_complain(r, mark, shown, "name is required");
    for (uint32_t i = 0; group->name && i < at; i++)
        if (groups[i].name && strcmp(groups[i].name, group->name) == 0)
            config_complain(r, mark, shown, "the same name as groups[%u]", i);
}

void config_groups_read(struct walk *w, const yaml_node_t *node)
{
    struct config_reader *r = w->reader;
    struct config_mark mark = config_mark_of(&node->start_mark);
    if (config_is_null(node))
        return;
    if (node->type != YAML_SEQUENCE_NODE) {
        config_complain(r, mark, "groups",
                        "must be a list of groups, each {name, title, members, visible_to}");
        return;
    }
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (count > GROUPS_MAX) {
        config_complain(r, mark, "groups", "%zu groups, there may be %d", count, GROUPS_MAX);
        return;
    }
    r->group_marks = calloc(count + 1, sizeof *r->group_marks);
    r->config->groups = calloc(count + 1, sizeof *r->config->groups);
    if (!r->group_marks || !r->config->groups) {
        config_complain(r, mark, "groups", "no memory");
        return;
    }
    r->config->group_count = (uint32_t)count;
    for (uint32_t i = 0; i < count && r->error_count <= CONFIG_ERRORS_MAX; i++)
        group_read(w, i, yaml_document_get_node(w->document, node->data.sequence.items.start[i]));
}

void config_group_marks_free(struct config_reader *r)
{
    for (uint32_t i = 0; r->group_marks && i < r->config->group_count; i++) {
        free(r->group_marks[i].members);
        free(r->group_marks[i].viewers);
    }
    free(r->group_marks);
}

static void names_free(struct config_names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free(names->at[i]);
    free(names->at);
}

void config_groups_free(struct config *c)
{
    for (uint32_t i = 0; i < c->group_count; i++) {
        struct config_group *group = &c->groups[i];
        free(group->name);
        free(group->title);
        names_free(&group->members);
        names_free(&group->viewers);
    }
    free(c->groups);
}
