/* SPDX-License-Identifier: Apache-2.0 */
/* How keys are written into a command. Needs no database: musterctl and ad-hoc commands make them
 * elsewhere. */
#include "store/command.h"

void store_command_keys_write(const struct sasl_credentials *credentials, struct buffer *out)
{
    const struct sasl_keys *sets[] = {&credentials->sha256, &credentials->sha1};
    bool is_first = true;
    for (int i = 0; i < 2; i++) {
        const struct sasl_keys *keys = sets[i];
        if (keys->hash_bytes == 0)
            continue;
        buffer_printf(out, "%s%x,", is_first ? "" : ";", keys->iterations);
        for (int b = 0; b < SASL_SALT_BYTES; b++)
            buffer_printf(out, "%02x", keys->salt[b]);
        buffer_append_char(out, ',');
        for (int b = 0; b < keys->hash_bytes; b++)
            buffer_printf(out, "%02x", keys->stored_key[b]);
        buffer_append_char(out, ',');
        for (int b = 0; b < keys->hash_bytes; b++)
            buffer_printf(out, "%02x", keys->server_key[b]);
        is_first = false;
    }
}
