/* SPDX-License-Identifier: Apache-2.0 */
/* The downgrade protection of SCRAM (XEP-0474). Inside this room only. */
#ifndef MUSTER_SASL_DOWNGRADE_H
#define MUSTER_SASL_DOWNGRADE_H

#include "sasl/hash.h"

/* The hash over the mechanisms `offered` (bits of 1u << enum sasl_mechanism) and, if one of them binds to the channel,
 * the types of binding that this connection has. 0 or negative errno. */
int sasl_downgrade_hash(enum sasl_hash hash, uint32_t offered, const struct sasl_bindings *bindings,
                        uint8_t *ret_digest);

#endif
