/* SPDX-License-Identifier: Apache-2.0 */
/* What one run of muster-smime verify leaves to the next (--state): stamps and digests that were seen. */
#ifndef MUSTER_TOOLS_SMIME_STATE_H
#define MUSTER_TOOLS_SMIME_STATE_H

#include "smime/freshness.h"

struct state {
    const char *path; /* NULL: nothing is kept */
    int fd;           /* locked, so that two runs do not both find a message new */
    struct freshness *seen;
};

/* 0; -EINVAL: the file is none of ours; another negative errno. state_close in any case. */
int state_open(struct state *s, const char *path);
/* Put into the file's place what is seen by now. 0 or a negative errno. */
int state_save(struct state *s);
void state_close(struct state *s);

#endif
