/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the operator believes, from files: authorities, certificates between them and signers, lists of revoked ones. Read again when
 * these files change, so that nothing has to be restarted. With OpenSSL's
 * types: inside this room only. Any thread. */
#ifndef MUSTER_EDGE_DIRECTORY_H
#define MUSTER_EDGE_DIRECTORY_H

#include <stdint.h>

#include "base/buffer.h"
#include "smime/trust_openssl.h"
#include "smime/verify.h"

struct directory;

struct directory_settings {
    struct smime_trust_settings trust;
    const char *anchors;       /* PEM */
    const char *intermediates; /* PEM; NULL: none */
    const char *lists;         /* a file or a folder, as tls/crls.h has them; NULL: nobody is looked up */
    /* Something has changed: what was found out by the old files counts no more. */
    void (*changed)(void *context);
    void *context;
    const struct smime_revocation_hook *hook; /* asks responders; NULL: nobody is asked */
};

/* 0, or negative errno with a line in `ret_message`. The texts stay the caller's and must live as long. */
int directory_open(const struct directory_settings *settings, struct directory **ret_directory,
                   struct buffer *ret_message);
struct directory *directory_free(struct directory *d); /* takes NULL, returns NULL */
/* What is believed now, a reference: looks at the files first, if that was not done just now. */
struct smime_trust *directory_take(struct directory *d);

struct directory_facts {
    uint64_t read, failed;     /* readings after the first; such as left the old files in force */
    uint64_t anchors_expire_s; /* since 1970: the first authority to expire */
    uint64_t between_expire_s; /* likewise, of the certificates between; UINT64_MAX: there are none */
    uint64_t lists_stale_s;    /* the first list to be out of date; UINT64_MAX: none ever is */
};
struct directory_facts directory_facts_read(struct directory *d);

#endif
