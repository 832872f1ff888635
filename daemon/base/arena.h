/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch memory that is given back all at once: what one stanza needs while it is handled. */
#ifndef MUSTER_BASE_ARENA_H
#define MUSTER_BASE_ARENA_H

#include <stddef.h>

#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* in the newest block */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);
/* Forget everything taken; keeps one block so that the next stanza allocates nothing. */
void arena_reset(struct arena *a);

/* `size` zeroed bytes aligned for any type, valid until reset; NULL without memory. */
void *arena_take(struct arena *a, size_t size);
/* A copy of `s`, NUL-terminated behind its length; {NULL, 0} without memory. */
struct span arena_copy(struct arena *a, struct span s);

#endif
