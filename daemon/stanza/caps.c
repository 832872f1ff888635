/* SPDX-License-Identifier: Apache-2.0 */
#include "stanza/caps.h"

#include "sasl/digest.h"
#include "stanza/child.h"
#include "xml/write.h"

static struct span trimmed(struct span s)
{
    while (s.len && stanza_is_space(s.ptr[0]))
        s = span_skip(s, 1);
    while (s.len && stanza_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Base64 and names of hash functions hold nothing that need be written as a reference. */
static bool is_plain(struct span s, size_t bytes_max)
{
    return s.len && s.len <= bytes_max && !memchr(s.ptr, '&', s.len) && !memchr(s.ptr, '<', s.len);
}

static void claim_set(struct caps_claim *claim, const struct caps_claim *read)
{
    if (is_plain(read->algorithm, CAPS_ALGORITHM_BYTES_MAX) && is_plain(read->hash, CAPS_HASH_BYTES_MAX) &&
        read->node.len <= CAPS_NODE_BYTES_MAX)
        *claim = *read;
}

/* The first hash function that is known here. */
static void hashes_read(struct span rest, struct caps_claim *claim)
{
    struct stanza_child child;
    while (stanza_child_next(&rest, &child) == 0) {
        struct caps_claim read = {.kind = CAPS_CLAIM_0390,
                                  .algorithm = stanza_child_attribute(child.attributes, SPAN("algo")),
                                  .hash = trimmed(child.content)};
        if (!span_is(child.name, "hash") || !digest_is_known(read.algorithm) ||
            !span_is(stanza_child_attribute(child.attributes, SPAN("xmlns")), "urn:xmpp:hashes:2"))
            continue;
        claim_set(claim, &read);
        return;
    }
}

void caps_claim_read(const struct stanza_child *child, struct caps_claim *claim)
{
    struct span xmlns = stanza_child_attribute(child->attributes, SPAN("xmlns"));
    if (span_is(xmlns, "urn:xmpp:caps"))
        hashes_read(child->content, claim);
    if (!span_is(xmlns, "http://jabber.org/protocol/caps") || claim->kind != CAPS_CLAIM_NONE)
        return;
    struct caps_claim read = {.kind = CAPS_CLAIM_0115,
                              .algorithm = stanza_child_attribute(child->attributes, SPAN("hash")),
                              .hash = stanza_child_attribute(child->attributes, SPAN("ver")),
                              .node = stanza_child_attribute(child->attributes, SPAN("node"))};
    claim_set(claim, &read);
}

void caps_claim_node(const struct caps_claim *claim, struct arena *arena, struct buffer *out)
{
    if (claim->kind == CAPS_CLAIM_0390) {
        buffer_literal(out, "urn:xmpp:caps#");
        buffer_append(out, claim->algorithm);
        buffer_append_char(out, '.');
    } else {
        buffer_append(out, xml_unescape(arena, claim->node));
        buffer_append_char(out, '#');
    }
    buffer_append(out, claim->hash);
}
