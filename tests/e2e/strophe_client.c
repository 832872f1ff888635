/* SPDX-License-Identifier: Apache-2.0 */
/* Host of libstrophe clients, one forked process each; the line protocol is described in clients.py. In a
 * client, commands come on standard input and events go to standard output, one flat JSON object of strings a
 * line. */
#include <stdarg.h>
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

/* A command has at most `do` and nine fields. */
#define FIELDS_MAX 12
/* One command line; long messages are a few kilobytes. */
#define LINE_BYTES_MAX (1u << 20)
/* How long libstrophe may wait for the socket before standard input is looked at again. */
#define TURN_MS 5

struct command {
    unsigned count;
    char *keys[FIELDS_MAX], *values[FIELDS_MAX]; /* borrowed from the line, which is decoded in place */
};

struct adapter {
    xmpp_ctx_t *context;
    xmpp_conn_t *connection;
    bool is_online, is_ending;
    bool is_losing;          /* cut by the driver: it comes back */
    bool is_asked;           /* the server wants to know how much has come (XEP-0198) */
    bool is_raw;             /* every stanza is told as it is */
    char *notify;            /* a node it wants to hear of; NULL: none */
    char *connect_line;      /* the command, to do it again; NULL: its session is not to be resumed */
    xmpp_sm_state_t *resume; /* of the connection before */
    size_t line_bytes;
    char *line; /* what was read of the next command */
};

/* ---- JSON, as little of it as the protocol needs ---- */

static unsigned hex4(const char *text)
{
    char digits[5] = {0};

    memcpy(digits, text, 4);
    return (unsigned)strtoul(digits, NULL, 16);
}

static char *utf8_put(char *out, unsigned point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xC0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *out++ = (char)(0xE0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
        *out++ = (char)(0x80 | (point & 0x3F));
    } else {
        *out++ = (char)(0xF0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3F));
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
        *out++ = (char)(0x80 | (point & 0x3F));
    }
    return out;
}

/* Decode the string that starts after the quote at *at, in place; *at moves behind its end. The driver writes
 * no surrogates. */
static char *json_string(char **at)
{
    char *in = *at, *start = in, *out = in;

    while (*in != '\0' && *in != '"') {
        if (*in != '\\') {
            *out++ = *in++;
            continue;
        }
        in++;
        switch (*in) {
        case 'n':
            *out++ = '\n';
            break;
        case 't':
            *out++ = '\t';
            break;
        case 'u':
            out = utf8_put(out, hex4(in + 1));
            in += 4;
            break;
        default:
            *out++ = *in;
        }
        in++;
    }
    *at = *in != '\0' ? in + 1 : in;
    *out = '\0';
    return start;
}

static void command_decode(char *line, struct command *c)
{
    memset(c, 0, sizeof(*c));
    while (c->count < FIELDS_MAX && (line = strchr(line, '"')) != NULL) {
        line++;
        c->keys[c->count] = json_string(&line);
        line = strchr(line, '"');
        if (line == NULL)
            return;
        line++;
        c->values[c->count++] = json_string(&line);
    }
}

static const char *field(const struct command *c, const char *key)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (strcmp(c->keys[i], key) == 0)
            return c->values[i];
    }
    return NULL;
}

static void json_put(const char *text)
{
    putchar('"');
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

/* Pairs of key and value, then NULL; a NULL value is written as "". */
static void emit(const char *event, ...)
{
    va_list pairs;

    printf("{\"event\":");
    json_put(event);
    va_start(pairs, event);
    for (const char *key; (key = va_arg(pairs, const char *)) != NULL;) {
        putchar(',');
        json_put(key);
        putchar(':');
        json_put(va_arg(pairs, const char *));
    }
    va_end(pairs);
    printf("}\n");
    fflush(stdout);
}

/* ---- stanzas ---- */

static char *child_text(xmpp_stanza_t *stanza, const char *name)
{
    xmpp_stanza_t *child = xmpp_stanza_get_child_by_name(stanza, name);

    return child != NULL ? xmpp_stanza_get_text(child) : NULL;
}

/* A child element with text; does nothing when there is no text. */
static void child_add(struct adapter *a, xmpp_stanza_t *parent, const char *name, const char *text)
{
    if (text == NULL)
        return;
    xmpp_stanza_t *child = xmpp_stanza_new(a->context), *inner = xmpp_stanza_new(a->context);

    xmpp_stanza_set_name(child, name);
    xmpp_stanza_set_text(inner, text);
    xmpp_stanza_add_child_ex(child, inner, 0);
    xmpp_stanza_add_child_ex(parent, child, 0);
}

static int on_presence(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *context)
{
    struct adapter *a = context;
    char *show = child_text(stanza, "show"), *status = child_text(stanza, "status");
    char *priority = child_text(stanza, "priority");

    (void)connection;
    emit("presence", "from", xmpp_stanza_get_from(stanza), "type", xmpp_stanza_get_type(stanza), "id",
         xmpp_stanza_get_id(stanza), "show", show, "status", status, "priority", priority, NULL);
    xmpp_free(a->context, show);
    xmpp_free(a->context, status);
    xmpp_free(a->context, priority);
    return 1;
}

static int on_asked(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *context)
{
    (void)connection;
    (void)stanza;
    ((struct adapter *)context)->is_asked = true; /* the library answers */
    return 1;
}

/* Everything that comes, as the library has understood it. */
static int on_any(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *context)
{
    struct adapter *a = context;
    char *text = NULL;
    size_t len = 0;

    (void)connection;
    if (xmpp_stanza_to_text(stanza, &text, &len) == XMPP_EOK)
        emit("stanza", "name", xmpp_stanza_get_name(stanza), "from", xmpp_stanza_get_from(stanza), "to",
             xmpp_stanza_get_to(stanza), "type", xmpp_stanza_get_type(stanza), "id",
             xmpp_stanza_get_id(stanza), "xml", text, NULL);
    xmpp_free(a->context, text);
    return 1;
}

static int on_message(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *context)
{
    struct adapter *a = context;
    char *body = child_text(stanza, "body");

    (void)connection;
    emit("message", "from", xmpp_stanza_get_from(stanza), "type", xmpp_stanza_get_type(stanza), "id",
         xmpp_stanza_get_id(stanza), "body", body, NULL);
    xmpp_free(a->context, body);
    return 1;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void item_emit(struct adapter *a, const char *event, const char *id, xmpp_stanza_t *item)
{
    char *groups[16], joined[1024] = "";
    size_t count = 0;

    for (xmpp_stanza_t *child = xmpp_stanza_get_children(item); child != NULL;
         child = xmpp_stanza_get_next(child)) {
        const char *name = xmpp_stanza_get_name(child);
        if (name != NULL && strcmp(name, "group") == 0 && count < 16)
            groups[count++] = xmpp_stanza_get_text(child);
    }
    qsort(groups, count, sizeof(groups[0]), by_text);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(joined);
        snprintf(joined + used, sizeof(joined) - used, "%s%s", i > 0 ? "," : "",
                 groups[i] != NULL ? groups[i] : "");
        xmpp_free(a->context, groups[i]);
    }
    emit(event, "id", id, "jid", xmpp_stanza_get_attribute(item, "jid"), "name",
         xmpp_stanza_get_attribute(item, "name"), "subscription",
         xmpp_stanza_get_attribute(item, "subscription"), "ask", xmpp_stanza_get_attribute(item, "ask"),
         "groups", joined, NULL);
}

static void items_emit(struct adapter *a, const char *event, const char *id, xmpp_stanza_t *query)
{
    xmpp_stanza_t *item = xmpp_stanza_get_children(query);

    for (; item != NULL; item = xmpp_stanza_get_next(item)) {
        if (xmpp_stanza_is_tag(item))
            item_emit(a, event, id, item);
    }
}

static void features_emit(const char *id, xmpp_stanza_t *query)
{
    char features[4096] = "";
    xmpp_stanza_t *child = query != NULL ? xmpp_stanza_get_children(query) : NULL;

    for (; child != NULL; child = xmpp_stanza_get_next(child)) {
        const char *var = xmpp_stanza_is_tag(child) ? xmpp_stanza_get_attribute(child, "var") : NULL;
        size_t used = strlen(features);
        if (var != NULL)
            snprintf(features + used, sizeof(features) - used, "%s%s", used > 0 ? " " : "", var);
    }
    emit("reply", "id", id, "type", "result", "features", features, NULL);
}

static void reply_emit(struct adapter *a, const char *id, const char *type, xmpp_stanza_t *stanza)
{
    const char *condition = NULL;

    if (strcmp(type, "error") == 0) {
        xmpp_stanza_t *error = xmpp_stanza_get_child_by_name(stanza, "error");
        xmpp_stanza_t *child = error != NULL ? xmpp_stanza_get_children(error) : NULL;
        for (; child != NULL && condition == NULL; child = xmpp_stanza_get_next(child))
            condition = xmpp_stanza_is_tag(child) ? xmpp_stanza_get_name(child) : NULL;
        emit("reply", "id", id, "type", "error", "condition", condition, NULL);
        return;
    }
    xmpp_stanza_t *query = xmpp_stanza_get_child_by_name(stanza, "query");
    const char *ns = query != NULL ? xmpp_stanza_get_ns(query) : NULL;
    if (ns != NULL && strcmp(ns, XMPP_NS_ROSTER) == 0)
        items_emit(a, "roster-item", id, query);
    features_emit(id, query);
}

/* Whoever asks what this client can do. */
static void features_answer(struct adapter *a, xmpp_conn_t *connection, xmpp_stanza_t *get,
                            xmpp_stanza_t *asked)
{
    xmpp_stanza_t *reply = xmpp_stanza_reply(get), *query = xmpp_stanza_copy(asked);
    xmpp_stanza_t *identity = xmpp_stanza_new(a->context), *feature = xmpp_stanza_new(a->context);
    char notify[256];

    snprintf(notify, sizeof(notify), "%s+notify", a->notify);
    xmpp_stanza_set_type(reply, "result");
    xmpp_stanza_set_name(identity, "identity");
    xmpp_stanza_set_attribute(identity, "category", "client");
    xmpp_stanza_set_attribute(identity, "type", "pc");
    xmpp_stanza_set_name(feature, "feature");
    xmpp_stanza_set_attribute(feature, "var", notify);
    xmpp_stanza_add_child_ex(query, identity, 0);
    xmpp_stanza_add_child_ex(query, feature, 0);
    xmpp_stanza_add_child_ex(reply, query, 0);
    xmpp_send(connection, reply);
    xmpp_stanza_release(reply);
}

static int on_iq(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *context)
{
    struct adapter *a = context;
    const char *type = xmpp_stanza_get_type(stanza), *id = xmpp_stanza_get_id(stanza);
    xmpp_stanza_t *query = xmpp_stanza_get_child_by_ns(stanza, XMPP_NS_ROSTER);
    xmpp_stanza_t *reply = NULL;

    if (type == NULL)
        return 1;
    if (strcmp(type, "result") == 0 || strcmp(type, "error") == 0) {
        reply_emit(a, id, type, stanza);
        return 1;
    }
    xmpp_stanza_t *asked = xmpp_stanza_get_child_by_ns(stanza, XMPP_NS_DISCO_INFO);
    if (strcmp(type, "get") == 0 && asked != NULL && a->notify != NULL) {
        features_answer(a, connection, stanza, asked);
        return 1;
    }
    if (strcmp(type, "set") == 0 && query != NULL)
        items_emit(a, "push", id, query);
    else if (strcmp(type, "get") != 0 || xmpp_stanza_get_child_by_ns(stanza, "urn:xmpp:ping") == NULL)
        return 1; /* the scenarios send nothing else */
    /* Not xmpp_stanza_reply(): a push has no `from`, and then it gives none. */
    reply = xmpp_iq_new(a->context, "result", id);
    if (xmpp_stanza_get_from(stanza) != NULL)
        xmpp_stanza_set_to(reply, xmpp_stanza_get_from(stanza));
    xmpp_send(connection, reply);
    xmpp_stanza_release(reply);
    return 1;
}

/* ---- commands ---- */

static void on_connection(xmpp_conn_t *connection, xmpp_conn_event_t event, int error,
                          xmpp_stream_error_t *stream_error, void *context)
{
    struct adapter *a = context;

    if (event == XMPP_CONN_CONNECT) {
        a->is_online = true;
        if (a->is_raw)
            xmpp_handler_add(connection, on_any, NULL, NULL, NULL, a);
        xmpp_handler_add(connection, on_asked, "urn:xmpp:sm:3", "r", NULL, a);
        xmpp_handler_add(connection, on_presence, NULL, "presence", NULL, a);
        xmpp_handler_add(connection, on_message, NULL, "message", NULL, a);
        xmpp_handler_add(connection, on_iq, NULL, "iq", NULL, a);
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
    a->is_raw = field(c, "raw") != NULL;
    free(a->notify);
    a->notify = field(c, "notify") != NULL ? strdup(field(c, "notify")) : NULL;
    a->connection = xmpp_conn_new(a->context);
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
        a->is_asked = false;
        xmpp_run_once(a->context, 0);
    } while (a->is_asked && a->is_online);
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

static void do_presence(struct adapter *a, const struct command *c)
{
    xmpp_stanza_t *presence = xmpp_presence_new(a->context);

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
    xmpp_stanza_t *message = xmpp_message_new(a->context, type != NULL ? type : "chat", field(c, "to"), NULL);

    child_add(a, message, "body", field(c, "body"));
    xmpp_send(a->connection, message);
    xmpp_stanza_release(message);
}

/* What the library has no words for. */
static void do_stanza(struct adapter *a, const struct command *c)
{
    xmpp_stanza_t *stanza = xmpp_stanza_new_from_string(a->context, field(c, "xml"));

    if (stanza == NULL) {
        emit("noise", "line", "the library does not read the stanza", NULL);
        return;
    }
    xmpp_send(a->connection, stanza);
    xmpp_stanza_release(stanza);
}

static void roster_item_add(struct adapter *a, xmpp_stanza_t *query, const struct command *c)
{
    xmpp_stanza_t *item = xmpp_stanza_new(a->context);
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
    xmpp_stanza_t *iq = xmpp_iq_new(a->context, is_get ? "get" : "set", field(c, "id"));
    xmpp_stanza_t *payload = xmpp_stanza_new(a->context);

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
    a.context = xmpp_ctx_new(NULL, trace != NULL ? xmpp_get_default_logger(XMPP_LEVEL_DEBUG) : NULL);
    if (a.line == NULL || a.context == NULL)
        return 1;
    while (!a.is_ending || a.is_online) {
        if (!a.is_ending && !input_read(&a))
            _exit(0); /* killed: nothing is closed but by the kernel */
        xmpp_run_once(a.context, TURN_MS);
        if (a.is_losing && !a.is_online && a.connect_line != NULL && xmpp_conn_is_disconnected(a.connection))
            come_back(&a);
        if (a.connection == NULL) {
            struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
            poll(&input, 1, -1);
        }
    }
    if (a.connection != NULL)
        xmpp_conn_release(a.connection);
    xmpp_ctx_free(a.context);
    xmpp_shutdown();
    free(a.connect_line);
    free(a.notify);
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
