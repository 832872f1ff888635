/* SPDX-License-Identifier: Apache-2.0 */
/* References in attribute values and character data, once they are whole. Internal to the room. */
#ifndef MUSTER_XML_REFERENCE_H
#define MUSTER_XML_REFERENCE_H

#include <stdint.h>

#include "base/span.h"

/* Decode the reference at text.ptr[0] == '&'. Returns the bytes it takes and sets *ret_code; 0 for one that
 * the scanner refuses. */
size_t reference_decode(struct span text, uint32_t *ret_code);

/* Encode a character as UTF-8; returns its length, at most 4. */
size_t reference_encode(uint32_t code, char out[4]);

/* Are two attribute values the same once references are decoded and white space is normalised (XML 1.0
 * s. 3.3.3)? A value with a reference that the scanner refuses equals nothing. */
bool reference_text_equal(struct span a, struct span b);

/* Has this attribute value, once it is decoded and normalised, no character that no IRI has (RFC 3986, RFC 3987; above ASCII all are
 * taken)? */
bool reference_is_iri(struct span value);

#endif
