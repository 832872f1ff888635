/* SPDX-License-Identifier: Apache-2.0 */
/* muster-bench: picks the scenario. */
#include <stdio.h>
#include <string.h>

#include "lab.h"
#include "options.h"
#include "scenarios.h"

#ifndef MUSTER_VERSION
#define MUSTER_VERSION "unknown"
#endif

static const struct scenario {
    const char *name;
    enum scenario_bit bit;
    int (*run)(const struct options *o);
    const char *summary;
} scenarios[] = {
    {"prepare", FOR_PREPARE, scenario_prepare, "write account and roster files for a run"},
    {"befriend", FOR_BEFRIEND, scenario_befriend,
     "make the rosters of the files come true, by subscriptions over the wire"},
    {"mutual", FOR_MUTUAL, scenario_mutual, "everybody changes presence; every delivery is checked"},
    {"fanout", FOR_FANOUT, scenario_fanout,
     "one publisher, many watchers: time to the last of them, CPU per delivery"},
    {"idle", FOR_IDLE, scenario_idle, "many sessions that do nothing: memory of each"},
    {"login", FOR_LOGIN, scenario_login, "many log-ins: time and CPU of each"},
    {"login-storm", FOR_LOGIN_STORM, scenario_login_storm,
     "a fan-out with and without log-ins as fast as they go"},
    {"storm", FOR_STORM, scenario_storm,
     "everybody changes presence as fast as it goes: deliveries per CPU second"},
    {"celebrity", FOR_CELEBRITY, scenario_celebrity,
     "one publisher with very many watchers, and how others fare beside it"},
    {"churn", FOR_CHURN, scenario_churn, "users come and go; who sees them must see it"},
    {"group", FOR_GROUP, scenario_group, "a group in which everybody sees everybody"},
    {"roster-login", FOR_ROSTER_LOGIN, scenario_roster_login,
     "log-ins with a very large roster, and a fan-out beside them"},
    {"slow-reader", FOR_SLOW_READER, scenario_slow_reader, "one client stops reading; do others notice?"},
    {"interdomain", FOR_INTERDOMAIN, scenario_interdomain,
     "the load of two domains of many users, by the model of the scaling analysis"},
    {"loads", FOR_LOADS, scenario_loads,
     "a fan-out, white space, messages and all together: what each costs the server"},
    {"memory", FOR_MEMORY, scenario_memory, "no server: how fast this machine loads from memory"},
    {"floor", FOR_FLOOR, scenario_floor,
     "the least that a fan-out can cost: a bare program that seals and sends"},
};

#define SCENARIO_COUNT (sizeof scenarios / sizeof *scenarios)

static void help_print(FILE *to)
{
    fprintf(to,
            "Usage: muster-bench SCENARIO [OPTION...]\n\n"
            "Drives an XMPP server as many clients and measures and checks what it does.\n\nScenarios:\n");
    for (size_t i = 0; i < SCENARIO_COUNT; i++)
        fprintf(to, "  %-13s %s\n", scenarios[i].name, scenarios[i].summary);
    fprintf(
        to, "\n  %-13s %s\n", "lab",
        "no scenario: `loads` with each setting of the offloads, here and in an emulator; writes docs/offload.md");
    fprintf(
        to,
        "\nmuster-bench SCENARIO --help lists its options. Exit code: 0 all well, 1 failed or a delivery was "
        "wrong, 2 wrong usage.\n");
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        help_print(stdout);
        return 0;
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        printf("muster-bench %s\n", MUSTER_VERSION);
        return 0;
    }
    if (argc >= 2 && strcmp(argv[1], "lab") == 0)
        return lab_become(argc - 1, argv + 1);
    if (argc < 2) {
        help_print(stderr);
        return 2;
    }
    for (size_t i = 0; i < SCENARIO_COUNT; i++) {
        char summary[200];
        struct options o;
        if (strcmp(argv[1], scenarios[i].name) != 0)
            continue;
        snprintf(summary, sizeof summary, "muster-bench %s: %s", scenarios[i].name, scenarios[i].summary);
        int outcome = options_parse(argc - 1, argv + 1, scenarios[i].bit, summary, &o);
        if (outcome == OPTIONS_HELP)
            return 0;
        if (outcome == OPTIONS_WRONG)
            return 2;
        return scenarios[i].run(&o);
    }
    fprintf(stderr, "muster-bench: %s: no such scenario (see --help)\n", argv[1]);
    return 2;
}
