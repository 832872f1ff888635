/* SPDX-License-Identifier: Apache-2.0 */
/* Plays every dialogue of the files named on the command line: with one, two and four workers, with the
 * clients' bytes arriving one by one, and with every walk over a roster in slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "script.h"

struct performance {
    const struct script *script;
    uint32_t workers;
    size_t receive_bytes_max;
    uint32_t at_once_max;
};

static void play(void **state)
{
    const struct performance *p = *state;
    world_at_once_max = p->at_once_max;
    script_play(p->script, p->workers, p->receive_bytes_max);
}

int main(int argc, char **argv)
{
    static const struct performance kinds[] = {
        {.workers = 1, .at_once_max = ROUTER_AT_ONCE_MAX},
        {.workers = 2, .at_once_max = ROUTER_AT_ONCE_MAX},
        {.workers = 4, .at_once_max = ROUTER_AT_ONCE_MAX},
        {.workers = 2, .at_once_max = ROUTER_AT_ONCE_MAX, .receive_bytes_max = 1},
        {.workers = 2, .at_once_max = 0},
    };
    const size_t kind_count = sizeof kinds / sizeof *kinds;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        unsigned count = 0;
        struct script *scripts = script_read(argv[i], &count);
        struct CMUnitTest *tests = calloc(count * kind_count, sizeof *tests);
        struct performance *performances = calloc(count * kind_count, sizeof *performances);
        for (size_t n = 0; n < count * kind_count; n++) {
            struct performance *p = &performances[n];
            char *name = NULL;
            *p = kinds[n % kind_count];
            p->script = &scripts[n / kind_count];
            if (asprintf(&name, "%s [%u workers%s]", p->script->title, p->workers,
                         p->receive_bytes_max ? ", byte by byte"
                         : p->at_once_max     ? ""
                                              : ", rosters in slices") < 0)
                abort();
            tests[n] = (struct CMUnitTest){.name = name, .test_func = play, .initial_state = p};
        }
        failed += _cmocka_run_group_tests(argv[i], tests, count * kind_count, NULL, NULL);
    }
    return failed != 0;
}
