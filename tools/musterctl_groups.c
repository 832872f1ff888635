/* SPDX-License-Identifier: Apache-2.0 */
#include "musterctl_groups.h"

static int word_put(struct buffer *to, const char *word, char end)
{
    if (strpbrk(word, "\t\n"))
        return -1;
    buffer_append(to, span_of(word));
    if (end)
        buffer_append_char(to, end);
    return 0;
}

static int words_encode(const char *verb, const char *name, char **more, int more_count,
                        struct buffer *command, struct buffer *body)
{
    buffer_printf(command, "group\t%s\t", verb);
    int error = word_put(command, name, 0);
    for (int i = 0; i < more_count; i++)
        error |= word_put(body, more[i], '\n');
    return error;
}

/* `title` and `visibility`: when the options say nothing. */
static int definition_encode(const char *verb, const char *name, const struct group_options *group,
                             const char *title, struct span visibility, struct buffer *command)
{
    int error = words_encode(verb, name, NULL, 0, command, NULL);
    buffer_append_char(command, '\t');
    error |= word_put(command, group->title ? group->title : title, '\t');
    buffer_append(command, group->is_hidden      ? SPAN("hidden")
                           : group->viewer_count ? SPAN("visible-to")
                                                 : visibility);
    for (int i = 0; i < group->viewer_count; i++) {
        buffer_append_char(command, '\t');
        error |= word_put(command, group->viewers[i], 0);
    }
    return error;
}

int group_add_encode(const char *name, const struct group_options *group, char **more, int more_count,
                     struct buffer *command, struct buffer *body)
{
    (void)more, (void)more_count, (void)body;
    return definition_encode("add", name, group, name, SPAN("everybody"), command);
}

int group_set_encode(const char *name, const struct group_options *group, char **more, int more_count,
                     struct buffer *command, struct buffer *body)
{
    (void)more, (void)more_count, (void)body;
    return definition_encode("set", name, group, "", SPAN("keep"), command);
}

int group_remove_encode(const char *name, const struct group_options *group, char **more, int more_count,
                        struct buffer *command, struct buffer *body)
{
    (void)group;
    return words_encode("remove", name, more, more_count, command, body);
}

int group_show_encode(const char *name, const struct group_options *group, char **more, int more_count,
                      struct buffer *command, struct buffer *body)
{
    (void)group;
    return words_encode("show", name, more, more_count, command, body);
}

int group_join_encode(const char *name, const struct group_options *group, char **more, int more_count,
                      struct buffer *command, struct buffer *body)
{
    (void)group;
    return words_encode("join", name, more, more_count, command, body);
}

int group_leave_encode(const char *name, const struct group_options *group, char **more, int more_count,
                       struct buffer *command, struct buffer *body)
{
    (void)group;
    return words_encode("leave", name, more, more_count, command, body);
}
