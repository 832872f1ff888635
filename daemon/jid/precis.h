/* SPDX-License-Identifier: Apache-2.0 */
/* The long way for JID parts with code points beyond ASCII: the PRECIS profiles (RFC 8264, 8265) and the
 * IDNA2008-style treatment of domain names (RFC 5892, 5893, 5895). Inside this room only. */
#ifndef MUSTER_JID_PRECIS_H
#define MUSTER_JID_PRECIS_H

#include <stdint.h>

#include "base/span.h"

/* The longest input that is looked at. A mapping can shrink its input: full-width letters 3 to 1, composition
 * a little more; four times the longest part is beyond what anybody writes and still bounds the scratch
 * below. */
#define PRECIS_INPUT_BYTES_MAX 4096

/* Decoded code points, on the caller's stack. */
struct code_points {
    size_t count;
    uint32_t at[PRECIS_INPUT_BYTES_MAX];
};

/* The classes a code point can be asked for (RFC 8264 s. 4.2, 4.3). */
enum precis_class { PRECIS_IDENTIFIER, PRECIS_FREEFORM };

/* Is each of them in the class, the contextual ones in an allowed context? (RFC 8264 s. 8, RFC 5892 appendix
 * A; the context is looked at only if `with_context`: before mapping it is not settled yet.) */
bool precis_class_holds(enum precis_class class, const uint32_t *at, size_t count, bool with_context);
/* Is there a right-to-left code point: does the Bidi Rule apply? (RFC 5893 s. 1.4) */
bool precis_has_right_to_left(const uint32_t *at, size_t count);
/* The Bidi Rule of RFC 5893 s. 2, for one label or one localpart. */
bool precis_bidi_holds(const uint32_t *at, size_t count);
/* A combining mark may not begin a label (RFC 5891 s. 4.2.3.2). */
bool precis_is_mark(uint32_t code_point);

/* The steps a profile is made of. Each returns false when the text does not fit or is not UTF-8. */
bool precis_decode(struct span in, struct code_points *ret);
bool precis_encode(const struct code_points *in, char *storage, size_t storage_bytes, size_t *ret_len);
bool precis_map_width(struct code_points *c);
bool precis_map_lower(struct code_points *c);
void precis_map_spaces(struct code_points *c);
bool precis_compose(struct code_points *c); /* NFC */

/* UsernameCaseMapped (RFC 8265 s. 3.3) and OpaqueString (s. 4.2), one application; 0 or JID_BAD. */
int precis_username(struct span in, char *storage, size_t storage_bytes, size_t *ret_len);
int precis_opaque(struct span in, char *storage, size_t storage_bytes, size_t *ret_len);

/* A domain name, ASCII or not, after mapping; one application; 0 or JID_BAD. In domain.c. */
int domain_prepare(struct span in, char *storage, size_t storage_bytes, size_t *ret_len);

#endif
