/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of ad-hoc commands: the dialogue (command.c) and what it comes to (command_run.c). */
#ifndef MUSTER_SERVICE_COMMAND_H
#define MUSTER_SERVICE_COMMAND_H

#include "service/services.h"
#include "xml/tree.h"

/* Values of a form that count; the addresses of an order to remove some users, say. */
#define COMMAND_VALUES_MAX 64

enum command_field_type { FIELD_JID, FIELD_JIDS, FIELD_SECRET, FIELD_NUMBER, FIELD_TEXT };

struct command_field {
    const char *var, *label;
    enum command_field_type type;
    bool is_required;
};

/* What a command's form asks for; in the order in which the values reach `run`. */
#define COMMAND_FIELDS_MAX 3

struct command_work;

struct command {
    const char *node, *name;
    struct command_field fields[COMMAND_FIELDS_MAX]; /* up to the first without `var` */
    /* On a job thread. False: it failed, and w->text says why. */
    bool (*run)(struct command_work *w);
};

struct command_values {
    struct span list[COMMAND_VALUES_MAX];
    uint32_t count;
};

struct command_work {
    struct service_work work;
    const struct command *command;
    struct command_values values[COMMAND_FIELDS_MAX]; /* on the request's arena */
    bool is_done;
    struct buffer text; /* what to say in the end */
    struct buffer form; /* complete, or empty */
};

extern const struct command service_commands[];
extern const uint32_t service_command_count;

#endif
