/* SPDX-License-Identifier: Apache-2.0 */
/* Administration from the command line: words and options to commands (musterctl_commands.c). */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "musterctl_commands.h"

#define CONFIG_PATH_DEFAULT "/etc/muster/musterd.yaml"

static void print_usage(const struct command *c)
{
    printf("Usage: musterctl [--config FILE] %s%s%s%s%s%s%s%s%s%s\n\n", c->group, c->verb ? " " : "",
           c->verb ? c->verb : "", c->argument ? " " : "", c->argument ? c->argument : "",
           c->second ? " " : "", c->second ? c->second : "", c->more ? " " : "", c->more ? c->more : "",
           c->more ? "..." : "");
}

static void print_help(void)
{
    printf("Usage: musterctl [--config FILE] COMMAND\n\n");
    for (size_t i = 0; i < command_count; i++) {
        char words[32];
        snprintf(words, sizeof words, "%s%s%s%s%s%s%s%s%s%s", commands[i].group, commands[i].verb ? " " : "",
                 commands[i].verb ? commands[i].verb : "", commands[i].argument ? " " : "",
                 commands[i].argument ? commands[i].argument : "", commands[i].second ? " " : "",
                 commands[i].second ? commands[i].second : "", commands[i].more ? " " : "",
                 commands[i].more ? commands[i].more : "", commands[i].more ? "..." : "");
        printf("  %-24s %s\n", words, commands[i].summary);
    }
    printf("\n"
           "  --config FILE        the daemon's configuration (default: " CONFIG_PATH_DEFAULT ")\n"
           "  --password PW        for user add: the password, instead of standard input\n"
           "  --replace            for user add and user import: change passwords of accounts that exist\n"
           "  --by WHAT            for top: deliveries, changes, bytes or queued\n"
           "  --count N            for top: how many lines\n"
           "  --seconds S          for top: of the last S seconds\n"
           "  --title T            for group add and set: the title that clients show\n"
           "  --hidden             for group add and set: nobody sees the members\n"
           "  --visible-to OTHER   for group add and set: the members of OTHER see them; may be repeated\n"
           "  --json               for explain: as one JSON object\n"
           "  --help               this, or more about a command\n"
           "  --version\n\n"
           "user, roster and group work on the database while the daemon is not running.\n"
           "Exit status: 0 done, 1 failed, 2 wrong usage.\n");
}

static int usage_error(const char *what, const char *word)
{
    fprintf(stderr, "musterctl: %s%s%s (musterctl --help shows how)\n", what, word ? ": " : "",
            word ? word : "");
    return EXIT_USAGE;
}

/* Keep the password, and overwrite it where others could see it. */
static void password_take(struct options *o, char *given)
{
    o->has_password = true;
    buffer_wipe(&o->password);
    buffer_append(&o->password, span_of(given));
    memset(given, '*', strlen(given));
}

/* -1: go on; else the exit status. */
static int options_read(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"config", required_argument, NULL, 'c'},
        {"password", required_argument, NULL, 'p'},
        {"replace", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {"by", required_argument, NULL, 'b'},
        {"count", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"title", required_argument, NULL, 't'},
        {"hidden", no_argument, NULL, 'H'},
        {"visible-to", required_argument, NULL, 'V'},
        {0},
    };
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:h", names, NULL)) != -1) {
        switch (option) {
        case 'c':
            o->config_path = optarg;
            break;
        case 'p':
            password_take(o, optarg);
            break;
        case 'r':
            o->is_replacing = true;
            break;
        case 'b':
            o->presence.by = optarg;
            break;
        case 'n':
            o->presence.count = optarg;
            break;
        case 's':
            o->presence.seconds = optarg;
            break;
        case 't':
            o->group.title = optarg;
            break;
        case 'H':
            o->group.is_hidden = true;
            break;
        case 'V':
            if (o->group.viewer_count == GROUP_VIEWERS_MAX)
                return usage_error("too many groups", optarg);
            o->group.viewers[o->group.viewer_count++] = optarg;
            break;
        case 'j':
            o->presence.is_json = true;
            break;
        case 'h':
            o->is_help = true;
            break;
        case 'v':
            printf("musterctl %s\n", MUSTER_VERSION);
            return EXIT_DONE;
        case ':':
            return usage_error("this option needs a value", argv[optind - 1]);
        default:
            return usage_error("unknown option", argv[optind - 1]);
        }
    }
    return -1;
}

static const struct command *command_find(char **words, int count)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        if (count >= 1 && strcmp(words[0], c->group) == 0 &&
            (!c->verb || (count >= 2 && strcmp(words[1], c->verb) == 0)))
            return c;
    }
    return NULL;
}

static int run(struct options *o, const struct command *c)
{
    struct buffer message;
    buffer_init(&message);
    int error = config_load(o->config_path, environ, &o->config, &message);
    int exit_code = c->if_unasked ? c->if_unasked : EXIT_FAILED;
    if (error && message.len == 0)
        fail_errno(o->config_path, error);
    /* a line for each mistake; warnings are the daemon's to tell */
    for (struct span rest = buffer_span(&message); error && rest.len;) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) + 1 : rest.len;
        fail(NULL, span_make(rest.ptr, len));
        rest = span_skip(rest, len);
    }
    buffer_fini(&message);
    if (!error)
        exit_code = c->run(o);
    config_free(o->config);
    return exit_code;
}

static int help(const struct command *c)
{
    if (c) {
        print_usage(c);
        printf("%s", c->help);
    } else {
        print_help();
    }
    return EXIT_DONE;
}

/* The words that are not options: a command and its argument. */
static int words_run(struct options *o, char **words, int count)
{
    const struct command *c = command_find(words, count);
    if (o->is_help)
        return help(c);
    if (!c)
        return usage_error(count ? "unknown command" : "no command given",
                           count ? words[count > 1 ? 1 : 0] : NULL);
    int expected = 1 + (c->verb ? 1 : 0) + (c->argument ? 1 : 0) + (c->second ? 1 : 0);
    if (count < expected)
        return usage_error("missing argument", c->second ? c->second : c->argument);
    if (count == expected && c->more)
        return usage_error("missing argument", c->more);
    if (count > expected && !c->more)
        return usage_error("one word too many", words[expected]);
    if (o->has_password && !(c->takes & TAKES_PASSWORD))
        return usage_error("--password belongs to user add", NULL);
    if (o->is_replacing && !(c->takes & TAKES_REPLACE))
        return usage_error("--replace belongs to user add and user import", NULL);
    const char *misplaced =
        presence_option_misplaced(&o->presence, c->takes & TAKES_RANKING, c->takes & TAKES_JSON);
    if (misplaced)
        return usage_error("this option belongs to another command", misplaced);
    bool has_definition = o->group.title || o->group.is_hidden || o->group.viewer_count;
    if (has_definition && !(c->takes & TAKES_DEFINITION))
        return usage_error("--title, --hidden and --visible-to belong to group add and group set", NULL);
    if (!has_definition && c->takes & NEEDS_DEFINITION)
        return usage_error("group set needs --title, --hidden or --visible-to", NULL);
    if (o->group.title && !*o->group.title)
        return usage_error("a title cannot be empty", NULL);
    if (o->group.is_hidden && o->group.viewer_count)
        return usage_error("--hidden and --visible-to exclude each other", NULL);
    o->argument = c->argument ? words[expected - (c->second ? 2 : 1)] : NULL;
    o->second = c->second ? words[expected - 1] : NULL;
    o->more = words + expected;
    o->more_count = count - expected;
    return run(o, c);
}

int main(int argc, char **argv)
{
    struct options o = {.config_path = CONFIG_PATH_DEFAULT};
    int exit_code = options_read(argc, argv, &o);
    if (exit_code < 0)
        exit_code = words_run(&o, argv + optind, argc - optind);
    buffer_wipe(&o.password);
    return exit_code;
}
