/* SPDX-License-Identifier: Apache-2.0 */
#include "lab.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Debian's own: what it needs is installed for that one. */
#define LAB_PYTHON "/usr/bin/python3"

/* The folder of this program. */
static bool folder_read(char *folder, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", folder, size - 1);
    if (len < 0)
        return false;
    folder[len] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    return slash != NULL;
}

int lab_become(int argc, char **argv)
{
    char folder[PATH_MAX];
    char **words = calloc((size_t)argc + 4, sizeof *words);
    if (words == NULL || !folder_read(folder, sizeof folder)) {
        fprintf(stderr, "muster-bench lab: %s\n", strerror(errno));
        free(words);
        return 1;
    }
    words[0] = (char *)LAB_PYTHON;
    words[1] = (char *)LAB_PROGRAM;
    words[2] = (char *)"--build";
    words[3] = folder;
    for (int i = 1; i < argc; i++)
        words[i + 3] = argv[i];
    if (access(LAB_PROGRAM, R_OK) == 0)
        execv(LAB_PYTHON, words);
    fprintf(
        stderr,
        "muster-bench lab: %s %s: %s; the laboratory needs the sources that this program was built from\n",
        LAB_PYTHON, LAB_PROGRAM, strerror(errno));
    free(words);
    return 1;
}
