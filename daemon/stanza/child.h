/* SPDX-License-Identifier: Apache-2.0 */
/* The elements directly within a stanza, found on the raw bytes of its content, which the scanner has found well-formed. Within
 * stanza/ only. */
#ifndef MUSTER_STANZA_CHILD_H
#define MUSTER_STANZA_CHILD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"

struct stanza;

/* A child element of the content. */
struct stanza_child {
    struct span name;
    struct span attributes; /* what follows the name within the start tag */
    struct span content;
};

enum { CHILD_NONE = 1, CHILD_BAD = 2 };

/* Take the next element off *rest with all that is in it. 0, CHILD_NONE at the end, CHILD_BAD for bytes that the scanner would
 * not have passed. */
int stanza_child_next(struct span *rest, struct stanza_child *ret_child);

/* Take the next attribute off *rest, which begins as a child's `attributes`: name and value as written. False: no more. */
bool stanza_attribute_next(struct span *rest, struct span *ret_name, struct span *ret_value);
/* The value of the attribute, as written; ptr NULL: there is none. */
struct span stanza_child_attribute(struct span attributes, struct span name);

/* The local name of a child of `s`, and its namespace, wherever that is declared. 0 or -ENOMEM. */
int stanza_child_resolve(const struct stanza *s, const struct stanza_child *c, struct arena *arena,
                         struct span *ret_name, struct span *ret_xmlns);

bool stanza_is_cdata(struct span in);
/* Behind the CDATA section at in[0]; 0 when it does not end. */
size_t stanza_cdata_end(struct span in);

static inline bool stanza_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

#endif
