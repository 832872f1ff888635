/* SPDX-License-Identifier: Apache-2.0 */
/* A dialback key's way from the stream that has shown it to the worker that speaks to its domain, and the
 * answer's way back. */
#include <errno.h>
#include <stdlib.h>

#include "link/internal.h"

/* Of one pair of domains. Each is a stream that somebody has opened in the domain's name; one is usual. */
#define VERIFIES_MAX 64

static bool is_full(const struct remote *r)
{
    uint32_t count = 0;
    list_each(node, &r->verifies) count++;
    list_each(node, &r->asked) count++;
    return count >= VERIFIES_MAX;
}

static void verify_arrives(struct message *m, void *context)
{
    (void)context;
    struct verify *v = container_of(m, struct verify, message);
    struct remote *r = remote_take(v->owner, verify_local(v), verify_domain(v));
    /* Who has shown the domain's certificate is its server: it is there again. */
    if (r && v->owner->settings->wants_certificates)
        r->retry_at_ms = 0;
    if (!r || is_full(r) || (!r->link && r->retry_at_ms > loop_now_ms(v->owner->net->loop))) {
        verify_answer(v, VERIFY_FAILED);
        return;
    }
    list_append(&r->verifies, &v->node);
    remote_advance(r);
}

static void verify_returns(struct message *m, void *context)
{
    (void)context;
    struct verify *v = container_of(m, struct verify, message);
    struct links *links = v->origin;
    links->operations--;
    struct link *l = links_find(links, v->number);
    if (l)
        incoming_verified(l, v);
    free(v);
}

int verify_ask(struct link *l, struct span local, struct span domain, struct span key)
{
    struct span parts[] = {local, domain, span_of(l->id), key};
    struct verify *v = l->id ? malloc(sizeof *v + local.len + domain.len + parts[2].len + key.len) : NULL;
    if (!v)
        return -ENOMEM;
    *v = (struct verify){.message = {.handle = verify_arrives},
                         .origin = l->links,
                         .owner = l->links->peers[remote_owner(l->links, domain)],
                         .number = l->number,
                         .local_len = (uint16_t)local.len,
                         .domain_len = (uint16_t)domain.len,
                         .id_len = (uint16_t)parts[2].len,
                         .key_len = (uint16_t)key.len};
    char *at = v->text;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    list_init(&v->node);
    l->links->operations++;
    loop_post(v->owner->net->loop, l->links->net->loop, &v->message);
    return 0;
}

void verify_answer(struct verify *v, enum verify_outcome outcome)
{
    list_remove(&v->node);
    v->outcome = outcome;
    v->message.handle = verify_returns;
    loop_post(v->origin->net->loop, v->owner->net->loop, &v->message);
}
