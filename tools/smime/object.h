/* SPDX-License-Identifier: Apache-2.0 */
/* An S/MIME object as it came, bare or in a stanza, and going out in the same form. */
#ifndef MUSTER_TOOLS_SMIME_OBJECT_H
#define MUSTER_TOOLS_SMIME_OBJECT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "options.h"
#include "stanza.h"

struct object {
    struct buffer in; /* all of standard input */
    struct arena arena;
    bool has_stanza;
    struct stanza stanza; /* has_stanza */
    struct span text;     /* the object: the stanza's first, or the whole input */
};

/* Takes memory with no way out but object_fini. */
void object_init(struct object *b);
void object_fini(struct object *b);
/* From standard input. 0; STANZA_BAD: `ret_error` says why it is no stanza; -EFBIG, or another negative errno. */
int object_read(struct object *b, enum xml_error *ret_error);
/* The same for commands that need an object, and one only: -1, or the exit status: what was wrong is told. */
int object_read_whole(struct object *b);
/* To standard output with `object` (canonical) in the place of what came: the exit status. `is_bare`: nothing around it. */
int object_write(const struct object *b, bool is_bare, struct span object);

#endif
