/* SPDX-License-Identifier: Apache-2.0 */
#include "commands_session.h"

#include <stdlib.h>
#include <string.h>

#include "broker.h"

/* A headline to everybody, not a book. */
#define ANNOUNCEMENT_BYTES_MAX 8192

struct report {
    pthread_mutex_t lock;
    struct buffer *out;
};

static void ask_sessions(struct worker *w, void *context)
{
    struct report *report = context;
    struct buffer mine = {0};
    router_sessions_write(&w->router, &mine);
    pthread_mutex_lock(&report->lock);
    buffer_append(report->out, buffer_span(&mine));
    pthread_mutex_unlock(&report->lock);
    buffer_fini(&mine);
}

static int line_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void command_lines_sort(struct buffer *text)
{
    size_t count = 0;
    for (uint32_t i = 0; i < text->len; i++)
        count += text->ptr[i] == '\n';
    char **lines = malloc((count + 1) * sizeof *lines);
    char *copy = lines ? strndup(text->ptr ? text->ptr : "", text->len) : NULL;
    if (!copy) {
        free(lines);
        return;
    }
    size_t n = 0;
    for (char *rest = copy, *line; (line = strsep(&rest, "\n")) && rest;)
        lines[n++] = line;
    qsort(lines, n, sizeof *lines, line_compare);
    buffer_clear(text);
    for (size_t i = 0; i < n; i++)
        buffer_printf(text, "%s\n", lines[i]);
    free(copy);
    free(lines);
}

static void sessions_list(struct broker *b, struct buffer *reply)
{
    struct report report = {PTHREAD_MUTEX_INITIALIZER, reply};
    broker_ask(b, ask_sessions, &report);
    command_lines_sort(reply);
}

struct order {
    struct span text;
    _Atomic uint32_t count;
};

static void ask_end(struct worker *w, void *context)
{
    struct order *order = context;
    order->count += router_sessions_end(&w->router, order->text);
}

static bool sessions_end(struct broker *b, struct span text, struct buffer *reply)
{
    char storage[JID_BYTES_MAX];
    struct jid jid;
    if (jid_parse(text, storage, &jid) != 0 || !jid.local_len) {
        buffer_literal(reply, "not the JID of an account or a session");
        return false;
    }
    struct order order = {.text = jid_full(&jid)};
    broker_ask(b, ask_end, &order);
    buffer_printf(reply, "%u session%s ended\n", order.count, order.count == 1 ? "" : "s");
    return true;
}

static void ask_announce(struct worker *w, void *context)
{
    struct order *order = context;
    order->count += router_announce(&w->router, order->text);
}

/* What XML cannot say is not said. */
static bool is_sayable(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 && text.ptr[i] != '\n' && text.ptr[i] != '\t')
            return false;
    return text.len > 0 && text.len <= ANNOUNCEMENT_BYTES_MAX;
}

static bool announce(struct broker *b, struct span text, struct buffer *reply)
{
    while (text.len && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (!is_sayable(text)) {
        buffer_printf(reply, "an announcement has 1 to %d bytes of text", ANNOUNCEMENT_BYTES_MAX);
        return false;
    }
    struct order order = {.text = text};
    broker_ask(b, ask_announce, &order);
    buffer_printf(reply, "announced to %u account%s\n", order.count, order.count == 1 ? "" : "s");
    return true;
}

#define END SPAN("session\tend\t")

bool command_session_known(struct span command)
{
    return span_is(command, "session\tlist") || span_is(command, "announce") || span_starts(command, END);
}

bool command_session_run(struct broker *b, struct span command, struct span body, struct buffer *reply)
{
    if (span_is(command, "announce"))
        return announce(b, body, reply);
    if (span_starts(command, END))
        return sessions_end(b, span_skip(command, END.len), reply);
    sessions_list(b, reply);
    return true;
}
