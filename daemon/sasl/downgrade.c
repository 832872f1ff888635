/* SPDX-License-Identifier: Apache-2.0 */
/* What was announced, in a form that SCRAM signs (XEP-0474): who takes names off the lists on their way to the
 * client is found out. */
#include <errno.h>
#include <stdlib.h>

#include "sasl/downgrade.h"

#define PLUS_MECHANISMS (1u << SASL_SCRAM_SHA_256_PLUS | 1u << SASL_SCRAM_SHA_1_PLUS)

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b); /* i;octet */
}

/* Names in order, with %x1E between them. */
static void names_write(const char **names, size_t count, struct buffer *out)
{
    qsort(names, count, sizeof(*names), name_order);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_char(out, '\x1e');
        buffer_append(out, span_of(names[i]));
    }
}

int sasl_downgrade_hash(enum sasl_hash hash, uint32_t offered, const struct sasl_bindings *bindings,
                        uint8_t *ret_digest)
{
    const char *mechanisms[SASL_MECHANISM_COUNT], *types[2];
    size_t mechanism_count = 0, type_count = 0;
    struct buffer text = {0};

    for (int m = 0; m < SASL_MECHANISM_COUNT; m++)
        if (offered & 1u << m)
            mechanisms[mechanism_count++] = sasl_mechanism_names[m];
    if (offered & PLUS_MECHANISMS && bindings->tls_exporter_len)
        types[type_count++] = "tls-exporter";
    if (offered & PLUS_MECHANISMS && bindings->tls_server_end_point_len)
        types[type_count++] = "tls-server-end-point";
    names_write(mechanisms, mechanism_count, &text);
    if (type_count > 0) {
        buffer_append_char(&text, '\x1f');
        names_write(types, type_count, &text);
    }
    int rc = buffer_ok(&text) ? sasl_hash_digest(hash, buffer_span(&text), ret_digest) : -ENOMEM;
    buffer_fini(&text);
    return rc;
}
