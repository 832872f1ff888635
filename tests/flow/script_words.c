/* SPDX-License-Identifier: Apache-2.0 */
#include "script_words.h"

#include <stdio.h>
#include <string.h>

void words_cut(struct words *w, const char *text)
{
    char *rest = w->text;
    *w = (struct words){.count = 0};
    snprintf(w->text, sizeof w->text, "%s", text);
    for (char *word; (word = strsep(&rest, " ")) && w->count < WORDS_MAX;)
        if (*word)
            w->at[w->count++] = word;
}

bool words_have(const struct words *w, unsigned from, const char *word)
{
    for (unsigned i = from; i < w->count; i++)
        if (strcmp(w->at[i], word) == 0)
            return true;
    return false;
}
