/* SPDX-License-Identifier: Apache-2.0 */
/* MIME as far as RFC 3923 needs it (RFC 2045, 2046, 1847, 8551): one entity's header fields and body, and the two parts of
 * multipart/signed. Works on canonical text (every line ends in CRLF, smime_canonical) and copies nothing: spans borrow from it. */
#ifndef MUSTER_SMIME_MIME_H
#define MUSTER_SMIME_MIME_H

#include "base/buffer.h"
#include "base/span.h"

/* The text of an element (SMIME_TEXT_BYTES_MAX), each octet of it a line end. */
#define MIME_BYTES_MAX 131072
/* RFC 3923 objects have a handful; more is padding. */
#define MIME_HEADER_LINES_MAX 64
/* Four times what RFC 5322 allows: a field is names and parameters, not content. */
#define MIME_HEADER_LINE_BYTES_MAX 4096
/* multipart/signed in enveloped in ...: sign-then-encrypt is two, CPIM one more. Whoever reads an entity within an entity counts. */
#define MIME_DEPTH_MAX 4
/* RFC 2046 s. 5.1.1. */
#define MIME_BOUNDARY_BYTES_MAX 70

enum { MIME_BAD = 1 };

enum mime_encoding { MIME_ENCODING_IDENTITY, MIME_ENCODING_BASE64, MIME_ENCODING_OTHER };

struct mime_entity {
    struct span type;   /* "multipart/signed", as written, without parameters; empty: no Content-Type */
    struct span fields; /* all header lines */
    struct span
        content_type; /* the whole field's value, folded as written, without white space at its ends */
    enum mime_encoding encoding;
    struct span body;
    struct span whole; /* fields, blank line and body */
};

/* In what comes from XML each LF stands for a CRLF (XML 1.0 s. 2.11): append `text` to `out` with each lone LF and each lone CR made
 * CRLF; leading lines of nothing but white space are left out. 0 or -ENOMEM. */
int smime_canonical(struct span text, struct buffer *out);

/* 0, MIME_BAD: no header field (also: bare base64), no blank line behind them, too many or too long lines, two Content-Type or
 * Content-Transfer-Encoding, a malformed field (comments in Content-Type, too), longer than MIME_BYTES_MAX. */
int mime_read(struct span canonical, struct mime_entity *ret_entity);
/* Is its type `type` ("application/pidf+xml")? ASCII case does not matter. */
bool mime_is(const struct mime_entity *entity, struct span type);
/* A parameter of Content-Type, unquoted into `storage`: 0, MIME_BAD (absent, twice, in pieces as in RFC 2231, or too long for it). */
int mime_parameter(const struct mime_entity *entity, struct span name, char *storage, size_t storage_bytes,
                   struct span *ret_value);

/* The two parts of multipart/signed (RFC 1847 s. 2.1). `ret_signed`: exactly the octets that are signed, without the CRLF before the
 * second delimiter. 0 or MIME_BAD: another number of parts, no end, a line that begins as a delimiter and goes on otherwise (readers
 * differ there), anything but white space behind the end; `strict`: or before the first delimiter. */
int mime_split_signed(const struct mime_entity *entity, bool strict, struct span *ret_signed,
                      struct mime_entity *ret_signature);

/* Append the body's octets, decoded; white space within base64 does not matter. 0, MIME_BAD or -ENOMEM. */
int mime_decode(const struct mime_entity *entity, struct buffer *out);

#endif
