/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's commands, by the names of XEP-0133 where it has one: each is what musterctl sends, and
 * is run by the same code. On job threads. */
#include <stdlib.h>

#include "sasl/sasl.h"
#include "service/command.h"
#include "store/command.h"
#include "xml/write.h"

#define ADMIN "http://jabber.org/protocol/admin#"

/* Of the list of users: what fits a window, and a stanza. */
#define ITEMS_DEFAULT 100
#define ITEMS_MAX 1000

static bool run(struct command_work *w, struct buffer *command, struct span body, struct buffer *reply)
{
    const struct service_settings *s = w->work.settings;
    if (!buffer_ok(command)) {
        buffer_literal(reply, "no memory");
        return false;
    }
    return s->run(s->run_context, buffer_span(command), body, reply);
}

/* A value must not be more than one word of a command. */
static bool word_put(struct buffer *command, struct span word)
{
    for (size_t i = 0; i < word.len; i++)
        if ((unsigned char)word.ptr[i] < 0x20)
            return false;
    buffer_append(command, word);
    return true;
}

/* For each JID of the first field. */
static bool run_each(struct command_work *w, const char *words)
{
    bool is_done = true;
    for (uint32_t i = 0; i < w->values[0].count && is_done; i++) {
        struct buffer command = {0};
        buffer_printf(&command, "%s\t", words);
        is_done = word_put(&command, w->values[0].list[i]) && run(w, &command, (struct span){0}, &w->text);
        buffer_fini(&command);
    }
    return is_done;
}

static bool user_put(struct command_work *w, const char *words)
{
    struct span jid = w->values[0].list[0], password = w->values[1].list[0], prepared;
    char storage[JID_PART_BYTES_MAX];
    struct sasl_credentials credentials;
    struct buffer command = {0}, body = {0};
    bool is_done = false;
    if (w->values[2].count && !span_equal(password, w->values[2].list[0]))
        buffer_literal(&w->text, "the two passwords differ");
    else if (jid_prepare_password(password, storage, sizeof storage, &prepared) != 0)
        buffer_literal(&w->text, "not a password");
    else if (sasl_credentials_make(prepared, w->work.settings->sasl_iterations, &credentials) != 0 ||
             !word_put(&body, jid))
        buffer_literal(&w->text, "not an account's address, or no keys could be made");
    else {
        buffer_append_char(&body, '\t');
        store_command_keys_write(&credentials, &body);
        buffer_append(&command, span_of(words));
        is_done = buffer_ok(&body) && run(w, &command, buffer_span(&body), &w->text);
        explicit_bzero(&credentials, sizeof credentials);
    }
    explicit_bzero(storage, sizeof storage);
    buffer_fini(&command);
    buffer_fini(&body);
    return is_done;
}

static bool run_add(struct command_work *w)
{
    return user_put(w, "user\tput");
}

static bool run_password(struct command_work *w)
{
    return user_put(w, "user\tput\texisting");
}

static bool run_delete(struct command_work *w)
{
    return run_each(w, "user\tremove");
}

static bool run_end(struct command_work *w)
{
    return run_each(w, "session\tend");
}

static bool run_announce(struct command_work *w)
{
    struct buffer command = {0}, text = {0};
    buffer_literal(&command, "announce");
    for (uint32_t i = 0; i < w->values[0].count; i++) {
        buffer_append(&text, w->values[0].list[i]);
        buffer_append_char(&text, '\n');
    }
    bool is_done = buffer_ok(&text) && run(w, &command, buffer_span(&text), &w->text);
    buffer_fini(&command);
    buffer_fini(&text);
    return is_done;
}

/* The reply's lines, cut at the first TAB. */
static bool line_next(struct span *rest, struct span *ret_name, struct span *ret_value)
{
    const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
    if (!end)
        return false;
    struct span line = span_make(rest->ptr, (size_t)(end - rest->ptr));
    const char *tab = memchr(line.ptr, '\t', line.len);
    *rest = span_skip(*rest, line.len + 1);
    *ret_name = span_make(line.ptr, tab ? (size_t)(tab - line.ptr) : line.len);
    *ret_value = tab ? span_skip(line, ret_name->len + 1) : (struct span){0};
    return true;
}

static void form_open(struct command_work *w)
{
    buffer_literal(&w->form, "<x xmlns='jabber:x:data' type='result'><field type='hidden' var='FORM_TYPE'>"
                             "<value>http://jabber.org/protocol/admin</value></field>");
}

static bool run_online(struct command_work *w)
{
    struct buffer command = {0}, reply = {0};
    struct span name, value, rest;
    unsigned long most = ITEMS_DEFAULT, count = 0, all = 0;
    if (w->values[0].count && w->values[0].list[0].len) /* copies end with a NUL */
        most = strtoul(w->values[0].list[0].ptr, NULL, 10);
    if (most > ITEMS_MAX)
        most = ITEMS_MAX;
    buffer_literal(&command, "session\tlist");
    bool is_done = run(w, &command, (struct span){0}, &reply);
    form_open(w);
    buffer_literal(&w->form, "<field var='onlineuserjids' type='jid-multi'>");
    for (rest = buffer_span(&reply); is_done && line_next(&rest, &name, &value);) {
        if (!span_starts(value, SPAN("available")))
            continue;
        if (all++ >= most)
            continue;
        count++;
        buffer_literal(&w->form, "<value>");
        xml_escape(&w->form, name);
        buffer_literal(&w->form, "</value>");
    }
    buffer_literal(&w->form, "</field></x>");
    buffer_printf(&w->text, "%lu of %lu", count, all);
    buffer_fini(&command);
    buffer_fini(&reply);
    return is_done;
}

static bool run_statistics(struct command_work *w)
{
    struct buffer command = {0}, reply = {0};
    struct span name, value, rest;
    buffer_literal(&command, "stats");
    bool is_done = run(w, &command, (struct span){0}, &reply);
    form_open(w);
    for (rest = buffer_span(&reply); is_done && line_next(&rest, &name, &value);) {
        buffer_literal(&w->form, "<field");
        xml_write_attribute(&w->form, "var", name);
        buffer_literal(&w->form, "><value>");
        xml_escape(&w->form, value);
        buffer_literal(&w->form, "</value></field>");
    }
    buffer_literal(&w->form, "</x>");
    buffer_fini(&command);
    buffer_fini(&reply);
    return is_done;
}

const struct command service_commands[] = {
    {ADMIN "add-user",
     "Add a user",
     {{"accountjid", "The address of the account", FIELD_JID, true},
      {"password", "The password", FIELD_SECRET, true},
      {"password-verify", "The password again", FIELD_SECRET, false}},
     run_add},
    {ADMIN "delete-user",
     "Remove users",
     {{"accountjids", "The addresses of the accounts", FIELD_JIDS, true}},
     run_delete},
    {ADMIN "change-user-password",
     "Set a password",
     {{"accountjid", "The address of the account", FIELD_JID, true},
      {"password", "The password", FIELD_SECRET, true}},
     run_password},
    {ADMIN "end-user-session",
     "End sessions",
     {{"accountjids", "The addresses of accounts or of single sessions", FIELD_JIDS, true}},
     run_end},
    {ADMIN "get-online-users-list",
     "List who is online",
     {{"max_items", "At most so many", FIELD_NUMBER, false}},
     run_online},
    {ADMIN "announce",
     "Announce to all who are online",
     {{"announcement", "The text", FIELD_TEXT, true}},
     run_announce},
    {"statistics", "Read the counters", {{0}}, run_statistics},
};
const uint32_t service_command_count = sizeof service_commands / sizeof service_commands[0];
