/* SPDX-License-Identifier: Apache-2.0 */
/* The record layer's front: hands every call to the kind of record behind it. */
#include "tls/record.h"

#include "tls/record_ops.h"

_Static_assert(RECORD_BYTES_MAX >= RECORD_PLAIN_MAX + RECORD_OVERHEAD_MAX, "what we seal fits where we open");

struct record *record_free(struct record *r)
{
    if (r)
        r->ops->free(r);
    return NULL;
}

size_t record_bytes(const struct record *r)
{
    return r ? r->ops->bytes : 0;
}

int record_open(struct record *r, struct record_worker *w, char *in, size_t in_len, struct span *ret_plain,
                size_t *ret_used, struct buffer *reply)
{
    return r->ops->open(r, w, in, in_len, ret_plain, ret_used, reply);
}

int record_seal(struct record *r, struct record_worker *w, char *space, size_t plain_len, size_t *ret_len,
                struct buffer *before)
{
    return r->ops->seal(r, w, space, plain_len, ret_len, before);
}

void record_alert(struct record *r, struct record_worker *w, uint8_t description, struct buffer *out)
{
    if (description != TLS_ALERT_NONE)
        r->ops->alert(r, w, description, out);
}

size_t record_head_bytes(const struct record *r)
{
    return r->head_bytes;
}

size_t record_sealed_bytes(const struct record *r, size_t plain_len)
{
    size_t records = plain_len ? (plain_len - 1) / RECORD_PLAIN_MAX + 1 : 1;
    return plain_len + records * (r->head_bytes + r->tail_bytes);
}

uint8_t record_bad_alert(const struct record *r)
{
    return r->bad_alert;
}
