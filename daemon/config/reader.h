/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration while it is being read: what was given where, and what is wrong with it. Private to the
 * room. */
#ifndef MUSTER_CONFIG_READER_H
#define MUSTER_CONFIG_READER_H

#include "config/schema.h"

/* The first mistakes tell the rest. Reading ends after them, which bounds the work on a file that is
 * something else. */
#define CONFIG_ERRORS_MAX 20

/* Line and column, from 1; line 0: not in the file. */
struct config_mark {
    unsigned line, column;
};

struct config_group_marks {
    struct config_mark *viewers, *members; /* as in the group's lists */
};

struct config_reader {
    struct config *config;
    const char *name; /* of the file */
    struct buffer *message;
    unsigned error_count;
    struct config_mark marks[CONFIG_ROWS_MAX]; /* by row; listeners' rows are marked in listener_marks,
                                                  groups' in group_marks */
    struct config_mark *listener_marks;        /* by listener */
    struct config_group_marks *group_marks;    /* by group */
    uint32_t member_count;                     /* of all groups */
};

/* Add "NAME:LINE:COLUMN: path: what"; `path` NULL or empty: none. */
void config_complain(struct config_reader *r, struct config_mark mark, const char *path, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));
struct config_mark *config_row_mark(struct config_reader *r, const struct config_row *row);

/* The steps, each adds its complaints: the YAML text, the environment, what rows demand of each other. */
void config_read(struct config_reader *r, struct span text);
void config_environment_read(struct config_reader *r, char **environment);
void config_check(struct config_reader *r);

/* read_groups.c */
void config_group_marks_free(struct config_reader *r);
void config_groups_free(struct config *c);

#endif
