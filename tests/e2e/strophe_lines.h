/* SPDX-License-Identifier: Apache-2.0 */
/* The lines between the driver and a client: commands one way, events the other, each one flat JSON object of strings. */
#ifndef MUSTER_TESTS_E2E_STROPHE_LINES_H
#define MUSTER_TESTS_E2E_STROPHE_LINES_H

/* A command has at most `do` and nine fields. */
#define FIELDS_MAX 12

struct command {
    unsigned count;
    char *keys[FIELDS_MAX], *values[FIELDS_MAX]; /* borrowed from the line, which is decoded in place */
};

void command_decode(char *line, struct command *c);
/* NULL: it has no such field. */
const char *field(const struct command *c, const char *key);
/* Pairs of key and value, then NULL; a NULL value is written as "". */
void emit(const char *event, ...);

#endif
