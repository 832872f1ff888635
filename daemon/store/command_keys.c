/* SPDX-License-Identifier: Apache-2.0 */
/* How keys are written into a command. Needs no database: musterctl and ad-hoc commands make them
 * elsewhere. */
#include "store/command.h"

#include "base/hex.h"

static void octets_write(struct buffer *out, const uint8_t *octets, size_t len)
{
    char text[2 * SASL_HASH_BYTES_MAX + 1];
    buffer_append_char(out, ',');
    hex_write(octets, len, text);
    buffer_append(out, span_make(text, 2 * len));
}

void store_command_keys_write(const struct sasl_credentials *credentials, struct buffer *out)
{
    const struct sasl_keys *sets[] = {&credentials->sha256, &credentials->sha1};
    bool is_first = true;
    for (int i = 0; i < 2; i++) {
        const struct sasl_keys *keys = sets[i];
        if (keys->hash_bytes == 0)
            continue;
        buffer_printf(out, "%s%x", is_first ? "" : ";", keys->iterations);
        octets_write(out, keys->salt, SASL_SALT_BYTES);
        octets_write(out, keys->stored_key, keys->hash_bytes);
        octets_write(out, keys->server_key, keys->hash_bytes);
        is_first = false;
    }
}
