/* SPDX-License-Identifier: Apache-2.0 */
/* The words and lines of the commands on shared groups, as store/command.h has them. */
#ifndef MUSTER_TOOLS_MUSTERCTL_GROUPS_H
#define MUSTER_TOOLS_MUSTERCTL_GROUPS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "roster/group.h"

struct group_options {
    const char *title; /* NULL: the name, or as it is */
    const char *viewers[GROUP_VIEWERS_MAX];
    int viewer_count;
    bool is_hidden;
};

/* Append to `command` and `body`. 0, or -1 when a word could not be told from the next. `more`: JIDs. */
int group_add_encode(const char *name, const struct group_options *group, char **more, int more_count,
                     struct buffer *command, struct buffer *body);
int group_set_encode(const char *name, const struct group_options *group, char **more, int more_count,
                     struct buffer *command, struct buffer *body);
int group_remove_encode(const char *name, const struct group_options *group, char **more, int more_count,
                        struct buffer *command, struct buffer *body);
int group_show_encode(const char *name, const struct group_options *group, char **more, int more_count,
                      struct buffer *command, struct buffer *body);
int group_join_encode(const char *name, const struct group_options *group, char **more, int more_count,
                      struct buffer *command, struct buffer *body);
int group_leave_encode(const char *name, const struct group_options *group, char **more, int more_count,
                       struct buffer *command, struct buffer *body);

#endif
