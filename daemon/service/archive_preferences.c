/* SPDX-License-Identifier: Apache-2.0 */
/* Whose messages an account wants archived (XEP-0441). The text in which they are kept is what route/archiving.c reads: the
 * default's letter, then a line for each exception, `+` or `-` and a JID. */
#include "base/buffer.h"
#include "route/router.h"
#include "service/services.h"
#include "store/archive.h"
#include "xml/tree.h"
#include "xml/write.h"

#define ARCHIVE SPAN("urn:xmpp:mam:2")
/* They are looked through for each message. */
#define EXCEPTIONS_MAX 200

struct preferences_work {
    struct service_work work;
    struct span text; /* on the request's arena */
};

static const struct choice {
    char letter;
    const char *name;
} choices[] = {{ARCHIVE_ALWAYS, "always"}, {ARCHIVE_NEVER, "never"}, {ARCHIVE_ROSTER, "roster"}};
#define CHOICES (sizeof choices / sizeof *choices)

static void exceptions_write(struct buffer *out, struct span text, char sign, const char *name)
{
    buffer_printf(out, "<%s>", name);
    for (const char *at = text.ptr; (at = memchr(at, '\n', (size_t)(text.ptr + text.len - at))) != NULL;) {
        at++;
        size_t left = (size_t)(text.ptr + text.len - at);
        const char *end = left ? memchr(at, '\n', left) : NULL;
        if (!end)
            break;
        if (*at != sign)
            continue;
        buffer_literal(out, "<jid>");
        xml_escape(out, span_make(at + 1, (size_t)(end - at) - 1));
        buffer_literal(out, "</jid>");
    }
    buffer_printf(out, "</%s>", name);
}

/* `text` not empty. */
static void preferences_write(struct buffer *out, struct span text)
{
    const char *name = "";
    for (size_t i = 0; i < CHOICES; i++)
        if (choices[i].letter == text.ptr[0])
            name = choices[i].name;
    buffer_printf(out, "<prefs xmlns='urn:xmpp:mam:2' default='%s'>", name);
    exceptions_write(out, text, '+', "always");
    exceptions_write(out, text, '-', "never");
    buffer_literal(out, "</prefs>");
}

void service_archive_preferences_get(const struct service_query *q)
{
    struct buffer out = {0};
    const char usual[] = {q->router->settings->archive_default, '\n'};
    const char *own = q->account->archive_preferences;
    if (!q->settings->has_archive) {
        service_refuse(q, STANZA_SERVICE_UNAVAILABLE);
        return;
    }
    preferences_write(&out, own ? span_of(own) : span_make(usual, sizeof usual));
    if (buffer_ok(&out))
        service_result(q, buffer_span(&out));
    else
        service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(&out);
}

static void set_finish(struct service_work *work)
{
    struct preferences_work *w = container_of(work, struct preferences_work, work);
    struct buffer out = {0};
    struct account *a = router_account_find(work->router, work->request.jid);
    if (work->request.result != 0) {
        service_work_refuse(work, STANZA_ITEM_NOT_FOUND);
        return;
    }
    if (a)
        router_archive_prefer(a, w->text);
    preferences_write(&out, w->text);
    if (buffer_ok(&out))
        service_work_result(work, buffer_span(&out));
    else
        service_work_refuse(work, STANZA_RESOURCE_CONSTRAINT);
    buffer_fini(&out);
}

/* On the store thread. */
static int set_run(struct store_db *db, struct store_request *request)
{
    const struct service_work *work = container_of(request, struct service_work, request);
    const struct preferences_work *w = container_of(work, struct preferences_work, work);
    return store_archive_preferences_save(db, request->jid, w->text);
}

/* False: one is no JID, or there are too many. */
static bool exceptions_read(struct buffer *text, const struct xml_node *prefs, struct span name, char sign,
                            uint32_t *count)
{
    const struct xml_node *list = xml_node_child(prefs, name, ARCHIVE);
    for (const struct xml_node *n = list ? list->children : NULL; n; n = n->next) {
        char storage[JID_BYTES_MAX];
        struct jid jid;
        if (!span_is(n->name, "jid") || ++*count > EXCEPTIONS_MAX || jid_parse(n->text, storage, &jid) != 0)
            return false;
        buffer_append_char(text, sign);
        buffer_append(text, jid_full(&jid));
        buffer_append_char(text, '\n');
    }
    return true;
}

/* False: it says nothing that we understand. */
static bool preferences_read(struct buffer *text, const struct xml_node *prefs)
{
    struct span usual = xml_node_attribute(prefs, SPAN("default"));
    uint32_t count = 0;
    for (size_t i = 0; i < CHOICES; i++)
        if (span_equal(usual, span_of(choices[i].name)))
            buffer_append_char(text, choices[i].letter);
    if (!text->len)
        return false;
    buffer_append_char(text, '\n');
    return exceptions_read(text, prefs, SPAN("always"), '+', &count) &&
           exceptions_read(text, prefs, SPAN("never"), '-', &count);
}

void service_archive_preferences_set(const struct service_query *q)
{
    struct buffer text = {0};
    const struct xml_node *prefs = q->settings->has_archive ? service_payload(q) : NULL;
    if (!q->settings->has_archive)
        service_refuse(q, STANZA_SERVICE_UNAVAILABLE);
    if (!prefs)
        return;
    if (!preferences_read(&text, prefs)) {
        service_refuse(q, STANZA_BAD_REQUEST);
        buffer_fini(&text);
        return;
    }
    struct preferences_work *w = service_work_new(q, sizeof *w, set_finish);
    if (w) {
        w->text =
            buffer_ok(&text) ? arena_copy(&w->work.request.arena, buffer_span(&text)) : (struct span){0};
        if (w->text.ptr) {
            service_work_submit(&w->work, set_run);
        } else {
            service_work_free(&w->work);
            service_refuse(q, STANZA_RESOURCE_CONSTRAINT);
        }
    }
    buffer_fini(&text);
}
