/* SPDX-License-Identifier: Apache-2.0 */
/* JIDs (RFC 7622): checked, mapped to the form in which they are compared and stored. */
#ifndef MUSTER_JID_JID_H
#define MUSTER_JID_JID_H

#include <stdint.h>

#include "base/span.h"

/* Each part is at most 1,023 octets after mapping (RFC 7622 s. 3.2 to 3.4). */
#define JID_PART_BYTES_MAX 1023
#define JID_BYTES_MAX (3 * JID_PART_BYTES_MAX + 2)

enum { JID_BAD = 1 };

/* A JID in comparable form: `text` is "local@domain/resource" without the parts that are absent. Two JIDs are
 * equal when their texts are. The text is borrowed from whoever holds the bytes. */
struct jid {
    const char *text;
    uint16_t local_len; /* 0: a domain's JID */
    uint16_t domain_len;
    uint16_t resource_len; /* 0: a bare JID */
};

/* Parse and map `in` (decoded text, not escaped XML) into `storage`; the result borrows from `storage`.
 * Returns 0 or JID_BAD. ASCII takes a short way; the rest goes by PRECIS UsernameCaseMapped (local),
 * IDNA2008-style lower case and NFC (domain; a trailing dot is dropped, IP literals and A-labels pass),
 * OpaqueString (resource; no space in front). What comes out maps to itself. */
int jid_parse(struct span in, char storage[static JID_BYTES_MAX], struct jid *ret_jid);

/* The single parts by the same rules, for a bind request or a SASL user name. Returns 0 or JID_BAD;
 * ret_part borrows from `storage`. */
int jid_prepare_local(struct span in, char storage[static JID_PART_BYTES_MAX], struct span *ret_part);
int jid_prepare_domain(struct span in, char storage[static JID_PART_BYTES_MAX], struct span *ret_part);
int jid_prepare_resource(struct span in, char storage[static JID_PART_BYTES_MAX], struct span *ret_part);
/* A password by RFC 7613's OpaqueString (what SCRAM's Normalize is today). Returns 0 or JID_BAD (empty,
 * forbidden). */
int jid_prepare_password(struct span in, char *storage, size_t storage_bytes, struct span *ret_password);

/* A JID from text that is in comparable form already (from the store, from another worker). */
struct jid jid_of_prepared(struct span text);

static inline struct span jid_bare(const struct jid *j)
{
    return span_make(j->text, (size_t)j->local_len + (j->local_len ? 1u : 0u) + j->domain_len);
}
static inline struct span jid_full(const struct jid *j)
{
    size_t bare = jid_bare(j).len;
    return span_make(j->text, bare + (j->resource_len ? 1u + j->resource_len : 0u));
}
static inline struct span jid_local(const struct jid *j)
{
    return span_make(j->text, j->local_len);
}
static inline struct span jid_domain(const struct jid *j)
{
    return span_make(j->text + (j->local_len ? j->local_len + 1u : 0u), j->domain_len);
}
static inline struct span jid_resource(const struct jid *j)
{
    size_t bare = jid_bare(j).len;
    return j->resource_len ? span_make(j->text + bare + 1, j->resource_len) : (struct span){0};
}

#endif
