/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the state machine share: the cursor, and the steps. A step begins in its state at an
 * unread byte, consumes what it can, and leaves the next state (SCAN_ON), or XML_MORE, XML_BAD, SCAN_DONE.
 * Internal to the room.
 *
 * walk.c            around the stanza and in its content
 * walk_tag.c        tags
 * walk_reference.c  references
 * walk_name.c       names and single characters */
#ifndef MUSTER_XML_WALK_H
#define MUSTER_XML_WALK_H

#include "xml/scan.h"

struct walk {
    struct xml_scan *scan;
    const uint8_t *base, *p, *end;
    struct span root_name;
};

static inline uint32_t offset(const struct walk *c)
{
    return (uint32_t)(c->p - c->base);
}

static inline int enter(struct walk *c, enum scan_state state)
{
    c->scan->state = state;
    return SCAN_ON;
}

static inline int refuse(struct walk *c, enum xml_error error)
{
    return scan_refuse(c->scan, error);
}

static inline int malformed(struct walk *c)
{
    return scan_refuse(c->scan, XML_NOT_WELL_FORMED);
}

static inline void take_space(struct walk *c)
{
    while (c->p < c->end && (chars_class[*c->p] & CHAR_SPACE))
        c->p++;
}

/* Begin a name at c->p. */
static inline int enter_name(struct walk *c, enum scan_state state)
{
    c->scan->mark = offset(c);
    c->scan->colon = 0;
    return enter(c, state);
}

/* Decode the character at c->p without consuming it. */
int walk_look(struct walk *c, uint32_t *ret_code, int *ret_len);
/* Consume one character that needs a closer look: above ASCII, or a control character. */
int walk_char(struct walk *c);
/* Consume the name that begins at the mark, to the byte behind it. */
int walk_name(struct walk *c, uint16_t *ret_len);

/* Tags. */
int walk_start_name(struct walk *c);
int walk_tag(struct walk *c);
int walk_attribute(struct walk *c);
int walk_equals(struct walk *c);
int walk_quote(struct walk *c);
int walk_value(struct walk *c);
int walk_slash(struct walk *c);
int walk_end_name(struct walk *c);
int walk_end_space(struct walk *c);

/* References. */
int walk_reference(struct walk *c);
int walk_reference_name(struct walk *c);
int walk_reference_number(struct walk *c);
int walk_reference_digits(struct walk *c, uint32_t radix);

#endif
