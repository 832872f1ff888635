/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind a record: who seals and opens for it. Each kind embeds struct record first. */
#ifndef MUSTER_TLS_RECORD_OPS_H
#define MUSTER_TLS_RECORD_OPS_H

#include "tls/record.h"

/* The calls of record.h, one for one. */
struct record_ops {
    int (*open)(struct record *r, struct record_worker *w, char *in, size_t in_len, struct span *ret_plain,
                size_t *ret_used, struct buffer *reply);
    int (*seal)(struct record *r, struct record_worker *w, char *space, size_t plain_len, size_t *ret_len,
                struct buffer *before);
    void (*alert)(struct record *r, struct record_worker *w, uint8_t description, struct buffer *out);
    void (*free)(struct record *r);
    size_t bytes; /* of the kind's struct */
};

struct record {
    const struct record_ops *ops;
    uint8_t head_bytes, tail_bytes; /* that sealing puts around a text */
    uint8_t bad_alert;
};

#endif
