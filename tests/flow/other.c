/* SPDX-License-Identifier: Apache-2.0 */
#include "other.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"
#include "xml/scanner.h"

/* Its lists are written piece by piece, as into a stream that is full. */
#define PIECE_BYTES 100

static struct other *other_find(struct world *w, const char *name)
{
    for (uint32_t i = 0; i < w->other_count; i++)
        if (strcmp(w->others[i].name, name) == 0)
            return &w->others[i];
    return NULL;
}

static struct router *router_of(struct world *w, const char *domain)
{
    return w->broker.routers[hash_bytes(span_of(domain)) % w->broker.worker_count];
}

static void hear(struct world *w, const struct other *o, const struct remote_stanza *s)
{
    struct buffer bytes = {0};
    uint32_t position = 0;
    while (remote_stanza_write(s, &position, &bytes, PIECE_BYTES))
        ;
    assert_int_equal(bytes.len, remote_stanza_bytes(s));
    user_hear(world_user(w, o->name), buffer_span(&bytes));
    buffer_fini(&bytes);
}

static void link_send(void *context, struct remote_stanza *s)
{
    struct world *w = context;
    for (uint32_t i = 0; i < w->other_count; i++) {
        struct other *o = &w->others[i];
        if (!span_equal(remote_stanza_domain(s), span_of(o->domain)))
            continue;
        if (o->is_down) {
            s->message.next = NULL;
            *o->undelivered_last = s;
            o->undelivered_last = (struct remote_stanza **)&s->message.next;
            return;
        }
        hear(w, o, s);
        remote_stanza_free(s);
        return;
    }
    struct span domain = remote_stanza_domain(s);
    world_fail(w, "said to %.*s", (int)domain.len, domain.ptr);
}

void other_begin(struct world *w, const char *name)
{
    static const struct remote_link link = {.send = link_send};
    assert_true(w->other_count < WORLD_OTHERS_MAX);
    struct other *o = &w->others[w->other_count++];
    snprintf(o->name, sizeof o->name, "%s", name);
    snprintf(o->domain, sizeof o->domain, "%s.example", name);
    o->undelivered_last = &o->undelivered;
    for (uint32_t i = 0; i < w->broker.worker_count; i++)
        router_remote_use(w->broker.routers[i], &link, w);
}

bool other_say(struct world *w, const char *name, const char *xml)
{
    static char storage[JID_BYTES_MAX];
    struct other *o = other_find(w, name);
    if (!o)
        return false;
    struct xml_limits limits = xml_limits_default;
    limits.has_db = true;
    struct xml_scan *scan = xml_scan_new(&limits);
    struct arena arena;
    struct xml_item item;
    struct stanza *stanza = calloc(1, sizeof *stanza);
    struct jid from;
    enum xml_error error;
    size_t used;
    arena_init(&arena);
    if (xml_scan_next(scan, XML_AT_CONTENT, SPAN("stream:stream"), span_of(xml), &item, &used, &error) != 0 ||
        used != strlen(xml) || stanza_read(&item, SPAN("jabber:server"), &arena, stanza) != 0 ||
        !stanza->has_to || jid_parse(stanza->from, storage, &from) != 0 ||
        !span_equal(jid_domain(&from), span_of(o->domain)))
        world_fail(w, "no other server would say that");
    router_remote_stanza(router_of(w, o->domain), stanza, &from, (struct span){0});
    arena_fini(&arena);
    xml_scan_free(scan);
    free(stanza);
    return true;
}

void other_fail(struct world *w, const char *name, const char *condition)
{
    struct other *o = other_find(w, name);
    if (!o)
        world_fail(w, "no server is named %s", name);
    o->is_down = condition != NULL;
    for (int e = 0; condition && e < STANZA_ERROR_COUNT; e++)
        if (strcmp(stanza_error_name((enum stanza_error)e), condition) == 0)
            o->failure = (enum stanza_error)e;
}

bool others_step(struct world *w)
{
    bool has_any = false;
    for (uint32_t i = 0; i < w->other_count; i++) {
        struct other *o = &w->others[i];
        struct remote_stanza *s = o->undelivered;
        o->undelivered = NULL;
        o->undelivered_last = &o->undelivered;
        for (struct remote_stanza *next; s; s = next) {
            next = (struct remote_stanza *)s->message.next;
            router_remote_failed(router_of(w, o->domain), s, o->failure);
            has_any = true;
        }
    }
    return has_any;
}

void others_fini(struct world *w)
{
    for (uint32_t i = 0; i < w->other_count; i++)
        assert_null(w->others[i].undelivered);
}
