/* SPDX-License-Identifier: Apache-2.0 */
/* What expat finds of RFC 3923 in a stanza; apart from the fuzz target, for its header and the scanner's have names in common. */
#ifndef MUSTER_TESTS_FUZZ_E2E_ORACLE_H
#define MUSTER_TESTS_FUZZ_E2E_ORACLE_H

#include <stdbool.h>

#include "base/buffer.h"

struct oracle {
    unsigned depth, objects, marks;
    bool is_first, has_element; /* within the first object; it has more than text */
    struct buffer text;
};

/* Into a zeroed `o`. False: expat does not take it, which is the scanner's affair (fuzz_xml). */
bool oracle_read(struct span stanza, struct oracle *o);

#endif
