/* SPDX-License-Identifier: Apache-2.0 */
/* The characters of XML 1.0 (fifth edition): a class table for ASCII, UTF-8 decoding, and the name rules for
 * everything above ASCII. Internal to the room. */
#ifndef MUSTER_XML_CHARS_H
#define MUSTER_XML_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHAR_TEXT = 1,        /* stands for itself in character data; not < & ] > */
    CHAR_VALUE = 2,       /* stands for itself in an attribute value; not < & and neither quote */
    CHAR_CDATA = 4,       /* stands for itself in a CDATA section; not ] > */
    CHAR_NAME = 8,        /* may stand in a name; the colon, which splits names, is not among them */
    CHAR_NAME_START = 16, /* may begin a name or what stands behind its colon */
    CHAR_SPACE = 32,
    CHAR_IRI = 64, /* may stand in a namespace name (RFC 3986, 3987) */
};

/* Of bytes below 0x80; 0 for the others and for the control characters that XML forbids. */
extern const uint8_t chars_class[256];

/* Outcomes of chars_decode beside the length. */
enum { CHARS_MORE = 0, CHARS_BAD = -1 };

/* Decode the UTF-8 character at p < end. Returns its length (*ret_code is set), CHARS_MORE when it goes on
 * behind `end` and nothing is wrong with it so far, CHARS_BAD when no character begins like this. */
int chars_decode(const uint8_t *p, const uint8_t *end, uint32_t *ret_code);

/* Is `code`, which is no surrogate, a Char of XML 1.0 (s. 2.2)? */
static inline bool chars_is_legal(uint32_t code)
{
    if (code < 0x20)
        return code == '\t' || code == '\n' || code == '\r';
    return code <= 0x10FFFF && code != 0xFFFE && code != 0xFFFF && (code < 0xD800 || code > 0xDFFF);
}

/* Of characters above ASCII: may it stand in a name; may it begin one (s. 2.3)? */
bool chars_is_name(uint32_t code);
bool chars_is_name_start(uint32_t code);

#endif
