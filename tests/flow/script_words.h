/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a dialogue as its words. */
#ifndef MUSTER_TESTS_FLOW_SCRIPT_WORDS_H
#define MUSTER_TESTS_FLOW_SCRIPT_WORDS_H

#include <stdbool.h>

#define WORDS_MAX 8

struct words {
    char *at[WORDS_MAX + 1];
    unsigned count;
    char text[512];
};

void words_cut(struct words *w, const char *text);
/* Among those from the place `from` on. */
bool words_have(const struct words *w, unsigned from, const char *word);

#endif
