/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of revoked certificates (RFC 5280 s. 5) from files, read again when these change. With OpenSSL's
 * types: inside this room only. Any thread. */
#ifndef MUSTER_TLS_CRLS_H
#define MUSTER_TLS_CRLS_H

#include <stdatomic.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/buffer.h"

struct crls;

/* The lists as they were at one time: constant, counted. */
struct crls_snapshot {
    _Atomic uint32_t references;
    uint64_t generation; /* grows with each reading */
    uint64_t stale_s;    /* since 1970: the first of them is out of date; UINT64_MAX: none ever is */
    STACK_OF(X509_CRL) * lists;
};

/* `path`: a file, or a folder of files; each PEM (any number of lists) or DER (one). 0, or negative errno
 * with one line in `ret_message`. */
int crls_open(const char *path, struct crls **ret_crls, struct buffer *ret_message);
struct crls *crls_free(struct crls *c); /* takes NULL, returns NULL */
/* The present lists: looks at the files first, if that was not done just now. To be given back. */
struct crls_snapshot *crls_take(struct crls *c);
void crls_give(struct crls_snapshot *s); /* takes NULL */

struct crls_counters {
    uint64_t read, failed; /* readings after the first; such as left the old lists in force */
};
struct crls_counters crls_counters_read(struct crls *c);

#endif
