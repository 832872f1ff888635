/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the scanner share: the state of a half-scanned item (offsets from the item's first byte,
 * never pointers), and the doors between them. Internal to the room.
 *
 * scanner.c  the public functions, and what an item is
 * walk*.c    the complete, resumable state machine, byte by byte
 * tag.c      what is checked and kept when a tag is whole: namespaces, nesting
 * header.c   what may stand before the root's start tag
 * fast_*.c   goes ahead of walk.c over whole, plain tags and text; leaves everything else to it */
#ifndef MUSTER_XML_SCAN_H
#define MUSTER_XML_SCAN_H

#include "xml/chars.h"
#include "xml/scanner.h"

/* Where walk.c goes on. Everything up to `at` is consumed and is not looked at again. */
enum scan_state {
    SCAN_BOUNDARY,    /* no item begun */
    SCAN_HEADER,      /* before the root's '<', or before its declaration's */
    SCAN_HEADER_OPEN, /* behind that '<' */
    SCAN_DECLARATION, /* behind the '<' of <? ... */
    SCAN_TOP,         /* behind a '<' at first level */
    SCAN_CONTENT,     /* character data within the stanza */
    SCAN_MARKUP,      /* behind a '<' within the stanza */
    SCAN_BANG,        /* behind "<!" */
    SCAN_CDATA,
    SCAN_NAME,      /* of a start tag */
    SCAN_TAG,       /* behind a name or a value: white space, '/' or '>' is due */
    SCAN_TAG_SPACE, /* behind white space: an attribute may begin */
    SCAN_ATTRIBUTE, /* in an attribute's name */
    SCAN_EQUALS,    /* behind it */
    SCAN_QUOTE,     /* behind '=' */
    SCAN_VALUE,
    SCAN_SLASH,     /* behind the '/' of an empty-element tag */
    SCAN_END_NAME,  /* of an end tag */
    SCAN_END_SPACE, /* behind it */
    SCAN_REFERENCE, /* behind '&' */
    SCAN_REFERENCE_NAME,
    SCAN_REFERENCE_NUMBER,
    SCAN_REFERENCE_DECIMAL,
    SCAN_REFERENCE_HEX,
};

struct scan_attribute {
    uint32_t name, value, value_len;
    uint16_t name_len;
    uint16_t colon; /* length of the prefix; 0: none */
};

struct scan_element {
    uint32_t name;
    uint16_t name_len;
    uint8_t bindings; /* in scope outside it */
};

/* A namespace prefix in scope. */
struct scan_binding {
    uint32_t prefix;
    uint16_t prefix_len;
    uint8_t meaning; /* the lowest binding in scope with the same namespace name, maybe itself */
    uint32_t value, value_len;
};

/* What the prefixes xml and xmlns mean without a declaration (Namespaces in XML 1.0 s. 3). */
#define SCAN_XML_NAMESPACE "http://www.w3.org/XML/1998/namespace"
#define SCAN_XMLNS_NAMESPACE "http://www.w3.org/2000/xmlns/"

/* An XML declaration says three short things; a longer one is padding. */
#define SCAN_DECLARATION_BYTES_MAX 256

#define SCAN_NO_DEFAULT UINT16_MAX
#define SCAN_NOWHERE UINT32_MAX

/* Parts of a run of bytes, by offset; at == SCAN_NOWHERE: absent. */
struct scan_part {
    uint32_t at, len;
};

struct xml_scan {
    struct xml_limits limits;
    enum xml_error error;
    uint32_t at;   /* consumed */
    uint32_t mark; /* where the token begun last begins */
    uint8_t state; /* enum scan_state */
    uint8_t kind;  /* enum xml_item_kind of the item begun */
    uint8_t quote;
    uint8_t brackets; /* ']' directly before, at most 2 counted */
    uint8_t matched;  /* bytes of "[CDATA[" seen */
    bool has_declaration;
    bool is_self_closing;
    bool has_reference; /* in a value of the first tag */

    /* A reference on its way. */
    uint8_t reference_return; /* the state around it */
    uint8_t reference_len;    /* letters of a name */
    uint32_t reference_value;

    /* The tag on its way. */
    uint32_t tag_name;
    uint16_t tag_name_len, tag_colon;
    uint16_t colon; /* prefix length of the name on its way */
    uint16_t attribute_count;
    uint16_t prefixed_count; /* attributes with a prefix, declarations included */
    uint16_t default_at;     /* the attribute that is xmlns='...'; SCAN_NO_DEFAULT: none is */
    uint64_t seen_names;     /* one bit per hash of the attributes' names */

    uint16_t depth; /* open elements within the stanza */
    uint16_t own_count;
    uint8_t binding_count;
    bool has_child;
    struct scan_part own_name, child_name, child_xmlns;
    uint32_t content_start, content_end;

    struct scan_attribute own[XML_ATTRIBUTES_MAX];   /* of the item's first tag */
    struct scan_attribute inner[XML_ATTRIBUTES_MAX]; /* of the tag within it on its way */
    struct scan_element open[XML_DEPTH_MAX];
    struct scan_binding bindings[XML_BINDINGS_MAX];
    struct xml_attribute given[XML_ATTRIBUTES_MAX]; /* what the item last returned points at */
};

/* How a step or a check ended; beside XML_MORE and XML_BAD, which end the call. */
enum { SCAN_ON = 0, SCAN_DONE = -1 };

/* Note the reason; for `return scan_refuse(...)`. */
static inline int scan_refuse(struct xml_scan *scan, enum xml_error error)
{
    scan->error = error;
    return XML_BAD;
}

/* Where the attributes of the tag on its way are kept. */
static inline struct scan_attribute *scan_attributes(struct xml_scan *scan)
{
    return scan->depth == 0 ? scan->own : scan->inner;
}

/* Scan on from scan->at to the item's end: SCAN_DONE, XML_MORE, XML_BAD. `plain`: without fast_*.c. */
int scan_walk(struct xml_scan *scan, const uint8_t *base, size_t len, struct span root_name, bool plain);

/* One bit of 64 for a name, so that most tags are known to hold no name twice without comparing any. */
static inline uint64_t scan_name_bit(const uint8_t *name, size_t len)
{
    return UINT64_C(1) << ((name[0] + 5u * name[len - 1] + 23u * (uint32_t)len) & 63);
}

/* Note the attribute name just scanned: SCAN_ON, or XML_BAD for one that stands there twice. */
int scan_tag_attribute(struct xml_scan *scan, const uint8_t *base, uint32_t name, uint16_t name_len,
                       uint16_t colon);
/* The tag is that of the stanza's first child. */
static inline void scan_tag_note_child(struct xml_scan *scan)
{
    scan->has_child = true;
    scan->child_name = (struct scan_part){scan->tag_name, scan->tag_name_len};
    scan->child_xmlns = (struct scan_part){SCAN_NOWHERE, 0};
    if (scan->default_at != SCAN_NO_DEFAULT) {
        const struct scan_attribute *a = &scan->inner[scan->default_at];
        scan->child_xmlns = (struct scan_part){a->value, a->value_len};
    }
}

/* A start tag begins whose name is known. */
static inline void scan_tag_begin(struct xml_scan *scan, uint32_t name, uint16_t len, uint16_t colon)
{
    scan->tag_name = name;
    scan->tag_name_len = len;
    scan->tag_colon = colon;
    scan->attribute_count = 0;
    scan->prefixed_count = 0;
    scan->default_at = SCAN_NO_DEFAULT;
    scan->seen_names = 0;
}

/* A start tag is whole: check its namespaces, which most tags do without. SCAN_ON or XML_BAD. */
int scan_tag_namespaces(struct xml_scan *scan, const uint8_t *base);
/* The same, and open the element; `end` is the offset behind the tag's '>'. SCAN_ON, SCAN_DONE at the item's
 * end, XML_BAD. */
static inline int scan_tag_close(struct xml_scan *scan, const uint8_t *base, uint32_t end, bool is_empty)
{
    uint8_t outer = scan->binding_count;
    if (scan->prefixed_count || scan->tag_colon || scan->default_at != SCAN_NO_DEFAULT) {
        int r = scan_tag_namespaces(scan, base);
        if (r != SCAN_ON)
            return r;
    }
    if (scan->depth == 0) {
        scan->own_name = (struct scan_part){scan->tag_name, scan->tag_name_len};
        scan->own_count = scan->attribute_count;
        scan->is_self_closing = is_empty;
        scan->content_start = scan->content_end = end;
        if (is_empty || scan->kind == XML_STREAM_OPEN)
            return SCAN_DONE;
    } else if (scan->depth == 1 && !scan->has_child) {
        scan_tag_note_child(scan);
    }
    if (is_empty)
        scan->binding_count = outer;
    else
        scan->open[scan->depth++] = (struct scan_element){scan->tag_name, scan->tag_name_len, outer};
    return SCAN_ON;
}
/* Check the whole XML declaration, from its "<?xml" and blank to its "?>": SCAN_ON or XML_BAD. */
int scan_declaration(struct xml_scan *scan, const uint8_t *ptr, size_t len);

/* Go ahead from SCAN_CONTENT or SCAN_TAG_SPACE at *p as long as all is whole and plain; updates scan->state,
 * *p: SCAN_ON when walk.c must look at **p, SCAN_DONE at the item's end, XML_BAD. */
int scan_fast(struct xml_scan *scan, const uint8_t *base, const uint8_t **p, const uint8_t *end);

/* For tests: scan without the vector code in every later call of this process. */
void xml_scan_use_plain(bool is_plain);

#endif
