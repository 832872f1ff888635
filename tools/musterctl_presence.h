/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about presence: what they say to the daemon, and what its answer means. */
#ifndef MUSTER_MUSTERCTL_PRESENCE_H
#define MUSTER_MUSTERCTL_PRESENCE_H

#include "base/buffer.h"
#include "base/span.h"

/* NULL: not given. */
struct presence_options {
    const char *by, *count, *seconds;
};

/* The option that was given, as the user writes it; NULL: none. */
const char *presence_option_given(const struct presence_options *o);

void presence_top_encode(const struct presence_options *o, struct buffer *command);

#endif
