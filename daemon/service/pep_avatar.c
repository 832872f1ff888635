/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the nodes that are an account's avatar (XEP-0084), for its presence (XEP-0398). */
#include "service/pep.h"

int pep_avatar_follow(struct store_db *db, struct pep_work *p, enum pep_change what)
{
    struct store_request *r = &p->work.request;
    bool is_metadata = span_is(p->node, AVATAR_METADATA), is_data = span_is(p->node, AVATAR_DATA);
    struct store_avatar before;
    p->avatar = (struct store_avatar){0};
    if (!is_metadata && !is_data)
        return 0;
    /* A new picture is published before the metadata that speak of it, and pushes the old one out: until they
     * come, the old one is what is shown, or everybody would hear that there is none. Only where there is
     * none it may be the one that was missing. */
    if (is_data) {
        int outcome = store_avatar_find(db, r->jid, &before);
        if (outcome < 0)
            return outcome;
        if (outcome == STORE_NOT_FOUND || (what == PEP_PUBLISHED && before.hash[0]))
            return 0;
    }
    return store_avatar_follow(db, r->jid, &r->arena, &p->avatar);
}

void pep_avatar_tell(const struct pep_work *p)
{
    if (p->avatar.is_told)
        router_avatar_changed(p->work.router, p->work.request.jid, span_of(p->avatar.hash));
}
