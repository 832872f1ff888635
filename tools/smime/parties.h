/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a stanza is from and to, and what the time is: by the options, else by the stanza and the clock. */
#ifndef MUSTER_TOOLS_SMIME_PARTIES_H
#define MUSTER_TOOLS_SMIME_PARTIES_H

#include "jid/jid.h"
#include "options.h"
#include "smime/moment.h"

struct parties {
    struct jid from, to; /* borrow from below: it stays where it is */
    char from_storage[JID_BYTES_MAX], to_storage[JID_BYTES_MAX];
};

/* `from`, `to`: the stanza's, ptr NULL where it has none or there is none. -1, or the exit status: what was wrong is told. */
int parties_read(const struct options *o, struct span from, struct span to, struct parties *ret_parties);
/* --now, else the clock, to the nanosecond: so stamps of two runs are never equal. -1 or the exit status. */
int now_read(const struct options *o, struct moment *ret_now);

#endif
