/* SPDX-License-Identifier: Apache-2.0 */
/* SASL as XEP-0388 writes it: <authenticate/> brings along what is wanted of the session, <success/> says
 * what came of it, and the stream goes on. So success is said last, at the account's home, when a resource is
 * bound. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "stream/internal.h"
#include "xml/tree.h"
#include "xml/write.h"

static void sasl2_challenge(struct stream *s, struct span message)
{
    struct buffer out = {0};
    buffer_literal(&out, "<challenge xmlns='urn:xmpp:sasl:2'>");
    if (message.len)
        sasl_base64_encode(message, &out);
    buffer_literal(&out, "</challenge>");
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
}

static void sasl2_failure(struct stream *s, enum sasl_error error)
{
    struct buffer out = {0};
    buffer_printf(&out,
                  "<failure xmlns='urn:xmpp:sasl:2'><%s xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>",
                  sasl_error_name(error));
    stream_say(s, buffer_span(&out));
    buffer_fini(&out);
}

static void sasl2_keep_success(struct stream *s, struct span message)
{
    s->login->is_sasl2 = true;
    if (message.len)
        sasl_base64_encode(message, &s->login->additional);
}

static const struct auth_wire sasl2_wire = {sasl2_challenge, sasl2_failure, sasl2_keep_success};

bool stream_sasl2_is_exclusive(const struct stream *s)
{
    return stream_auth_is_of(s, &sasl2_wire);
}

void stream_sasl2_success(struct stream *s)
{
    struct buffer out = {0};
    buffer_literal(&out, "<success xmlns='urn:xmpp:sasl:2'>");
    if (s->login->additional.len) {
        buffer_literal(&out, "<additional-data>");
        buffer_append(&out, buffer_span(&s->login->additional));
        buffer_literal(&out, "</additional-data>");
    }
    buffer_literal(&out, "<authorization-identifier>");
    xml_escape(&out, stream_jid(s));
    buffer_literal(&out, "</authorization-identifier>");
    buffer_append(&out, buffer_span(&s->login->results));
    if (s->login->is_bound) {
        buffer_literal(&out, "<bound xmlns='urn:xmpp:bind:0'>");
        buffer_append(&out, buffer_span(&s->login->enabled));
        buffer_literal(&out, "</bound>");
    }
    stream_fast_success(s->login, &out);
    buffer_literal(&out, "</success>");
    stream_features_write(s, &out);
    stream_say_aside(s, buffer_span(&out));
    buffer_fini(&out);
}

/* Before anything is bound (XEP-0386 s. 3.2). false: a resource may be. */
static bool sasl2_resume(struct stream *s)
{
    struct stream_login *l = s->login;
    int outcome = stream_resume(s, span_of(l->resume.previd), span_of(l->resume.h), &l->results);
    if (outcome == STREAM_RESUME_FAILED)
        return false;
    if (outcome == 0) {
        stream_sasl2_success(s);
        stream_login_free(s);
        stream_certificate_watch(s);
        stream_resume_rest(s);
        stream_continue(s);
    }
    return true;
}

void stream_sasl2_settle(struct stream *s)
{
    stream_enter(s, STREAM_BINDING);
    if (s->login->resume.previd && sasl2_resume(s))
        return;
    if (s->login->bind.is_wanted) {
        stream_bind2_begin(s);
        return;
    }
    stream_sasl2_success(s);
    stream_login_free(s);
    stream_continue(s);
}

/* The installation's name in lower case; what is not a UUID names nobody. NULL also without memory. */
static char *agent_read(const struct xml_node *authenticate)
{
    const struct xml_node *agent = xml_node_child(authenticate, SPAN("user-agent"), XMLNS_SASL2);
    struct span id = agent ? xml_node_attribute(agent, SPAN("id")) : (struct span){0};
    if (id.len != STREAM_CLIENT_BYTES) /* RFC 4122 s. 3 */
        return NULL;
    for (size_t i = 0; i < id.len; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? id.ptr[i] != '-' : !isxdigit((unsigned char)id.ptr[i]))
            return NULL;
    }
    char *text = strndup(id.ptr, id.len);
    for (char *c = text; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return text;
}

static int resume_read(struct stream_login *l, const struct xml_node *authenticate)
{
    const struct xml_node *resume = xml_node_child(authenticate, SPAN("resume"), XMLNS_SM);
    struct span previd = resume ? xml_node_attribute(resume, SPAN("previd")) : (struct span){0};
    if (!resume)
        return 0;
    stream_login_keep(xml_node_attribute(resume, SPAN("h")), l->resume.h);
    l->resume.previd = strndup(previd.len ? previd.ptr : "", previd.len);
    return l->resume.previd ? 0 : -ENOMEM;
}

static void sasl2_authenticate(struct stream *s, const struct xml_item *item)
{
    struct xml_node *root;
    struct stream_login *l = stream_login_take(s);
    if (!stream_mechanisms_sasl2(s)) {
        stream_auth_fail(s, &sasl2_wire, SASL_ENCRYPTION_REQUIRED);
        return;
    }
    if (!l || xml_tree_build(&s->worker->arena, item->raw, XMLNS_CLIENT, &root) < 0) {
        stream_auth_fail(s, &sasl2_wire, SASL_TEMPORARY_AUTH_FAILURE);
        return;
    }
    stream_login_forget(l);
    l->agent = agent_read(root);
    if (resume_read(l, root) < 0 || stream_bind2_read(l, root) < 0) {
        stream_auth_fail(s, &sasl2_wire, SASL_TEMPORARY_AUTH_FAILURE);
        return;
    }
    stream_fast_read(s, l, root);
    uint32_t offered = stream_mechanisms_sasl2(s);
    /* A token names the installation that it was given to (XEP-0484 s. 4.1). */
    if (l->fast.has_token && l->agent)
        offered |= stream_fast_mechanisms(s);
    const struct xml_node *initial = xml_node_child(root, SPAN("initial-response"), XMLNS_SASL2);
    stream_auth_start(s, &sasl2_wire, offered, xml_node_attribute(root, SPAN("mechanism")),
                      initial ? &initial->text : NULL);
}

void stream_sasl2_item(struct stream *s, const struct xml_item *item)
{
    if (span_is(item->name, "authenticate") && !stream_sasl2_is_exclusive(s))
        sasl2_authenticate(s, item);
    else if (span_is(item->name, "abort") && stream_sasl2_is_exclusive(s))
        stream_auth_fail(s, &sasl2_wire, SASL_ABORTED);
    else if (!span_is(item->name, "response") || !stream_auth_respond(s, &sasl2_wire, item->content))
        stream_fail(s, STREAM_POLICY_VIOLATION, "out of turn");
}
