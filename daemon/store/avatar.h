/* SPDX-License-Identifier: Apache-2.0 */
/* An account's avatar. There is one picture, in the nodes of XEP-0084; a vCard shows it (XEP-0398) and keeps
 * none of its own beside it. What of it goes into presence has a row of its own, for it is read with every
 * roster. Within a transaction of the caller's. */
#ifndef MUSTER_STORE_AVATAR_H
#define MUSTER_STORE_AVATAR_H

#include "stanza/photo.h"
#include "store/pep.h"

#define AVATAR_DATA "urn:xmpp:avatar:data"
#define AVATAR_METADATA "urn:xmpp:avatar:metadata"

/* What is known of it; STORE_NOT_FOUND: nothing. */
int store_avatar_find(struct store_db *db, struct span owner, struct store_avatar *ret);
/* After the nodes were changed: find the picture that they show to contacts now. It must be here, and be what
 * its name says; who may be shown it is at least who sees the account's presence. A picture in the vCard
 * goes: it is not what the account shows any more. */
int store_avatar_follow(struct store_db *db, struct span owner, struct arena *arena,
                        struct store_avatar *ret);

/* A picture as a vCard has it. */
struct store_photo {
    struct span type, base64; /* base64 without white space */
    struct photo photo;
};
/* Publish it as the account's avatar; nodes that are made for it are open, as a vCard is. `ret` as follow(),
 * and *ret_item, *ret_config what was published as metadata. 0; PEP_UNFIT: the nodes show contacts nothing;
 * or what store_pep_publish says: nothing was changed. */
int store_avatar_put(struct store_db *db, struct span owner, const struct store_photo *photo,
                     const struct pep_limits *limits, struct arena *arena, struct store_avatar *ret,
                     struct pep_item *ret_item, struct pep_config *ret_config);
/* Publish that there is none. STORE_NOT_FOUND: there was none. */
int store_avatar_clear(struct store_db *db, struct span owner, const struct pep_limits *limits,
                       struct arena *arena, struct store_avatar *ret, struct pep_item *ret_item,
                       struct pep_config *ret_config);

/* The picture, if one of this rank may see it; else STORE_NOT_FOUND. */
int store_avatar_photo(struct store_db *db, struct span owner, enum pep_access rank, struct arena *arena,
                       struct store_photo *ret);

/* A vCard without its pictures, on `arena`; empty: nothing else was in it. 0 or negative errno. */
int store_vcard_strip(struct arena *arena, struct span vcard, struct span *ret);

#endif
