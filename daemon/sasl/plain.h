/* SPDX-License-Identifier: Apache-2.0 */
/* PLAIN (RFC 4616): one message, cut in three. Inside this room only. */
#ifndef MUSTER_SASL_PLAIN_H
#define MUSTER_SASL_PLAIN_H

#include "sasl/sasl.h"

/* Borrowed from the message. */
struct plain_message {
    struct span authzid, authcid, password;
};

/* SASL_ERROR_NONE or SASL_MALFORMED_REQUEST. */
enum sasl_error plain_parse(struct span message, struct plain_message *ret_message);

/* Does `password` (prepared) belong to these keys? Slow. 0 or -EIO. */
int plain_check(const struct sasl_keys *keys, struct span password, bool *ret_is_match);

#endif
