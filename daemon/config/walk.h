/* SPDX-License-Identifier: Apache-2.0 */
/* Walking the YAML document. Private to the files of this room that read it. */
#ifndef MUSTER_CONFIG_WALK_H
#define MUSTER_CONFIG_WALK_H

#include <yaml.h>

#include "config/reader.h"

struct walk {
    struct config_reader *reader;
    yaml_document_t *document;
};

static inline struct config_mark config_mark_of(const yaml_mark_t *mark)
{
    return (struct config_mark){(unsigned)mark->line + 1, (unsigned)mark->column + 1};
}

static inline struct span config_scalar_text(const yaml_node_t *node)
{
    return span_make((const char *)node->data.scalar.value, node->data.scalar.length);
}

/* A key without anything behind it: `limits:` with all its lines commented out. */
bool config_is_null(const yaml_node_t *node);

/* Keys and values into `base`. `prefix` is the path in the table, `shown_prefix` with the number of what is
 * in a list for messages; "" at the root. */
void config_mapping_read(struct walk *w, const yaml_node_t *node, const char *prefix,
                         const char *shown_prefix, void *base);

/* read_groups.c: the list of groups, and two values of a group. */
void config_groups_read(struct walk *w, const yaml_node_t *node);
void config_members_read(struct walk *w, struct config_group *group, const char *shown_path,
                         const yaml_node_t *node);
void config_viewers_read(struct walk *w, struct config_group *group, const char *shown_path,
                         const yaml_node_t *node);

#endif
