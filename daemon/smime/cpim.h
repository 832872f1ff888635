/* SPDX-License-Identifier: Apache-2.0 */
/* Message/CPIM (RFC 3862), read strictly: what is signed is the text as it is, so there is nothing to be lenient about. */
#ifndef MUSTER_SMIME_CPIM_H
#define MUSTER_SMIME_CPIM_H

#include "base/buffer.h"
#include "base/span.h"
#include "smime/mime.h"
#include "smime/moment.h"

/* A message to more at once has a stanza for each. */
#define CPIM_RECIPIENTS_MAX 32
/* Extensions are rare, and we know none. */
#define CPIM_NAMESPACES_MAX 8

enum { CPIM_BAD = 1 };

struct cpim {
    struct span from;                    /* the URI within <>, as written */
    struct span to[CPIM_RECIPIENTS_MAX]; /* URIs */
    uint32_t to_count;
    struct moment stamp; /* DateTime: RFC 3339 in UTC, with Z (RFC 3923 s. 6.9) */
    struct mime_entity content;
};

/* `body`: of the entity Message/CPIM, canonical. 0 or CPIM_BAD: not exactly one From and DateTime, no To, Require of anything (we
 * understand no extension), folding, control characters, a space too many or too few (s. 2.2, 3.6), a prefix that is not declared before
 * it or is declared twice (s. 3.4), content without a Content-Type. Headers of other namespaces than CPIM's are not looked into. Nothing that
 * is read can hold an escape (s. 2.3): those stand for control characters, quotes and backslashes, which neither a URI nor a moment has. */
int cpim_read(struct span body, struct cpim *ret_cpim);

/* Append a whole entity, Content-Type of Message/CPIM included, with CRLF. JIDs bare, in comparable form, escaped as URIs (uri.h); `content` is
 * a whole canonical MIME entity. `scheme`: "im" or "pres". 0 or -ENOMEM. */
int cpim_write(struct buffer *out, struct span scheme, struct span from, struct span to, struct moment stamp,
               struct span content);

#endif
