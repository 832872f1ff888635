/* SPDX-License-Identifier: Apache-2.0 */
/* Bind 2 (XEP-0386): a resource along with the log-in, made of the client's tag and a part of ours. The same
 * installation gets the same one for the same tag, and its earlier sessions end: it is here again. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/hex.h"
#include "jid/jid.h"
#include "stream/internal.h"
#include "xml/tree.h"

/* "A short text string": what is longer is left out, for it would be in every stanza of the session. */
#define TAG_BYTES_MAX 64

int stream_bind2_read(struct stream_login *l, const struct xml_node *authenticate)
{
    const struct xml_node *bind = xml_node_child(authenticate, SPAN("bind"), XMLNS_BIND2);
    if (!bind)
        return 0;
    const struct xml_node *enable = xml_node_child(bind, SPAN("enable"), XMLNS_SM);
    const struct xml_node *tag = xml_node_child(bind, SPAN("tag"), XMLNS_BIND2);
    l->bind.is_wanted = true;
    l->bind.has_carbons = xml_node_child(bind, SPAN("enable"), XMLNS_CARBONS) != NULL;
    l->bind.is_inactive = xml_node_child(bind, SPAN("inactive"), XMLNS_CSI) != NULL;
    l->bind.is_managed = enable != NULL;
    if (enable) {
        stream_login_keep(xml_node_attribute(enable, SPAN("resume")), l->bind.resume);
        stream_login_keep(xml_node_attribute(enable, SPAN("max")), l->bind.max);
    }
    if (!tag || !tag->text.len || tag->text.len > TAG_BYTES_MAX)
        return 0;
    l->bind.tag = strndup(tag->text.ptr, tag->text.len);
    return l->bind.tag ? 0 : -ENOMEM;
}

/* Our part: stable where the client names its installation, which must not show in it (s. 3.2.1). */
static int bind2_client(const struct stream *s, char ret_client[static SASL_PSEUDONYM_BYTES + 1])
{
    uint8_t random[SASL_PSEUDONYM_BYTES / 2];
    const struct stream_login *l = s->login;
    if (l->agent)
        return sasl_pseudonym(s->worker->settings->secret, stream_bare_jid(s), span_of(l->agent), ret_client);
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort(); /* a few bytes after boot cannot fail */
    hex_write(random, sizeof random, ret_client);
    return 0;
}

void stream_bind2_begin(struct stream *s)
{
    const struct bind2 *b = &s->login->bind;
    char client[SASL_PSEUDONYM_BYTES + 1], storage[JID_PART_BYTES_MAX];
    if (bind2_client(s, client) < 0) {
        stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    struct buffer text = {0};
    struct span resource;
    buffer_printf(&text, "%s.%s", b->tag ? b->tag : "", client);
    /* A tag that can be no part of a resource is left out, as one that was not given. */
    if (!b->tag || jid_prepare_resource(buffer_span(&text), storage, &resource) != 0)
        resource = span_of(client);
    const struct stream_bind request = {.resource = resource,
                                        .client_len = s->login->agent ? SASL_PSEUDONYM_BYTES : 0,
                                        .has_carbons = b->has_carbons};
    s->is_waiting = true;
    s->worker->events->bind(s, stream_bare_jid(s), &request);
    buffer_fini(&text);
}

void stream_bind2_bound(struct stream *s)
{
    struct stream_login *l = s->login;
    l->is_bound = true;
    if (l->bind.is_managed)
        stream_enable(s, span_of(l->bind.resume), span_of(l->bind.max), &l->enabled);
    stream_sasl2_success(s);
    stream_inactive_set(s, l->bind.is_inactive && s->worker->settings->has_csi);
}
