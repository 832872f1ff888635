/* SPDX-License-Identifier: Apache-2.0 */
/* The world's clients by their names: they log in, say something, and were told what the test expects. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct user *world_user(struct world *w, const char *name)
{
    for (uint32_t i = 0; i < w->user_count; i++)
        if (strcmp(w->users[i].name, name) == 0)
            return &w->users[i];
    assert_true(w->user_count < WORLD_USERS_MAX);
    struct user *u = &w->users[w->user_count++];
    user_init(u, name);
    return u;
}

void world_connect(struct world *w, struct user *u, int worker)
{
    uint32_t at =
        worker < 0 ? w->connections++ % w->broker.worker_count : (uint32_t)worker % w->broker.worker_count;
    user_connect(u, w->broker.listener_fds[at]);
}

static void each_name(struct world *w, const char *names, void (*act)(struct world *w, const char *name))
{
    char text[256], *rest = text;
    assert_true(strlen(names) < sizeof text);
    strcpy(text, names);
    for (char *name; (name = strsep(&rest, " "));)
        if (*name)
            act(w, name);
}

static void login(struct world *w, const char *name)
{
    struct user *u = world_user(w, name);
    world_connect(w, u, -1);
    user_login(u, USER_BOUND);
    world_settle(w);
    if (u->phase != USER_BOUND)
        world_fail(w, "%s could not log in: %s", name, u->first ? u->first->text : "nothing was said");
}

static void online(struct world *w, const char *name)
{
    login(w, name);
    world_say(w, name, "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
    world_say(w, name, "<presence/>");
}

void world_login(struct world *w, const char *names)
{
    each_name(w, names, login);
}

void world_online(struct world *w, const char *names)
{
    each_name(w, names, online);
    for (uint32_t i = 0; i < w->user_count; i++)
        user_forget(&w->users[i]);
}

static char *text_made(const char *format, va_list arguments)
{
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    return text;
}

void world_say(struct world *w, const char *user, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = text_made(format, arguments);
    va_end(arguments);
    user_say(world_user(w, user), span_of(text));
    free(text);
    world_settle(w);
}

static char *expectation(struct world *w, const char *format, va_list arguments)
{
    char *xml = text_made(format, arguments), *expected = user_canonical(xml);
    if (!expected)
        world_fail(w, "the test expects what is no XML: %s", xml);
    free(xml);
    return expected;
}

void world_expect(struct world *w, const char *user, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *expected = expectation(w, format, arguments);
    va_end(arguments);
    struct said *s = user_take(world_user(w, user));
    if (!s || !user_is_expected(expected, s->text))
        world_fail(w, "%s is told\n  %s\nexpected:\n  %s", user, s ? s->text : "nothing", expected);
    said_free(s);
    free(expected);
}

void world_expect_any(struct world *w, const char *user, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *expected = expectation(w, format, arguments);
    va_end(arguments);
    struct user *u = world_user(w, user);
    struct said **link = &u->first;
    while (*link && !user_is_expected(expected, (*link)->text))
        link = &(*link)->next;
    struct said *s = *link;
    if (!s)
        world_fail(w, "%s is told\n  %s\nand not:\n  %s", user, u->first ? u->first->text : "nothing",
                   expected);
    *link = s->next;
    if (!*link)
        u->last = link;
    said_free(s);
    free(expected);
}

void world_expect_nothing(struct world *w, const char *user)
{
    const struct user *u = world_user(w, user);
    if (u->first)
        world_fail(w, "%s is told\n  %s\nexpected: nothing", user,
                   u->first->name[0] ? u->first->text : "the stream's end");
}

void world_expect_closed(struct world *w, const char *user)
{
    struct user *u = world_user(w, user);
    struct said *s = user_take(u);
    if (!s || s->name[0])
        world_fail(w, "%s is told\n  %s\nexpected: the stream's end", user, s ? s->text : "nothing");
    said_free(s);
    if (!u->peer->is_server_ended)
        world_fail(w, "%s: the connection is not ended", user);
}

void world_expect_silence(struct world *w)
{
    for (uint32_t i = 0; i < w->user_count; i++)
        world_expect_nothing(w, w->users[i].name);
}
