/* SPDX-License-Identifier: Apache-2.0 */
/* A CMS object (RFC 5652) in lines: who signed with what, for whom it is encrypted. Nothing is checked. */
#ifndef MUSTER_TOOLS_SMIME_INSPECT_CMS_H
#define MUSTER_TOOLS_SMIME_INSPECT_CMS_H

#include "lines.h"

/* What is signed within it is appended to `content`. */
void inspect_cms(const struct lines *l, struct span der, struct buffer *content);

#endif
