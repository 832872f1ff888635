/* SPDX-License-Identifier: Apache-2.0 */
/* DER (X.690): taken apart and put together. One form for each value: definite, shortest lengths, low tag numbers; all else is
 * refused, so that nobody reads a signed text in another way than we do. */
#ifndef MUSTER_SMIME_DER_H
#define MUSTER_SMIME_DER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"

enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_OCTETS = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT = 0x80,             /* + number: [n] IMPLICIT of something primitive */
    DER_CONTEXT_CONSTRUCTED = 0xA0, /* + number */
};

/* Take one value of any tag off `*in`; false: there is none, or it is not DER. `ret_whole` includes tag and length. */
bool der_take_any(struct span *in, uint8_t *ret_tag, struct span *ret_value, struct span *ret_whole);
/* Is the next one of this tag? */
bool der_is_next(struct span in, uint8_t tag);
bool der_take(struct span *in, uint8_t tag, struct span *ret_value);
/* A number that is not negative and fits. */
bool der_take_uint(struct span *in, uint32_t *ret_number);
/* UTCTime or GeneralizedTime in the forms RFC 5280 s. 4.1.2.5 and RFC 5652 s. 11.3 allow: with seconds, in Z. Since 1970. */
bool der_take_time(struct span *in, int64_t *ret_s);

/* Append one value. */
void der_put(struct buffer *out, uint8_t tag, struct span value);
void der_put_uint(struct buffer *out, uint32_t number);
void der_put_time(struct buffer *out, int64_t s);

#endif
