/* SPDX-License-Identifier: Apache-2.0 */
/* An element tree on an arena, for the few stanzas that need one (roster sets, SASL, admin). Takes only
 * bytes that the scanner has accepted as one whole stanza. */
#ifndef MUSTER_XML_TREE_H
#define MUSTER_XML_TREE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/span.h"

struct xml_node_attribute {
    struct xml_node_attribute *next;
    struct span name;  /* as written, prefix included; declarations are left out */
    struct span value; /* decoded */
};

/* A namespace declaration; an empty prefix is the default namespace. */
struct xml_declaration {
    const struct xml_declaration *outer; /* one that was in scope before it, and may be hidden by it */
    struct span prefix, xmlns;
};

struct xml_node {
    struct xml_node *next; /* sibling element */
    struct xml_node *parent;
    struct xml_node *children, *last_child; /* elements only */
    struct span name;                       /* local part */
    struct span xmlns; /* resolved; the default namespace given to xml_tree_build when none is declared */
    struct xml_node_attribute *attributes;
    struct span text;                    /* character data directly in this element, decoded and joined */
    struct span raw;                     /* the element's bytes as written, borrowed from the stanza */
    const struct xml_declaration *scope; /* what is in scope within it, innermost first */
};

/* 0 and the root in *ret_root, on `arena` except `raw`; -ENOMEM; -EINVAL for bytes the scanner would not
 * accept. `default_xmlns` is the stream's content namespace. */
int xml_tree_build(struct arena *arena, struct span stanza, struct span default_xmlns,
                   struct xml_node **ret_root);

/* First child with that name and namespace, or NULL. */
struct xml_node *xml_node_child(const struct xml_node *node, struct span name, struct span xmlns);
/* Decoded attribute value; ptr NULL when absent. */
struct span xml_node_attribute(const struct xml_node *node, struct span name);

/* Append the element as it is written, with the declarations that it has from outside: so it can stand by
 * itself or elsewhere. */
void xml_node_write(struct buffer *out, const struct xml_node *node);

#endif
