/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a JID and as each of its parts: no crash, lengths within bounds, and the mapped form maps to
 * itself. */
#include <stdlib.h>

#include "jid/jid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int prepare_part(struct span in, char storage[static JID_PART_BYTES_MAX], struct span *ret_part);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void try_part(prepare_part *prepare, struct span in)
{
    char storage[JID_PART_BYTES_MAX], again[JID_PART_BYTES_MAX];
    struct span part, same;

    if (prepare(in, storage, &part) != 0)
        return;
    check(part.len > 0 && part.len <= JID_PART_BYTES_MAX);
    check(prepare(part, again, &same) == 0 && span_equal(part, same));
}

static void try_password(struct span in)
{
    char storage[200], again[200];
    struct span password, same;

    if (jid_prepare_password(in, storage, sizeof(storage), &password) != 0)
        return;
    check(password.len > 0 && password.len <= sizeof(storage));
    check(jid_prepare_password(password, again, sizeof(again), &same) == 0 && span_equal(password, same));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_make((const char *)data, size);
    char storage[JID_BYTES_MAX], again[JID_BYTES_MAX];
    struct jid j, same;

    try_part(jid_prepare_local, in);
    try_part(jid_prepare_domain, in);
    try_part(jid_prepare_resource, in);
    try_password(in);
    if (jid_parse(in, storage, &j) != 0)
        return 0;
    check(j.domain_len > 0 && j.domain_len <= JID_PART_BYTES_MAX);
    check(j.local_len <= JID_PART_BYTES_MAX && j.resource_len <= JID_PART_BYTES_MAX);
    check(jid_full(&j).len <= JID_BYTES_MAX);
    check(jid_parse(jid_full(&j), again, &same) == 0);
    check(span_equal(jid_full(&j), jid_full(&same)));
    same = jid_of_prepared(jid_full(&j));
    check(same.local_len == j.local_len && same.domain_len == j.domain_len &&
          same.resource_len == j.resource_len);
    return 0;
}
