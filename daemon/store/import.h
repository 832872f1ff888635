/* SPDX-License-Identifier: Apache-2.0 */
/* `roster import`, and how the lines of every command are read. Private to the room. */
#ifndef MUSTER_STORE_IMPORT_H
#define MUSTER_STORE_IMPORT_H

#include "base/buffer.h"
#include "store/db.h"

/* Within a transaction. 0, 1 (reply says which line is wrong) or negative errno. */
int store_import_run(struct store_db *db, struct span body, struct buffer *reply, struct buffer *affected);

/* A name that goes into XML as it is: valid UTF-8 of bounded length, no control characters. */
bool store_is_name(struct span text);
/* Take what stands before the next `separator` (or the end) off `rest`, and the separator. */
struct span store_cut(struct span *rest, char separator);
/* Append what somebody wrote, cut to a sensible length, with control characters as '?'. */
void store_quote(struct buffer *out, struct span text);

#endif
