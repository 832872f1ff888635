/* SPDX-License-Identifier: Apache-2.0 */
#include "strophe_heard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strophe_lines.h"

static char *child_text(xmpp_stanza_t *stanza, const char *name)
{
    xmpp_stanza_t *child = xmpp_stanza_get_child_by_name(stanza, name);

    return child != NULL ? xmpp_stanza_get_text(child) : NULL;
}

static int on_presence(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *context)
{
    struct heard *h = context;
    char *show = child_text(stanza, "show"), *status = child_text(stanza, "status");
    char *priority = child_text(stanza, "priority");

    (void)connection;
    emit("presence", "from", xmpp_stanza_get_from(stanza), "type", xmpp_stanza_get_type(stanza), "id",
         xmpp_stanza_get_id(stanza), "show", show, "status", status, "priority", priority, NULL);
    xmpp_free(h->context, show);
    xmpp_free(h->context, status);
    xmpp_free(h->context, priority);
    return 1;
}

static int on_asked(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *context)
{
    (void)connection;
    (void)stanza;
    ((struct heard *)context)->is_asked = true; /* the library answers */
    return 1;
}

/* Everything that comes, as the library has understood it. */
static int on_any(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *context)
{
    struct heard *h = context;
    char *text = NULL;
    size_t len = 0;

    (void)connection;
    if (xmpp_stanza_to_text(stanza, &text, &len) == XMPP_EOK)
        emit("stanza", "name", xmpp_stanza_get_name(stanza), "from", xmpp_stanza_get_from(stanza), "to",
             xmpp_stanza_get_to(stanza), "type", xmpp_stanza_get_type(stanza), "id",
             xmpp_stanza_get_id(stanza), "xml", text, NULL);
    xmpp_free(h->context, text);
    return 1;
}

static int on_message(xmpp_conn_t *connection, xmpp_stanza_t *stanza, void *context)
{
    struct heard *h = context;
    char *body = child_text(stanza, "body");

    (void)connection;
    emit("message", "from", xmpp_stanza_get_from(stanza), "type", xmpp_stanza_get_type(stanza), "id",
         xmpp_stanza_get_id(stanza), "body", body, NULL);
    xmpp_free(h->context, body);
    return 1;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void item_emit(struct heard *h, const char *event, const char *id, xmpp_stanza_t *item)
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
        xmpp_free(h->context, groups[i]);
    }
    emit(event, "id", id, "jid", xmpp_stanza_get_attribute(item, "jid"), "name",
         xmpp_stanza_get_attribute(item, "name"), "subscription",
         xmpp_stanza_get_attribute(item, "subscription"), "ask", xmpp_stanza_get_attribute(item, "ask"),
         "groups", joined, NULL);
}

static void items_emit(struct heard *h, const char *event, const char *id, xmpp_stanza_t *query)
{
    xmpp_stanza_t *item = xmpp_stanza_get_children(query);

    for (; item != NULL; item = xmpp_stanza_get_next(item)) {
        if (xmpp_stanza_is_tag(item))
            item_emit(h, event, id, item);
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

static void reply_emit(struct heard *h, const char *id, const char *type, xmpp_stanza_t *stanza)
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
        items_emit(h, "roster-item", id, query);
    features_emit(id, query);
}

/* Whoever asks what this client can do. */
static void features_answer(struct heard *h, xmpp_conn_t *connection, xmpp_stanza_t *get,
                            xmpp_stanza_t *asked)
{
    xmpp_stanza_t *reply = xmpp_stanza_reply(get), *query = xmpp_stanza_copy(asked);
    xmpp_stanza_t *identity = xmpp_stanza_new(h->context), *feature = xmpp_stanza_new(h->context);
    char notify[256];

    snprintf(notify, sizeof(notify), "%s+notify", h->notify);
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
    struct heard *h = context;
    const char *type = xmpp_stanza_get_type(stanza), *id = xmpp_stanza_get_id(stanza);
    xmpp_stanza_t *query = xmpp_stanza_get_child_by_ns(stanza, XMPP_NS_ROSTER);
    xmpp_stanza_t *reply = NULL;

    if (type == NULL)
        return 1;
    if (strcmp(type, "result") == 0 || strcmp(type, "error") == 0) {
        reply_emit(h, id, type, stanza);
        return 1;
    }
    xmpp_stanza_t *asked = xmpp_stanza_get_child_by_ns(stanza, XMPP_NS_DISCO_INFO);
    if (strcmp(type, "get") == 0 && asked != NULL && h->notify != NULL) {
        features_answer(h, connection, stanza, asked);
        return 1;
    }
    if (strcmp(type, "set") == 0 && query != NULL)
        items_emit(h, "push", id, query);
    else if (strcmp(type, "get") != 0 || xmpp_stanza_get_child_by_ns(stanza, "urn:xmpp:ping") == NULL)
        return 1; /* the scenarios send nothing else */
    /* Not xmpp_stanza_reply(): a push has no `from`, and then it gives none. */
    reply = xmpp_iq_new(h->context, "result", id);
    if (xmpp_stanza_get_from(stanza) != NULL)
        xmpp_stanza_set_to(reply, xmpp_stanza_get_from(stanza));
    xmpp_send(connection, reply);
    xmpp_stanza_release(reply);
    return 1;
}

void heard_begin(xmpp_conn_t *connection, struct heard *h)
{
    if (h->is_raw)
        xmpp_handler_add(connection, on_any, NULL, NULL, NULL, h);
    xmpp_handler_add(connection, on_asked, "urn:xmpp:sm:3", "r", NULL, h);
    xmpp_handler_add(connection, on_presence, NULL, "presence", NULL, h);
    xmpp_handler_add(connection, on_message, NULL, "message", NULL, h);
    xmpp_handler_add(connection, on_iq, NULL, "iq", NULL, h);
}
