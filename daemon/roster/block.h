/* SPDX-License-Identifier: Apache-2.0 */
/* An account's block list (XEP-0191) in memory. A list never changes: another takes its place, so workers may
 * read it while they hold a reference. */
#ifndef MUSTER_ROSTER_BLOCK_H
#define MUSTER_ROSTER_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "jid/jid.h"

struct block_list {
    _Atomic int32_t references;
    uint32_t count;     /* never 0: NULL is the list that blocks nobody */
    bool has_resources; /* some of the JIDs are full ones */
    struct span jids[]; /* prepared, in the order of their bytes, each once; their text follows */
};

/* The list of these (prepared; any order, repeated or not). 0 with *ret_list NULL when there are none;
 * -ENOMEM. */
int block_list_make(const struct span *jids, uint32_t count, struct block_list **ret_list);
/* `list`, which may be NULL, with these added, or without them. As above. */
int block_list_with(const struct block_list *list, const struct span *jids, uint32_t count,
                    struct block_list **ret_list);
int block_list_without(const struct block_list *list, const struct span *jids, uint32_t count,
                       struct block_list **ret_list);
struct block_list *block_list_ref(struct block_list *list); /* both take NULL */
void block_list_unref(struct block_list *list);

/* Is this very JID in the list? */
bool block_list_has(const struct block_list *list, struct span jid);
/* XEP-0191 s. 4: the full JID, the bare one, or the domain is there. A bare `jid` stands for the account, of
 * which a blocked resource is only a part: that does not match. `list` may be NULL. */
bool block_list_matches(const struct block_list *list, const struct jid *jid);

#endif
