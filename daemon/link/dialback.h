/* SPDX-License-Identifier: Apache-2.0 */
/* Dialback keys (XEP-0185): what a server gives out for a stream, and recognises without having kept it. */
#ifndef MUSTER_LINK_DIALBACK_H
#define MUSTER_LINK_DIALBACK_H

#include <stdbool.h>

#include "base/span.h"

/* Both in hexadecimal digits. */
#define DIALBACK_SECRET_BYTES 64
#define DIALBACK_KEY_BYTES 64

/* From any text. 0 or -EIO. */
int dialback_secret(struct span text, char ret_secret[static DIALBACK_SECRET_BYTES + 1]);
/* For the stream `id` that `receiving` has given to `originating`. 0 or negative errno. */
int dialback_key(const char secret[static DIALBACK_SECRET_BYTES], struct span receiving,
                 struct span originating, struct span id, char ret_key[static DIALBACK_KEY_BYTES + 1]);
/* Is it that key? */
bool dialback_key_is(const char secret[static DIALBACK_SECRET_BYTES], struct span receiving,
                     struct span originating, struct span id, struct span key);

#endif
