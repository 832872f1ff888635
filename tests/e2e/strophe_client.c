/* SPDX-License-Identifier: Apache-2.0 */
/* Host of libstrophe clients, one forked process each; the line protocol is described in clients.py. In a
 * client, commands come on standard input and events go to standard output, one flat JSON object of strings a
 * line. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>
#include <sys/socket.h>
#include <unistd.h>

#include "strophe_heard.h"
#include "strophe_lines.h"

/* One command line; long messages are a few kilobytes. */
#define LINE_BYTES_MAX (1u << 20)
/* How long libstrophe may wait for the socket before standard input is looked at again. */
#define TURN_MS 5

struct adapter {
    struct heard heard;
    xmpp_conn_t *connection;
    bool is_online, is_ending;
    bool is_losing;          /* cut by the driver: it comes back */
    char *connect_line;      /* the command, to do it again; NULL: its session is not to be resumed */
    xmpp_sm_state_t *resume; /* of the connection before */
    size_t line_bytes;
    char *line; /* what was read of the next command */
};

static void on_connection(xmpp_conn_t *connection, xmpp_conn_event_t event, int error,
                          xmpp_stream_error_t *stream_error, void *context)
{
    struct adapter *a = context;

    if (event == XMPP_CONN_CONNECT) {
        a->is_online = true;
        heard_begin(connection, &a->heard);
        if (a->is_losing)
            emit("resumed", NULL);
        else
            emit("online", "jid", xmpp_conn_get_bound_jid(connection), NULL);
        a->is_losing = false;
        return;
    }
    if (a->is_losing) {
        a->is_online = false; /* client_run connects anew */
        return;
    }
    if (stream_error != NULL)
        emit("stream-error", "condition", stream_error->text, NULL);
    if (a->is_online)
        emit("closed", NULL);
    else
        emit("failed", "reason", error != 0 ? strerror(error) : "the stream ended before it was bound", NULL);
    a->is_online = false;
}

static void do_connect(struct adapter *a, const struct command *c)
{
    const char *tls = field(c, "tls");
    long flags = field(c, "resume") != NULL ? 0 : XMPP_CONN_FLAG_DISABLE_SM;

    if (strcmp(tls, "direct") == 0)
        flags |= XMPP_CONN_FLAG_LEGACY_SSL;
    else
        flags |= strcmp(tls, "none") == 0 ? XMPP_CONN_FLAG_DISABLE_TLS : XMPP_CONN_FLAG_MANDATORY_TLS;
    a->heard.is_raw = field(c, "raw") != NULL;
    free(a->heard.notify);
    a->heard.notify = field(c, "notify") != NULL ? strdup(field(c, "notify")) : NULL;
    a->connection = xmpp_conn_new(a->heard.context);
    xmpp_conn_set_flags(a->connection, flags);
    xmpp_conn_set_cafile(a->connection, field(c, "ca"));
    xmpp_conn_set_jid(a->connection, field(c, "jid"));
    xmpp_conn_set_pass(a->connection, field(c, "password"));
    if (a->resume != NULL && xmpp_conn_set_sm_state(a->connection, a->resume) != XMPP_EOK)
        emit("noise", "line", "the library does not take the state", NULL);
    a->resume = NULL;
    if (xmpp_connect_client(a->connection, field(c, "host"), (unsigned short)atoi(field(c, "port")),
                            on_connection, a) != XMPP_EOK)
        emit("failed", "reason", "cannot connect", NULL);
}

/* The library keeps its socket to itself (it is the only one of the Internet's), and does not notice its end,
 * only an error: put a socket there that has one. */
static void do_lose(struct adapter *a)
{
    /* It ends itself when it resumes with an answer in its queue: let that go out first. */
    do {
        a->heard.is_asked = false;
        xmpp_run_once(a->heard.context, 0);
    } while (a->heard.is_asked && a->is_online);
    for (int fd = 0; fd < 256; fd++) {
        int domain = 0, pair[2];
        socklen_t len = sizeof(domain);
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 || domain == AF_UNIX)
            continue;
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
            return;
        a->is_losing = send(pair[0], "x", 1, 0) == 1;
        close(pair[1]); /* with a byte unread: the other end is reset */
        dup2(pair[0], fd);
        close(pair[0]);
    }
}

/* A child element with text; does nothing when there is no text. */
static void child_add(struct adapter *a, xmpp_stanza_t *parent, const char *name, const char *text)
{
    if (text == NULL)
        return;
    xmpp_stanza_t *child = xmpp_stanza_new(a->heard.context), *inner = xmpp_stanza_new(a->heard.context);

    xmpp_stanza_set_name(child, name);
    xmpp_stanza_set_text(inner, text);
    xmpp_stanza_add_child_ex(child, inner, 0);
    xmpp_stanza_add_child_ex(parent, child, 0);
}

static void do_presence(struct adapter *a, const struct command *c)
{
    xmpp_stanza_t *presence = xmpp_presence_new(a->heard.context);

    if (field(c, "to") != NULL)
        xmpp_stanza_set_to(presence, field(c, "to"));
    if (field(c, "type") != NULL)
        xmpp_stanza_set_type(presence, field(c, "type"));
    child_add(a, presence, "show", field(c, "show"));
    child_add(a, presence, "status", field(c, "status"));
    child_add(a, presence, "priority", field(c, "priority"));
    xmpp_send(a->connection, presence);
    xmpp_stanza_release(presence);
}

static void do_message(struct adapter *a, const struct command *c)
{
    const char *type = field(c, "type");
    xmpp_stanza_t *message =
        xmpp_message_new(a->heard.context, type != NULL ? type : "chat", field(c, "to"), NULL);

    child_add(a, message, "body", field(c, "body"));
    xmpp_send(a->connection, message);
    xmpp_stanza_release(message);
}

/* What the library has no words for. */
static void do_stanza(struct adapter *a, const struct command *c)
{
    xmpp_stanza_t *stanza = xmpp_stanza_new_from_string(a->heard.context, field(c, "xml"));

    if (stanza == NULL) {
        emit("noise", "line", "the library does not read the stanza", NULL);
        return;
    }
    xmpp_send(a->connection, stanza);
    xmpp_stanza_release(stanza);
}

static void roster_item_add(struct adapter *a, xmpp_stanza_t *query, const struct command *c)
{
    xmpp_stanza_t *item = xmpp_stanza_new(a->heard.context);
    char *groups = strdup(field(c, "groups") != NULL ? field(c, "groups") : ""), *rest = NULL;

    xmpp_stanza_set_name(item, "item");
    xmpp_stanza_set_attribute(item, "jid", field(c, "jid"));
    if (field(c, "name") != NULL)
        xmpp_stanza_set_attribute(item, "name", field(c, "name"));
    if (strcmp(field(c, "do"), "roster-remove") == 0)
        xmpp_stanza_set_attribute(item, "subscription", "remove");
    for (char *group = strtok_r(groups, ",", &rest); group != NULL; group = strtok_r(NULL, ",", &rest))
        child_add(a, item, "group", group);
    xmpp_stanza_add_child_ex(query, item, 0);
    free(groups);
}

static void do_request(struct adapter *a, const struct command *c)
{
    const char *what = field(c, "do");
    bool is_roster = strncmp(what, "roster-", 7) == 0, is_get = strcmp(what, "roster-get") == 0 || !is_roster;
    xmpp_stanza_t *iq = xmpp_iq_new(a->heard.context, is_get ? "get" : "set", field(c, "id"));
    xmpp_stanza_t *payload = xmpp_stanza_new(a->heard.context);

    if (field(c, "to") != NULL)
        xmpp_stanza_set_to(iq, field(c, "to"));
    xmpp_stanza_set_name(payload, strcmp(what, "ping") == 0 ? "ping" : "query");
    if (is_roster)
        xmpp_stanza_set_ns(payload, XMPP_NS_ROSTER);
    else if (strcmp(what, "ping") == 0)
        xmpp_stanza_set_ns(payload, "urn:xmpp:ping");
    else
        xmpp_stanza_set_ns(payload, strcmp(what, "disco") == 0 ? XMPP_NS_DISCO_INFO : "urn:example:unknown");
    if (!is_get)
        roster_item_add(a, payload, c);
    xmpp_stanza_add_child_ex(iq, payload, 0);
    xmpp_send(a->connection, iq);
    xmpp_stanza_release(iq);
}

static void command_run(struct adapter *a, char *line)
{
    struct command c;

    char *copy = strdup(line);
    command_decode(line, &c);
    const char *what = field(&c, "do");
    if (what != NULL && strcmp(what, "connect") == 0 && field(&c, "resume") != NULL) {
        free(a->connect_line);
        a->connect_line = copy;
    } else {
        free(copy);
    }
    if (what == NULL)
        return;
    if (strcmp(what, "connect") == 0) {
        do_connect(a, &c);
    } else if (strcmp(what, "close") == 0) {
        a->is_ending = true;
        if (a->is_online)
            xmpp_disconnect(a->connection);
    } else if (!a->is_online) {
        emit("noise", "line", "not connected", NULL);
    } else if (strcmp(what, "lose") == 0) {
        do_lose(a);
    } else if (strcmp(what, "presence") == 0) {
        do_presence(a, &c);
    } else if (strcmp(what, "stanza") == 0) {
        do_stanza(a, &c);
    } else if (strcmp(what, "message") == 0) {
        do_message(a, &c);
    } else {
        do_request(a, &c);
    }
}

/* After a loss: a new connection with the state of the one before. */
static void come_back(struct adapter *a)
{
    char *line = strdup(a->connect_line);

    a->resume = xmpp_conn_get_sm_state(a->connection);
    xmpp_conn_release(a->connection);
    a->connection = NULL;
    command_run(a, line);
    free(line);
}

/* Read what is there and run every whole line. False at the end of the input. */
static bool input_read(struct adapter *a)
{
    ssize_t got =
        recv(STDIN_FILENO, a->line + a->line_bytes, LINE_BYTES_MAX - a->line_bytes - 1, MSG_DONTWAIT);

    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    a->line_bytes += (size_t)got;
    a->line[a->line_bytes] = '\0';
    for (char *end; (end = memchr(a->line, '\n', a->line_bytes)) != NULL;) {
        *end = '\0';
        command_run(a, a->line);
        a->line_bytes -= (size_t)(end + 1 - a->line);
        memmove(a->line, end + 1, a->line_bytes);
    }
    return a->line_bytes < LINE_BYTES_MAX - 1;
}

static int client_run(void)
{
    struct adapter a = {0};
    const char *trace = getenv("E2E_TRACE");

    a.line = malloc(LINE_BYTES_MAX);
    a.heard.context = xmpp_ctx_new(NULL, trace != NULL ? xmpp_get_default_logger(XMPP_LEVEL_DEBUG) : NULL);
    if (a.line == NULL || a.heard.context == NULL)
        return 1;
    while (!a.is_ending || a.is_online) {
        if (!a.is_ending && !input_read(&a))
            _exit(0); /* killed: nothing is closed but by the kernel */
        xmpp_run_once(a.heard.context, TURN_MS);
        if (a.is_losing && !a.is_online && a.connect_line != NULL && xmpp_conn_is_disconnected(a.connection))
            come_back(&a);
        if (a.connection == NULL) {
            struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
            poll(&input, 1, -1);
        }
    }
    if (a.connection != NULL)
        xmpp_conn_release(a.connection);
    xmpp_ctx_free(a.heard.context);
    xmpp_shutdown();
    free(a.connect_line);
    free(a.heard.notify);
    free(a.line);
    return 0;
}

int main(int argc, char **argv)
{
    struct pollfd polls[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = argc == 2 ? atoi(argv[1]) : -1, .events = POLLIN}};

    signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
    xmpp_initialize();
    while (poll(polls, 2, -1) >= 0 && polls[0].revents == 0) {
        int link = accept(polls[1].fd, NULL, NULL);
        if (link >= 0 && fork() == 0) {
            dup2(link, STDIN_FILENO);
            dup2(link, STDOUT_FILENO);
            close(link);
            close(polls[1].fd);
            return client_run();
        }
        close(link);
    }
    return 0;
}
