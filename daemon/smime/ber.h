/* SPDX-License-Identifier: Apache-2.0 */
/* Objects with lengths left open (BER, X.690 s. 8.1.3.6): programs that sign while they read write them so (RFC 5652 s. 2 allows it). */
#ifndef MUSTER_SMIME_BER_H
#define MUSTER_SMIME_BER_H

#include "base/buffer.h"

/* Signed data with its outermost length left open is written again as DER, by the library; anything else is left as it is. What was signed is
 * octets within and stays; signed attributes have to be DER in any form (RFC 5652 s. 5.3). 0, BER_BAD or -ENOMEM. */
enum { BER_BAD = 1 };
int ber_to_der(struct buffer *object);

#endif
