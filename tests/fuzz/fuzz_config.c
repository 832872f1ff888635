/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration file: read, or refused with a message; what is read keeps the table's
 * promises. */
#include <stdint.h>
#include <stdlib.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = NULL;
    struct buffer message;
    buffer_init(&message);
    if (config_parse("f", span_make((const char *)data, size), NULL, &c, &message) == 0) {
        if (c->domain_count == 0 || c->listener_count == 0 || !c->state || !*c->state || !c->admin.socket ||
            c->workers > 256 || c->limits.stanza_bytes < 10000 ||
            c->limits.queue_bytes < c->limits.stanza_bytes)
            abort();
        for (uint32_t i = 0; i < c->listener_count; i++)
            if (!c->listeners[i].address || c->listeners[i].port == 0 ||
                c->listeners[i].tls > CONFIG_TLS_NONE)
                abort();
    } else if (message.len == 0) {
        abort();
    }
    config_free(c);
    buffer_fini(&message);
    return 0;
}
