/* SPDX-License-Identifier: Apache-2.0 */
#include "link/dialback.h"

#include <errno.h>

#include "base/buffer.h"
#include "base/hex.h"
#include "sasl/digest.h"
#include "sasl/sasl.h"

int dialback_secret(struct span text, char ret_secret[static DIALBACK_SECRET_BYTES + 1])
{
    uint8_t digest[DIGEST_BYTES_MAX];
    size_t len;
    int error = digest_named(SPAN("sha-256"), text, digest, &len);
    if (error)
        return -EIO;
    hex_write(digest, len, ret_secret);
    return 0;
}

int dialback_key(const char secret[static DIALBACK_SECRET_BYTES], struct span receiving,
                 struct span originating, struct span id, char ret_key[static DIALBACK_KEY_BYTES + 1])
{
    uint8_t mac[DIALBACK_KEY_BYTES / 2];
    struct buffer text = {0};
    buffer_append(&text, receiving);
    buffer_append_char(&text, ' ');
    buffer_append(&text, originating);
    buffer_append_char(&text, ' ');
    buffer_append(&text, id);
    int error = buffer_ok(&text)
                    ? digest_hmac_sha256(span_make(secret, DIALBACK_SECRET_BYTES), buffer_span(&text), mac)
                    : -ENOMEM;
    buffer_fini(&text);
    if (!error)
        hex_write(mac, sizeof mac, ret_key);
    return error;
}

bool dialback_key_is(const char secret[static DIALBACK_SECRET_BYTES], struct span receiving,
                     struct span originating, struct span id, struct span key)
{
    char right[DIALBACK_KEY_BYTES + 1];
    unsigned char difference = 0;
    if (key.len != DIALBACK_KEY_BYTES || dialback_key(secret, receiving, originating, id, right) != 0)
        return false;
    for (size_t i = 0; i < DIALBACK_KEY_BYTES; i++) /* in the same time wherever they differ */
        difference |= (unsigned char)(right[i] ^ key.ptr[i]);
    return difference == 0;
}
