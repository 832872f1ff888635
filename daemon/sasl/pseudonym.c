/* SPDX-License-Identifier: Apache-2.0 */
/* A name that stands for another and does not give it away. */
#include <errno.h>

#include "base/hex.h"
#include "sasl/hash.h"

int sasl_pseudonym(const uint8_t secret[static 32], struct span jid, struct span name,
                   char ret_text[static SASL_PSEUDONYM_BYTES + 1])
{
    uint8_t mac[SASL_HASH_BYTES_MAX];
    struct buffer text = {0};
    buffer_literal(&text, "pseudonym");
    buffer_append_char(&text, 0); /* what else the secret is used for does not begin like this */
    buffer_append(&text, jid);
    buffer_append_char(&text, 0);
    buffer_append(&text, name);
    int rc = buffer_ok(&text)
                 ? sasl_hash_hmac(SASL_SHA_256, sasl_hash_span(secret, 32), buffer_span(&text), mac)
                 : -ENOMEM;
    buffer_fini(&text);
    if (rc == 0)
        hex_write(mac, SASL_PSEUDONYM_BYTES / 2, ret_text);
    return rc;
}
