/* SPDX-License-Identifier: Apache-2.0 */
/* Which account a certificate lets its owner into (XEP-0178 s. 2). */
#include "sasl/external.h"

#include "jid/jid.h"

bool sasl_address_is_account(struct span address, struct span domain, char storage[static JID_BYTES_MAX],
                             struct span *ret_local)
{
    struct jid jid;
    if (jid_parse(address, storage, &jid) != 0 || jid.local_len == 0 || jid.resource_len > 0 ||
        !span_equal(jid_domain(&jid), domain))
        return false;
    *ret_local = jid_local(&jid);
    return true;
}

static struct span take_local(struct span *locals)
{
    struct span local = span_of(locals->ptr);
    *locals = span_skip(*locals, local.len + 1);
    return local;
}

enum sasl_error external_choose(struct span locals, struct span domain, struct span message, char *storage,
                                struct span *ret_local)
{
    char wanted_storage[JID_BYTES_MAX];
    struct span wanted = {0}, chosen = {0};
    bool is_told = message.len > 0;
    if (is_told && !sasl_address_is_account(message, domain, wanted_storage, &wanted))
        return SASL_INVALID_AUTHZID;
    while (locals.len > 0) {
        struct span local = take_local(&locals);
        if (is_told && !span_equal(local, wanted))
            continue;
        if (chosen.len > 0 && !span_equal(chosen, local)) /* several: the client must say which */
            return SASL_INVALID_AUTHZID;
        chosen = local;
    }
    if (chosen.len == 0)
        return SASL_INVALID_AUTHZID;
    memcpy(storage, chosen.ptr, chosen.len);
    *ret_local = span_make(storage, chosen.len);
    return SASL_ERROR_NONE;
}
