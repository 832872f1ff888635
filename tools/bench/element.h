/* SPDX-License-Identifier: Apache-2.0 */
/* Looks into one whole element that the splitter cut out: name, attributes, children, text. Works on
 * the bytes as they came, whatever quotes, order and prefixes the server uses. */
#ifndef MUSTER_BENCH_ELEMENT_H
#define MUSTER_BENCH_ELEMENT_H

#include "base/span.h"

struct element {
    struct span raw;        /* from '<' to '>' */
    struct span name;       /* local name, without prefix */
    struct span attributes; /* between the name and the end of the start tag */
    struct span body;       /* between start and end tag; empty when there is none */
};

#define ELEMENT_BAD 1 /* not an element */

/* Look at the element at the start of `bytes`, which may go on behind it. 0 or ELEMENT_BAD.
 * Everything in *ret_element is borrowed from `bytes`. */
int element_parse(struct span bytes, struct element *ret_element);

/* The raw value of the attribute of that very name; false when there is none. Works for a stream header
 * too. */
bool element_attribute(const struct element *e, const char *name, struct span *ret_value);
/* The value, or an empty span. */
struct span element_attribute_or_empty(const struct element *e, const char *name);

/* The next child element behind *cursor (0 to begin with); false at the end. */
bool element_next_child(const struct element *e, size_t *cursor, struct element *ret_child);
/* The first child with that local name. */
bool element_child(const struct element *e, const char *name, struct element *ret_child);

/* Decode the predefined and numeric ASCII entities of `raw` into `text`, cut at `size` - 1 and terminated. */
void element_decode(struct span raw, char *text, size_t size);

/* Name and attributes of a start tag alone (a stream header). 0 or ELEMENT_BAD. */
int element_parse_start(struct span bytes, struct element *ret_element);

#endif
