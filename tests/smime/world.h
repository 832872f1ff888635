/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of verification share: an authority, Juliet, and objects that she signed. A failure here is a failed test. */
#ifndef MUSTER_TESTS_SMIME_WORLD_H
#define MUSTER_TESTS_SMIME_WORLD_H

#include "base/buffer.h"
#include "smime/make.h"
#include "smime/trust.h"
#include "smime/verify.h"

#include "ca.h"

struct certificate;

#define JULIET "juliet@example.com"
#define ROMEO "romeo@example.net"
/* 2026-07-01T11:45:36Z. */
#define NOW_S INT64_C(1782906336)

/* An authority, made once for a program. */
const struct ca_made *world_root(void);
/* The group's set-up and its end: who is believed by default, and Juliet with a certificate (P-256). */
extern struct smime_trust *world_usual_trust;
extern struct ca_made *world_juliet;
int world_begin(void **state);
int world_end(void **state);
/* NULL for `crls`: none. To be given back. */
struct smime_trust *world_trust(enum smime_purpose purpose, bool legacy, const struct ca_made *anchor,
                                const char *crls);
/* Message/CPIM, from JULIET to ROMEO, now. To be given back. */
struct buffer world_message(void);
/* Signed by `who`. To be given back. */
struct buffer world_sign(const struct ca_made *who, const struct smime_sign_options *options,
                         struct span content);
/* As the room reads it. To be given back. */
struct certificate *world_certificate(const struct ca_made *made);
/* The claim of a stanza from JULIET to ROMEO. */
struct smime_claim world_claim(void);
enum smime_reason world_reason(const struct smime_trust *trust, struct smime_cache *cache,
                               const struct smime_claim *claim, struct span text);

/* A reason by its name: what a failure prints. */
#define assert_reason(found, wanted) assert_string_equal(smime_reason_name(found), smime_reason_name(wanted))

#endif
