/* SPDX-License-Identifier: Apache-2.0 */
#include "musterctl_commands.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/control.h"
#include "musterctl_accounts.h"
#include "musterctl_ask.h"
#include "musterctl_input.h"
#include "store/command.h"

int fail(const char *about, struct span what)
{
    while (what.len && what.ptr[what.len - 1] == '\n')
        what.len--;
    fprintf(stderr, "musterctl: %s%s%.*s\n", about ? about : "", about ? ": " : "", (int)what.len,
            what.len ? what.ptr : "");
    return EXIT_FAILED;
}

int fail_errno(const char *about, int error)
{
    return fail(about, span_of(strerror(-error)));
}

/* Run, and tell what came of it; `about` stands before what was refused. */
static int command_finish(const struct options *o, const char *about, struct span command, struct span body)
{
    struct buffer reply;
    buffer_init(&reply);
    int result = command_ask(o->config, command, body, &reply), exit_code = EXIT_DONE;
    struct span text = buffer_span(&reply);
    if (result == 0) {
        if (fwrite(text.ptr ? text.ptr : "", 1, text.len, stdout) != text.len || fflush(stdout) != 0)
            exit_code = fail_errno("standard output", -errno);
    } else if (text.len == 0) {
        exit_code = fail_errno(o->config->admin.socket, result);
    } else {
        if (!about && span_starts(text, SPAN("line 1: ")))
            text = span_skip(text, strlen("line 1: ")); /* there was one line, and the user has not seen it */
        exit_code = fail(result == 1 ? about : NULL, text);
    }
    buffer_fini(&reply);
    return exit_code;
}

void buffer_wipe(struct buffer *b)
{
    if (b->ptr)
        explicit_bzero(b->ptr, b->cap);
    buffer_fini(b);
}

/* From --password or standard input; on a terminal asked for twice. */
static bool password_read(struct options *o, struct buffer *password)
{
    struct buffer again;
    if (o->has_password) {
        buffer_append(password, buffer_span(&o->password));
        return true;
    }
    if (!password_line("Password: ", password)) {
        fail("standard input", SPAN("cannot be read"));
        return false;
    }
    if (!isatty(STDIN_FILENO))
        return true;
    buffer_init(&again);
    bool is_same = password_line("Again: ", &again) && span_equal(buffer_span(&again), buffer_span(password));
    buffer_wipe(&again);
    if (!is_same)
        fail(NULL, SPAN("the passwords differ"));
    return is_same;
}

static struct span put_words(const struct options *o)
{
    return o->is_replacing ? SPAN("user\tput\treplace") : SPAN("user\tput");
}

/* Encode `lines` (jid TAB password) and send them. */
static int accounts_put(const struct options *o, const char *about, struct span lines)
{
    struct buffer body, why;
    buffer_init(&body);
    buffer_init(&why);
    int exit_code;
    if (accounts_encode(o->config, lines, &body, &why) == 0) {
        exit_code = command_finish(o, about, put_words(o), buffer_span(&body));
    } else {
        struct span text = buffer_span(&why);
        if (!about && span_starts(text, SPAN("line 1: ")))
            text = span_skip(text, strlen("line 1: "));
        exit_code = fail(about, text);
    }
    buffer_fini(&why);
    buffer_wipe(&body);
    return exit_code;
}

static int user_add(struct options *o)
{
    struct buffer line, bare, why;
    buffer_init(&line);
    buffer_init(&bare);
    buffer_init(&why);
    int exit_code = EXIT_FAILED;
    /* before the password is asked for */
    if (!account_prepare(o->config, span_of(o->argument), &bare, &why)) {
        fail(NULL, buffer_span(&why));
    } else {
        buffer_append(&line, buffer_span(&bare));
        buffer_append_char(&line, '\t');
        struct buffer password;
        buffer_init(&password);
        if (password_read(o, &password)) {
            buffer_append(&line, buffer_span(&password));
            if (memchr(line.ptr, '\n', line.len))
                fail(NULL, SPAN("a password cannot have a line end in it"));
            else
                exit_code = accounts_put(o, NULL, buffer_span(&line));
        }
        buffer_wipe(&password);
    }
    buffer_wipe(&line);
    buffer_fini(&bare);
    buffer_fini(&why);
    return exit_code;
}

/* How the FILE argument is called in messages. */
static const char *file_name(const struct options *o)
{
    return strcmp(o->argument, "-") == 0 ? "standard input" : o->argument;
}

static int user_import(struct options *o)
{
    struct buffer lines;
    buffer_init(&lines);
    int error = file_read(o->argument, &lines);
    int exit_code =
        error ? fail_errno(file_name(o), error) : accounts_put(o, file_name(o), buffer_span(&lines));
    buffer_wipe(&lines);
    return exit_code;
}

static int user_list(struct options *o)
{
    return command_finish(o, NULL, SPAN("user\tlist"), SPAN(""));
}

/* The command itself checks the address. */
static int argument_command(struct options *o, const char *words)
{
    struct buffer command;
    if (strpbrk(o->argument, "\t\n"))
        return fail(NULL, SPAN("not an account's address (local@domain)"));
    buffer_init(&command);
    buffer_printf(&command, "%s\t%s", words, o->argument);
    int exit_code = command_finish(o, NULL, buffer_span(&command), SPAN(""));
    buffer_fini(&command);
    return exit_code;
}

/* An address of a domain that is no longer served can be removed as well. */
static int user_remove(struct options *o)
{
    return argument_command(o, "user\tremove");
}

/* A command on groups, whose words and lines are made by `encode`. */
static int group_command(struct options *o,
                         int (*encode)(const char *name, const struct group_options *group, char **more,
                                       int more_count, struct buffer *command, struct buffer *body))
{
    struct buffer command, body;
    buffer_init(&command);
    buffer_init(&body);
    int exit_code = encode(o->argument, &o->group, o->more, o->more_count, &command, &body) == 0
                        ? command_finish(o, NULL, buffer_span(&command), buffer_span(&body))
                        : fail(NULL, SPAN("a name or title cannot have a TAB or a line end in it"));
    buffer_fini(&command);
    buffer_fini(&body);
    return exit_code;
}

static int group_add(struct options *o)
{
    return group_command(o, group_add_encode);
}

static int group_set(struct options *o)
{
    return group_command(o, group_set_encode);
}

static int group_remove(struct options *o)
{
    return group_command(o, group_remove_encode);
}

static int group_show(struct options *o)
{
    return group_command(o, group_show_encode);
}

static int group_join(struct options *o)
{
    return group_command(o, group_join_encode);
}

static int group_leave(struct options *o)
{
    return group_command(o, group_leave_encode);
}

static int group_list(struct options *o)
{
    return command_finish(o, NULL, SPAN("group\tlist"), SPAN(""));
}

static int lines_import(struct options *o, struct span command)
{
    struct buffer lines;
    buffer_init(&lines);
    int error = file_read(o->argument, &lines);
    int exit_code = error ? fail_errno(file_name(o), error)
                          : command_finish(o, file_name(o), command, buffer_span(&lines));
    buffer_fini(&lines);
    return exit_code;
}

static int group_import(struct options *o)
{
    return lines_import(o, SPAN("group\timport"));
}

static int roster_import(struct options *o)
{
    return lines_import(o, SPAN("roster\timport"));
}

static int session_list(struct options *o)
{
    return command_finish(o, NULL, SPAN("session\tlist"), SPAN(""));
}

static int server_list(struct options *o)
{
    return command_finish(o, NULL, SPAN("server\tlist"), SPAN(""));
}

static int session_end(struct options *o)
{
    return argument_command(o, "session\tend");
}

static int announce(struct options *o)
{
    struct buffer text;
    buffer_init(&text);
    int error = file_read(o->argument, &text);
    int exit_code = error ? fail_errno(file_name(o), error)
                          : command_finish(o, NULL, SPAN("announce"), buffer_span(&text));
    buffer_fini(&text);
    return exit_code;
}

static int stats(struct options *o)
{
    return command_finish(o, NULL, SPAN("stats"), SPAN(""));
}

static int offload(struct options *o)
{
    return command_finish(o, NULL, SPAN("offload"), SPAN(""));
}

static int offload_turn(struct options *o, const char *command)
{
    if (strcmp(o->argument, "on") != 0 && strcmp(o->argument, "off") != 0) {
        fail(o->argument, SPAN("neither on nor off"));
        return EXIT_USAGE;
    }
    return argument_command(o, command);
}

static int offload_loop(struct options *o)
{
    return offload_turn(o, "offload\tloop");
}

static int offload_steer(struct options *o)
{
    return offload_turn(o, "offload\tsteer");
}

static int offload_verdict(struct options *o)
{
    return offload_turn(o, "offload\tverdict");
}

static int top(struct options *o)
{
    struct buffer command;
    buffer_init(&command);
    presence_top_encode(&o->presence, &command);
    int exit_code = command_finish(o, NULL, buffer_span(&command), SPAN(""));
    buffer_fini(&command);
    return exit_code;
}

static int explain(struct options *o)
{
    struct buffer command, reply;
    buffer_init(&command);
    buffer_init(&reply);
    int exit_code = EXIT_USAGE,
        result = presence_explain_encode(&o->presence, o->argument, o->second, &command);
    if (result)
        fail(NULL, SPAN("a JID has no TAB or line end in it"));
    else if ((result = command_ask(o->config, buffer_span(&command), SPAN(""), &reply)) != 0)
        fail(NULL, reply.len ? buffer_span(&reply) : span_of(strerror(-result)));
    if (result < 0)
        exit_code = EXIT_UNKNOWN;
    struct span text;
    if (result == 0) {
        exit_code = presence_explain_read(buffer_span(&reply), &text) ? EXIT_DONE : EXIT_FAILED;
        if (fwrite(text.ptr, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
            exit_code = EXIT_UNKNOWN;
    }
    buffer_fini(&command);
    buffer_fini(&reply);
    return exit_code;
}

static int reload(struct options *o)
{
    return command_finish(o, NULL, SPAN("reload"), SPAN(""));
}

static int shut_down(struct options *o)
{
    return command_finish(o, NULL, SPAN("shutdown"), SPAN(""));
}

const struct command commands[] = {
    {"user", "add", "JID", NULL, user_add, "add an account",
     "The password is one line on standard input, or --password PW (which other users of this machine may "
     "see in the\n"
     "list of processes). An account that exists is left alone, unless --replace says to change its "
     "password.\n",
     .takes = TAKES_PASSWORD | TAKES_REPLACE},
    {"user", "list", NULL, NULL, user_list, "list the accounts", "One bare JID a line, sorted.\n"},
    {"user", "remove", "JID", NULL, user_remove, "remove an account",
     "Its roster goes, too. Others who have it in their rosters keep it there.\n"},
    {"user", "import", "FILE", NULL, user_import, "add many accounts",
     "FILE has lines of jid, TAB, password; - is standard input. All of them are added, or none. Accounts "
     "that exist\n"
     "are an error, unless --replace says to change their passwords.\n",
     .takes = TAKES_REPLACE},
    {"roster", "import", "FILE", NULL, roster_import, "add or change contacts",
     "FILE has lines of jid, contact, subscription (both, to, from or none), name and group,group, with TABs "
     "between;\n"
     "name and groups may be left out. - is standard input. All lines are stored, or none. A subscription is "
     "between\n"
     "two: give the contact's line as well when it is an account here.\n"},
    {"group", "add", "NAME", NULL, group_add, "add a shared group",
     "Its members see each other, in each other's rosters under the group's title (--title T; the name, if "
     "none is "
     "given).\n"
     "--hidden: they do not, and nobody sees them. --visible-to OTHER (may be repeated): the members of the "
     "group "
     "OTHER see\n"
     "them, and they themselves see nobody by this group, unless OTHER is this group.\n",
     .takes = TAKES_DEFINITION},
    {"group", "set", "NAME", NULL, group_set, "change a shared group",
     "--title T: its title from now on. --hidden, or --visible-to OTHER (may be repeated): who sees the "
     "members from "
     "now on, as\n"
     "for group add; --visible-to NAME, the group itself, lets the members see each other.\n",
     .takes = TAKES_DEFINITION | NEEDS_DEFINITION},
    {"group", "remove", "NAME", NULL, group_remove, "remove a shared group", "Its members leave it first.\n"},
    {"group", "list", NULL, NULL, group_list, "list the shared groups",
     "Name, title, members, version, who sees it.\n"},
    {"group", "show", "NAME", NULL, group_show, "list the members of a group",
     "One bare JID a line, sorted.\n"},
    {"group", "join", "NAME", "JID", group_join, "add accounts to a group",
     "Who is connected is told at once: roster pushes, and presence.\n"},
    {"group", "leave", "NAME", "JID", group_leave, "take accounts off a group",
     "Presence is hidden both ways, unless a subscription or another group remains.\n"},
    {"group", "import", "FILE", NULL, group_import, "add many accounts to groups",
     "FILE has lines of group, TAB, jid; - is standard input. Groups that do not exist are made. All lines "
     "are "
     "stored, or none.\n"},
    {"server", "list", NULL, NULL, server_list, "list the streams with other servers",
     "A line each: domain, ours, direction, state, how the domain was proved, address, stanzas, stanzas that "
     "wait. Needs the\n"
     "running daemon.\n"},
    {"session", "list", NULL, NULL, session_list, "list who is connected", "Needs the running daemon.\n"},
    {"session", "end", "JID", NULL, session_end, "end sessions",
     "The session of a full JID, or all of a bare one's. Their clients may well connect again. Needs the "
     "running daemon.\n"},
    {"announce", NULL, "FILE", NULL, announce, "tell everybody who is online",
     "The text of FILE, or of standard input (-), as a headline of the server. Needs the running daemon.\n"},
    {"stats", NULL, NULL, NULL, stats, "print the daemon's counters", "Needs the running daemon.\n"},
    {"offload", "loop", "on|off", NULL, offload_loop,
     "let the kernel run the workers' loops by a program, or do not",
     "Under traffic; nothing is lost by it. Without it every keep-alive wakes a worker, and stanzas are read in the order in which they come. "
     "Until the daemon starts anew. Needs the running daemon.\n"},
    {"offload", "steer", "on|off", NULL, offload_steer, "steer new connections by load, or do not",
     "While connections come; nothing is lost by it. Without it the kernel spreads them by hash. Until the "
     "daemon starts anew.\n"
     "Needs the running daemon.\n"},
    {"offload", "verdict", "on|off", NULL, offload_verdict,
     "keep white space from listeners without TLS, or do not",
     "Under traffic; nothing is lost by it. Until the daemon starts anew. Needs the running daemon.\n"},
    {"offload", NULL, NULL, NULL, offload, "print what the kernel's programs do",
     "A line for each: its name, on or off, and why; then what it has counted. Needs the running daemon.\n"},
    {.group = "explain",
     .argument = "A",
     .second = "B",
     .run = explain,
     .takes = TAKES_JSON,
     .if_unasked = EXIT_UNKNOWN, /* 1 is an answer */
     .summary = "why B sees A's presence, or does not",
     .help = "A and B are bare or full JIDs. Sentences in the order in which presence meets the conditions; "
             "the last\n"
             "line is the verdict. --json: the same as one object. Exit status: 0 B sees A, 1 it does not, 2 "
             "wrong\n"
             "usage, 3 it cannot be found out (the daemon is not running).\n"},
    {.group = "top",
     .run = top,
     .takes = TAKES_RANKING,
     .summary = "print whose presence costs most",
     .help = "Publishers, by --by deliveries (unless told otherwise), changes or bytes, --count N of them "
             "(10), over\n"
             "the last --seconds S (60 at most), rounded up to tens. CHANGES that had watchers, the WATCHERS "
             "that the\n"
             "largest reached, and how far off DELIVERIES may be at most (ERROR). --by queued: the sessions "
             "for whom\n"
             "most waits. Needs the running daemon.\n"},
    {"reload", NULL, NULL, NULL, reload, "have the daemon read its configuration again",
     "As SIGHUP does, and no connection is lost: certificates and keys, also when only their files have changed, the rules about "
     "signed\n"
     "stanzas, the log level. What else differs is named, a line for each option, and needs a restart; that is no "
     "failure. When\n"
     "anything is wrong, all stays as it was. docs/configuration.md says of each option what becomes of it. Needs the "
     "running daemon.\n"},
    {"shutdown", NULL, NULL, NULL, shut_down, "stop the daemon", "Needs the running daemon.\n"},
};
const size_t command_count = sizeof commands / sizeof commands[0];
