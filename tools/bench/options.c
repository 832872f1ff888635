/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

enum option_kind {
    OPTION_TEXT,   /* const char * */
    OPTION_NUMBER, /* uint64_t between min and max */
    OPTION_SET,    /* takes no value: uint64_t becomes min */
    OPTION_CHOICE  /* uint64_t: position in choices */
};

struct option_row {
    const char *name;
    enum option_kind kind;
    uint32_t scenarios;
    size_t offset;
    uint64_t min, max;
    const char *value; /* its name in the help */
    const char *help;
    const char *choices[4];
};

#define FIELD(name) offsetof(struct options, name)
#define FANNING (FOR_FANOUT | FOR_LOGIN_STORM)
#define ROUNDING (FOR_MUTUAL | FOR_STORM)
#define PUBLISHING (ROUNDING | FANNING | FOR_PACED | FOR_CHURN | FOR_GROUP | FOR_LOADS)
#define ROSTERED ((PUBLISHING & ~FOR_GROUP) | FOR_BEFRIEND)

/* Sequences need a bit each per watch and a time each per publisher: this many stay affordable. */
#define ROUNDS_MAX 1000000

/* clang-format off */
static const struct option_row rows[] = {
    {"out", OPTION_TEXT, FOR_PREPARE, FIELD(out), 0, 0, "DIR",
     "folder for accounts.tsv and rosters.tsv", {0}},
    {"users", OPTION_NUMBER, FOR_PREPARE | FOR_NETWORK, FIELD(users), 1, 10000000, "N",
     "number of accounts (prepare: to make; otherwise: the first N of the file)", {0}},
    {"contacts", OPTION_NUMBER, FOR_PREPARE, FIELD(contacts), 0, 1000000, "N",
     "contacts of each user (even)", {0}},
    {"shape", OPTION_CHOICE, FOR_PREPARE, FIELD(shape), 0, 0, "ring|star|halves",
     "ring: mutual contacts; star: all others watch the first user; halves: mutual, each in the other half",
     {"ring", "star", "halves"}},
    {"prefix", OPTION_TEXT, FOR_PREPARE, FIELD(prefix), 0, 0, "TEXT", "names are TEXT0000...", {0}},
    {"password", OPTION_TEXT, FOR_PREPARE, FIELD(password), 0, 0, "TEXT",
     "passwords are TEXT and the name", {0}},
    {"host", OPTION_TEXT, FOR_NETWORK, FIELD(host), 0, 0, "ADDRESS", "where the server listens", {0}},
    {"port", OPTION_NUMBER, FOR_NETWORK, FIELD(port), 1, 65535, "N",
     "default 5222, with --direct-tls 5223", {0}},
    {"domain", OPTION_TEXT, FOR_PREPARE | FOR_NETWORK, FIELD(domain), 0, 0, "NAME",
     "XMPP domain (default: that of the first account)", {0}},
    {"starttls", OPTION_SET, FOR_NETWORK, FIELD(tls_mode), TLS_MODE_STARTTLS, 0, NULL, "the default", {0}},
    {"direct-tls", OPTION_SET, FOR_NETWORK, FIELD(tls_mode), TLS_MODE_DIRECT, 0, NULL,
     "TLS from the first byte", {0}},
    {"plain", OPTION_SET, FOR_NETWORK, FIELD(tls_mode), TLS_MODE_PLAIN, 0, NULL, "no TLS at all", {0}},
    {"ca", OPTION_TEXT, FOR_NETWORK, FIELD(ca), 0, 0, "FILE",
     "authorities that may sign the server's certificate", {0}},
    {"insecure", OPTION_SET, FOR_NETWORK, FIELD(insecure), 1, 0, NULL, "do not check the certificate", {0}},
    {"mechanism", OPTION_TEXT, FOR_NETWORK, FIELD(mechanism), 0, 0, "NAME",
     "SCRAM-SHA-256, SCRAM-SHA-1 or PLAIN (default: the first of these that is offered)", {0}},
    {"resource", OPTION_TEXT, FOR_NETWORK, FIELD(resource), 0, 0, "NAME", "default: the server chooses", {0}},
    {"accounts", OPTION_TEXT, FOR_NETWORK, FIELD(accounts), 0, 0, "FILE", "jid<TAB>password lines", {0}},
    {"rosters", OPTION_TEXT, ROSTERED, FIELD(rosters), 0, 0, "FILE",
     "jid<TAB>contact<TAB>both|to|from|none lines", {0}},
    {"keys", OPTION_TEXT, FOR_NETWORK, FIELD(keys), 0, 0, "FILE",
     "keep SCRAM keys there from run to run, which makes log-ins cheap for this program", {0}},
    {"concurrency", OPTION_NUMBER, FOR_NETWORK, FIELD(concurrency), 1, 10000, "N",
     "log-ins under way at a time", {0}},
    {"timeout", OPTION_NUMBER, FOR_NETWORK | FOR_FLOOR, FIELD(timeout_s), 1, 86400, "S",
     "give up after S seconds without any progress", {0}},
    {"server-pid", OPTION_NUMBER, FOR_NETWORK, FIELD(server_pid), 1, UINT32_MAX, "PID",
     "server whose CPU time and memory are read from /proc", {0}},
    {"children", OPTION_SET, FOR_NETWORK, FIELD(children), 1, 0, NULL, "count its child processes, too", {0}},
    {"rounds", OPTION_NUMBER, ROUNDING | FANNING | FOR_CHURN | FOR_GROUP | FOR_LOADS | FOR_FLOOR, FIELD(rounds), 0, ROUNDS_MAX, "K",
     "changes of presence each publisher makes (churn: how often some go and come)", {0}},
    {"ahead", OPTION_NUMBER, FOR_MUTUAL, FIELD(ahead), 0, ROUNDS_MAX, "N",
     "rounds under way at a time (1: each is awaited; 0: no limit)", {0}},
    {"rate", OPTION_NUMBER, ROUNDING | FOR_LOADS | (FOR_PACED & ~FOR_INTERDOMAIN), FIELD(rate), 0, 10000000, "N",
     "changes a second of all together (celebrity: of the others; loads: white space)", {0}},
    {"stanza-bytes", OPTION_NUMBER, PUBLISHING | FOR_FLOOR, FIELD(stanza_bytes), 0, 100000, "N",
     "pad each presence to N bytes", {0}},
    {"settle", OPTION_NUMBER, PUBLISHING | FOR_IDLE | FOR_FLOOR, FIELD(settle_ms), 0, 600000, "MS",
     "listen so long for what should not come (idle: wait before measuring)", {0}},
    {"leave", OPTION_CHOICE, FOR_MUTUAL | FOR_CHURN, FIELD(leave), 0, 0, "none|graceful|cut",
     "how sessions leave (mutual: every second one, again and again)", {"none", "graceful", "cut"}},
    {"strict-login", OPTION_SET, ROUNDING | FOR_CHURN, FIELD(strict_login), 1, 0, NULL,
     "a repeated initial presence is a violation, too", {0}},
    {"publisher", OPTION_TEXT, FANNING | FOR_CELEBRITY | FOR_ROSTER_LOGIN | FOR_LOADS, FIELD(publisher), 0, 0, "JID",
     "default: whoever has the most watchers", {0}},
    {"watchers", OPTION_NUMBER, FANNING | FOR_LOADS | FOR_FLOOR, FIELD(watchers), 1, 10000000, "N",
     "at most so many of them", {0}},
    {"interval", OPTION_NUMBER, FANNING | FOR_CELEBRITY | FOR_CHURN | FOR_GROUP | FOR_ROSTER_LOGIN | FOR_LOADS | FOR_FLOOR, FIELD(interval_ms), 0, 600000, "MS",
     "pause between changes", {0}},
    {"warm-up", OPTION_NUMBER, FANNING | FOR_STORM | FOR_FLOOR, FIELD(warm_up), 0, 10000, "K",
     "changes before those that count (storm: rounds)", {0}},
    {"no-presence", OPTION_SET, FOR_IDLE | FOR_LOGIN, FIELD(no_presence), 1, 0, NULL,
     "send no presence", {0}},
    {"logins", OPTION_NUMBER, FOR_LOGIN | FOR_LOGIN_STORM, FIELD(logins), 1, 10000000, "N",
     "log-ins to measure (login-storm: of each storm)", {0}},
    {"storm-accounts", OPTION_TEXT, FOR_LOGIN_STORM, FIELD(storm_accounts), 0, 0, "FILE",
     "who logs in meanwhile: jid<TAB>password lines, none of them in the fan-out", {0}},
    {"repeats", OPTION_NUMBER, FOR_LOGIN_STORM | (FOR_PACED & ~FOR_INTERDOMAIN), FIELD(repeats), 1, 1000, "N",
     "quiet and busy parts, in turn", {0}},
    {"second-domain", OPTION_TEXT, FOR_PREPARE, FIELD(second_domain), 0, 0, "NAME",
     "of the second half (default: the same)", {0}},
    {"second-port", OPTION_NUMBER, FOR_NETWORK, FIELD(second_port), 1, 65535, "N",
     "where the accounts of another domain than the first one's log in", {0}},
    {"tls-suite", OPTION_TEXT, FOR_NETWORK, FIELD(suite), 0, 0, "NAME",
     "offer TLS 1.3 with this suite only, for example TLS_AES_128_GCM_SHA256", {0}},
    {"seconds", OPTION_NUMBER, FOR_PACED, FIELD(seconds), 1, 86400, "S", "length of each part", {0}},
    {"share", OPTION_NUMBER, FOR_CHURN, FIELD(share), 1, 100, "PERCENT", "of the users that go and come in a round", {0}},
    {"model", OPTION_CHOICE, FOR_INTERDOMAIN, FIELD(model), 0, 0, "basic|wide|intra|large",
     "which of the analysis's scenarios", {"basic", "wide", "intra", "large"}},
    {"scale", OPTION_NUMBER, FOR_INTERDOMAIN, FIELD(scale), 1, 10000, "PERCENT", "of the model's load", {0}},
    {"admin", OPTION_TEXT, FOR_LOADS, FIELD(admin), 0, 0, "SOCKET",
     "the control socket of a musterd, for its own counters", {0}},
    {"loads", OPTION_TEXT, FOR_LOADS, FIELD(loads), 0, 0, "NAMES",
     "of fanout, space, ping, mixed, with commas between (default: all)", {0}},
    {"count-calls", OPTION_SET, FOR_LOADS, FIELD(count_calls), 1, 0, NULL,
     "count system calls and instructions, too, which costs the server a little", {0}},
    {"mode", OPTION_CHOICE, FOR_FLOOR, FIELD(floor_mode), 0, 0, "sealed|plain",
     "TLS 1.3 records, AES-128-GCM in user space; or bare TCP", {"sealed", "plain"}},
    {"coalesce", OPTION_NUMBER, FOR_FLOOR, FIELD(coalesce), 1, 64, "N",
     "stanzas joined in one record and send", {0}},
    {"json", OPTION_SET, FOR_NETWORK | FOR_FLOOR | FOR_MEMORY, FIELD(as_json), 1, 0, NULL, "report as one JSON object", {0}},
};
/* clang-format on */

#define ROW_COUNT (sizeof rows / sizeof *rows)

static const struct options defaults = {
    .out = ".",
    .prefix = "user",
    .password = "pw-",
    .contacts = 50,
    .shape = SHAPE_RING,
    .host = "127.0.0.1",
    .concurrency = 64,
    .timeout_s = 30,
    .rounds = 10,
    .ahead = 1,
    .settle_ms = 1000,
    .interval_ms = 20,
    .warm_up = 5,
    .logins = 200,
    .repeats = 5,
    .coalesce = 1,
    .seconds = 5,
    .share = 10,
    .scale = 100,
};

static void help_print(enum scenario_bit scenario, const char *summary)
{
    printf("%s\n\nOptions:\n", summary);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char left[64];
        if (!(rows[i].scenarios & scenario))
            continue;
        snprintf(left, sizeof left, "--%s %s", rows[i].name, rows[i].value ? rows[i].value : "");
        printf("  %-28s %s", left, rows[i].help);
        if (rows[i].kind == OPTION_NUMBER) {
            uint64_t value = *(const uint64_t *)((const char *)&defaults + rows[i].offset);
            if (value != 0)
                printf(" (default %llu)", (unsigned long long)value);
        }
        printf("\n");
    }
    printf("  %-28s this text\n", "--help");
}

static const struct option_row *row_find(const char *name, enum scenario_bit scenario)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if ((rows[i].scenarios & scenario) && strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static int complain(const char *name, const char *what)
{
    fprintf(stderr, "muster-bench: --%s: %s\n", name, what);
    return OPTIONS_WRONG;
}

static int number_read(const struct option_row *row, const char *text, uint64_t *to)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-')
        return complain(row->name, "not a number");
    if (number < row->min || number > row->max) {
        fprintf(stderr, "muster-bench: --%s: must be between %llu and %llu\n", row->name,
                (unsigned long long)row->min, (unsigned long long)row->max);
        return OPTIONS_WRONG;
    }
    *to = number;
    return 0;
}

static int value_take(const struct option_row *row, const char *text, struct options *o)
{
    void *field = (char *)o + row->offset;
    switch (row->kind) {
    case OPTION_TEXT:
        *(const char **)field = text;
        return 0;
    case OPTION_NUMBER:
        return number_read(row, text, field);
    case OPTION_SET:
        *(uint64_t *)field = row->min;
        return 0;
    case OPTION_CHOICE:
        for (size_t i = 0; i < sizeof row->choices / sizeof *row->choices && row->choices[i] != NULL; i++) {
            if (strcmp(row->choices[i], text) == 0) {
                *(uint64_t *)field = i;
                return 0;
            }
        }
        break;
    }
    fprintf(stderr, "muster-bench: --%s: expected %s\n", row->name, row->value);
    return OPTIONS_WRONG;
}

int options_parse(int argc, char **argv, enum scenario_bit scenario, const char *summary,
                  struct options *ret_options)
{
    struct options o = defaults;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            help_print(scenario, summary);
            return OPTIONS_HELP;
        }
        char name[40];
        const char *equals = strchr(argv[i], '=');
        size_t len = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        if (len < 3 || len >= sizeof name || strncmp(argv[i], "--", 2) != 0) {
            fprintf(stderr, "muster-bench: %s: unexpected argument (see --help)\n", argv[i]);
            return OPTIONS_WRONG;
        }
        snprintf(name, sizeof name, "%.*s", (int)len - 2, argv[i] + 2);
        const struct option_row *row = row_find(name, scenario);
        if (row == NULL)
            return complain(name, "no such option here (see --help)");
        if (row->kind == OPTION_SET && equals != NULL)
            return complain(name, "takes no value");
        const char *value = equals ? equals + 1 : NULL;
        if (row->kind != OPTION_SET && value == NULL && (value = argv[++i]) == NULL)
            return complain(name, "needs a value");
        int outcome = value_take(row, value, &o);
        if (outcome != 0)
            return outcome;
    }
    *ret_options = o;
    return 0;
}
