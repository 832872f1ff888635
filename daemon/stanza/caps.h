/* SPDX-License-Identifier: Apache-2.0 */
/* Entity capabilities (XEP-0115, XEP-0390): what a presence claims, and whether a disco#info result bears it
 * out. */
#ifndef MUSTER_STANZA_CAPS_H
#define MUSTER_STANZA_CAPS_H

#include "stanza/stanza.h"

struct xml_node;
struct stanza_child;

/* A claim whose text is longer than these is no claim: base64 of 64 octets and the longest name of a hash
 * function have room. */
#define CAPS_HASH_BYTES_MAX 128
#define CAPS_ALGORITHM_BYTES_MAX 32
#define CAPS_NODE_BYTES_MAX 1024

/* Of the features of a client, only so many are looked at: a client has a hundred. What says more is
 * ill-formed here, for a hash over a part is no hash. */
#define CAPS_FEATURES_MAX 2048

/* A child of a presence: take what it claims, if it does; a claim of XEP-0390 replaces one of XEP-0115, which
 * is weaker. */
void caps_claim_read(const struct stanza_child *child, struct caps_claim *claim);
/* Append the node at which the client is to be asked (XEP-0115 s. 6.2, XEP-0390 s. 4.3), decoded. */
void caps_claim_node(const struct caps_claim *claim, struct arena *arena, struct buffer *out);

/* What a disco#info result says, as far as anybody here asks: the features, in order of their bytes. On the
 * arena. */
struct disco_info {
    struct span *features;
    uint32_t feature_count;
};

/* CAPS_MISMATCH: well-formed, but not what was claimed (or by a hash function that is not known here): it
 * is worth something for this client alone. CAPS_ILL_FORMED: to be ignored (XEP-0115 s. 5.4, XEP-0390 s.
 * 4.1). */
enum { CAPS_MISMATCH = 1, CAPS_ILL_FORMED = 2 };

/* Does `query` bear the claim out? `lang`: xml:lang where the query stands. 0 and CAPS_MISMATCH fill
 * *ret_info; or -ENOMEM, -EIO. */
int caps_claim_check(const struct caps_claim *claim, const struct xml_node *query, struct span lang,
                     struct arena *arena, struct disco_info *ret_info);

#endif
