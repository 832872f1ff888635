/* SPDX-License-Identifier: Apache-2.0 */
/* Content to what is signed: a text, a presence or a stanza as a MIME entity within Message/CPIM (RFC 3923 s. 3 to 5). */
#ifndef MUSTER_TOOLS_SMIME_CONTENT_H
#define MUSTER_TOOLS_SMIME_CONTENT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "options.h"
#include "parties.h"
#include "stanza.h"

/* Of `in`, by --as: append the entity, canonical; the stanza that goes around it has kind, from, to, type and id in `ret_outline`, on
 * `arena` or in `parties`. -1, or the exit status: what was wrong is told. */
int content_make(const struct options *o, struct arena *arena, struct span in, struct parties *parties,
                 struct buffer *entity, struct stanza *ret_outline);

#endif
