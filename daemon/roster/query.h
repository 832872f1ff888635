/* SPDX-License-Identifier: Apache-2.0 */
/* The roster's XML (jabber:iq:roster, RFC 6121 s. 2.1): reading a set, writing results and pushes. */
#ifndef MUSTER_ROSTER_QUERY_H
#define MUSTER_ROSTER_QUERY_H

#include "base/arena.h"
#include "base/buffer.h"
#include "roster/group.h"
#include "roster/mark.h"
#include "roster/roster.h"
#include "stanza/error.h"
#include "xml/tree.h"

/* Longer handles and group names are refused with not-acceptable (s. 2.3.3): one screen line is plenty, and
 * they are kept in memory for every online account. */
#define ROSTER_NAME_BYTES_MAX 1023
#define ROSTER_GROUPS_MAX 64

/* What a client asks for in a roster set. */
struct roster_change {
    struct jid contact; /* bare or full as the client wrote it, prepared */
    struct span name;   /* decoded; empty: none */
    struct span groups; /* each followed by '\n' */
    bool is_removal;
    char contact_storage[JID_BYTES_MAX];
};
enum { ROSTER_REFUSED = 1 };
/* Read `query` (the iq's child). 0; ROSTER_REFUSED with the condition in *ret_error (s. 2.1.5, 2.3.3: exactly
 * one item, no duplicate groups, no empty group, lengths, a JID); -ENOMEM. Ignored are: a `subscription`
 * other than remove, `ask`, `approved`, the name and groups of a removal. The name borrows from `query`, the
 * contact from *ret_change, which must not be copied; on refusal *ret_change is undefined. */
int roster_change_read(const struct xml_node *query, struct arena *arena, struct roster_change *ret_change,
                       enum stanza_error *ret_error);

/* Append `<item jid='...' subscription='...' .../>` with its groups. */
void roster_item_write(struct buffer *out, const struct roster_item *item);

/* What shared groups add to a contact, or what makes it one. */
struct roster_share {
    const struct group *groups[ROSTER_GROUPS_MAX]; /* that show it */
    uint32_t count;
    bool is_to, is_from;
};
/* The same with what `share` says: its titles beside the item's own groups, the union of the subscriptions. `item` may be NULL. */
void roster_shared_item_write(struct buffer *out, struct span contact, const struct roster_item *item,
                              const struct roster_share *share);

/* Append `<query xmlns='jabber:iq:roster' ver='...'>`, before items and `</query>`. `mark` NULL: without ver, and what the
 * client has noted before no longer holds. */
void roster_query_open(struct buffer *out, const struct roster_mark *mark);
/* A push's query with this one item, or with the removal of `contact`. */
void roster_push_write(struct buffer *out, const struct roster_mark *mark, struct span contact,
                       const struct roster_item *item, const struct roster_share *share);
void roster_push_removal_write(struct buffer *out, const struct roster_mark *mark, struct span contact);

#endif
