/* SPDX-License-Identifier: Apache-2.0 */
/* What musterctl can be told to do: a table of its commands, and what the command line gives them. */
#ifndef MUSTER_MUSTERCTL_COMMANDS_H
#define MUSTER_MUSTERCTL_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/span.h"
#include "config/config.h"
#include "musterctl_groups.h"
#include "musterctl_presence.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNKNOWN = 3 };

/* Options that belong to some commands only. */
enum {
    TAKES_PASSWORD = 1 << 0,
    TAKES_REPLACE = 1 << 1,
    TAKES_DEFINITION = 1 << 2, /* of a group */
    NEEDS_DEFINITION = 1 << 3,
    TAKES_RANKING = 1 << 4, /* --by, --count, --seconds */
    TAKES_JSON = 1 << 5,
};

struct options {
    const char *config_path;
    struct buffer password; /* given on the command line */
    bool has_password, is_replacing, is_help;
    const char *argument; /* JID, FILE or NAME */
    char **more;          /* what stands behind it, for commands that take more */
    int more_count;
    const char *second; /* JID */
    struct group_options group;
    struct presence_options presence;
    struct config *config;
};

struct command {
    const char *group, *verb; /* verb NULL: a command of one word */
    const char *argument;     /* its name, NULL: none */
    const char *more;         /* the name of any number of words more, NULL: none */
    int (*run)(struct options *o);
    const char *summary, *help;
    const char *second; /* another argument, NULL: none */
    unsigned takes;     /* options of its own */
    int if_unasked;     /* exit status when nothing could be asked; 0: EXIT_FAILED */
};

extern const struct command commands[];
extern const size_t command_count;

/* One line on standard error; `about` NULL: nothing stands before it. EXIT_FAILED. */
int fail(const char *about, struct span what);
int fail_errno(const char *about, int error);

/* With its contents overwritten. */
void buffer_wipe(struct buffer *b);

#endif
