/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of HT-SHA-256-*: what FAST (XEP-0484) logs in with. */
#include <errno.h>

#include "sasl/ht.h"

/* initiator-msg = authcid NUL initiator-hashed-token */
enum sasl_error ht_parse(struct span message, struct ht_message *ret_message)
{
    const char *nul = message.len ? memchr(message.ptr, 0, message.len) : NULL;
    if (!nul || nul == message.ptr)
        return SASL_MALFORMED_REQUEST;
    struct span authcid = span_make(message.ptr, (size_t)(nul - message.ptr));
    if (message.len - authcid.len - 1 != HT_HASH_BYTES)
        return SASL_MALFORMED_REQUEST;
    *ret_message = (struct ht_message){authcid, (const uint8_t *)nul + 1};
    return SASL_ERROR_NONE;
}

bool ht_binding(enum sasl_mechanism m, const struct sasl_bindings *b, struct span *ret_binding)
{
    struct span binding = {0};
    if (m == SASL_HT_SHA_256_EXPR)
        binding = sasl_hash_span(b->tls_exporter, b->tls_exporter_len);
    else if (m == SASL_HT_SHA_256_ENDP)
        binding = sasl_hash_span(b->tls_server_end_point, b->tls_server_end_point_len);
    *ret_binding = binding;
    return binding.len > 0 || m == SASL_HT_SHA_256_NONE;
}

int ht_hash(struct span token, struct span role, struct span binding,
            uint8_t ret_hashed[static HT_HASH_BYTES])
{
    struct buffer text = {0};
    buffer_append(&text, role);
    buffer_append(&text, binding);
    int rc = buffer_ok(&text) ? sasl_hash_hmac(SASL_SHA_256, token, buffer_span(&text), ret_hashed) : -ENOMEM;
    buffer_fini(&text);
    return rc;
}
