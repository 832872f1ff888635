/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about presence: what they say to the daemon, and what its answer means. */
#ifndef MUSTER_MUSTERCTL_PRESENCE_H
#define MUSTER_MUSTERCTL_PRESENCE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/span.h"

/* NULL: not given. */
struct presence_options {
    const char *by, *count, *seconds;
    bool is_json;
};

/* The option that was given and does not belong to top (`is_top`) or explain, as the user writes it; NULL:
 * none. */
const char *presence_option_misplaced(const struct presence_options *o, bool is_top, bool is_explain);

void presence_top_encode(const struct presence_options *o, struct buffer *command);
/* 0, or 1 when a JID cannot be one. */
int presence_explain_encode(const struct presence_options *o, const char *publisher, const char *watcher,
                            struct buffer *command);
/* What the daemon answered: does the watcher see the publisher? *ret_text: what is for the user. */
bool presence_explain_read(struct span reply, struct span *ret_text);

#endif
