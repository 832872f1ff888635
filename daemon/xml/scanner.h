/* SPDX-License-Identifier: Apache-2.0 */
/* The stanza scanner: finds the next whole item of an XML stream in contiguous bytes, in one pass and
 * without building a tree: stream header, stanza, stream end, white-space keep-alive. It checks
 * everything that makes the item well-formed and namespace-well-formed XML 1.0 in UTF-8, and refuses what
 * RFC 6120 s. 11 forbids (comments, processing instructions, DTDs, all but the predefined entities).
 *
 * The caller keeps the bytes of an unfinished item contiguous from its first byte on and calls again
 * with more behind them (the run may have moved in memory: the scan holds offsets only); the scan goes on
 * where it stopped and looks at no byte twice. At an item's end nothing is kept: one `struct xml_scan`
 * serves every stream that is at a boundary. */
#ifndef MUSTER_XML_SCANNER_H
#define MUSTER_XML_SCANNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Outcomes of xml_scan_next beside 0 (an item). */
enum { XML_MORE = 1, XML_BAD = 2 };

/* What is wrong with the bytes; each is a stream error condition of RFC 6120 s. 4.9.3. */
enum xml_error {
    XML_ERROR_NONE,
    XML_NOT_WELL_FORMED,      /* not-well-formed; also a character that XML 1.0 forbids */
    XML_RESTRICTED,           /* restricted-xml: comment, PI, DTD, entity (CDATA is allowed) */
    XML_BAD_NAMESPACE_PREFIX, /* bad-namespace-prefix: undeclared, or not declared within the stanza */
    XML_UNSUPPORTED_ENCODING, /* unsupported-encoding: not UTF-8, or a declaration or BOM of another */
    XML_BAD_FORMAT,           /* bad-format: character data between stanzas that is not white space */
    XML_POLICY_VIOLATION,     /* policy-violation: a limit below */
};

struct xml_limits {
    uint32_t
        stanza_bytes; /* of one item, stream header too; default 262144 (RFC 6120 s. 13.12 asks >= 10000) */
    uint16_t depth;   /* open elements within a stanza, itself included; <= XML_DEPTH_MAX */
    uint16_t attributes; /* of one element, declarations included; <= XML_ATTRIBUTES_MAX */
    uint16_t name_bytes; /* of one element or attribute name, prefix included */
    bool has_db;         /* a server's stream: its header declares `db` as well, for dialback (XEP-0220) */
};

#define XML_DEPTH_MAX 128
#define XML_ATTRIBUTES_MAX 64
#define XML_BINDINGS_MAX 64 /* namespace prefixes in scope at once */

extern const struct xml_limits xml_limits_default; /* 262144, 64, 32, 256 */

enum xml_item_kind {
    XML_STREAM_OPEN,  /* start tag of the root; an XML declaration and white space before it are included */
    XML_STREAM_CLOSE, /* the root's end tag */
    XML_STANZA,       /* a whole first-level element */
    XML_KEEPALIVE,    /* white space between stanzas, as much as is there */
};

struct xml_attribute {
    struct span name;  /* as written, prefix included */
    struct span value; /* as written, between the quotes: references not decoded */
};

/* An item; every span borrows from the bytes given to xml_scan_next. */
struct xml_item {
    enum xml_item_kind kind;
    struct span raw;   /* the whole item */
    struct span name;  /* STREAM_OPEN, STANZA: element name as written, prefix included */
    struct span xmlns; /* its namespace as written in a declaration on it; ptr NULL: not declared on it */
    /* Of the item's own start tag, declarations included; borrowed from the scan until its next call. */
    const struct xml_attribute *attributes;
    uint32_t attribute_count;
    /* STANZA: what stands between start and end tag; {x, 0} when empty. */
    struct span content;
    bool is_self_closing; /* written <a/>; a STREAM_OPEN so written is the stream's end, too */
    /* First child element: name as written and the namespace declared on it (ptr NULL: inherits);
     * name.ptr NULL when there is no child element. Enough to route an IQ without a tree. */
    struct span child_name, child_xmlns;
    /* The usual attributes, found on the way; ptr NULL when absent. As written. */
    struct span to, from, id, type, lang;
    bool has_reference; /* some attribute value of the start tag holds '&': decode before use */
};

struct xml_scan; /* about 6 KiB; no pointer into the bytes survives in it between calls */

/* NULL without memory. */
struct xml_scan *xml_scan_new(const struct xml_limits *limits);
struct xml_scan *xml_scan_free(struct xml_scan *scan);
/* Forget a half-scanned item: the next call starts a new one. */
void xml_scan_reset(struct xml_scan *scan);
/* Has the scan consumed bytes of an item that is not whole yet? */
bool xml_scan_is_partial(const struct xml_scan *scan);

/* Where in the stream the bytes stand. */
enum xml_scan_position {
    XML_AT_HEADER,  /* an optional XML declaration and the root's start tag are due */
    XML_AT_CONTENT, /* within the root: stanzas, keep-alives, the root's end tag */
};

/* Find the next item at in.ptr[0]. Returns
 *   0         *ret_item is filled, *ret_used is its length, the scan is at a boundary again;
 *   XML_MORE  not whole yet: call again with the same bytes and more behind them. *ret_used is 0;
 *   XML_BAD   *ret_error says why; the stream is over.
 * `position` and `root_name` (the root's name as written in the header, e.g. "stream:stream"; its end tag
 * must match) are the same in every call for one item. A limit is met as soon as the bytes prove it,
 * before the item is whole. Prefixes: `xml` is always bound; every other prefix must be declared within
 * the stanza itself, except `stream` on the first-level element's own name (stream errors), and
 * there `db` under limits.has_db: that the header declares it is the caller's to see. */
int xml_scan_next(struct xml_scan *scan, enum xml_scan_position position, struct span root_name,
                  struct span in, struct xml_item *ret_item, size_t *ret_used, enum xml_error *ret_error);

/* The value of attribute `name` (as written); ptr NULL when the item's start tag has none. */
struct span xml_item_attribute(const struct xml_item *item, struct span name);

#endif
