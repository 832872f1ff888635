/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a client's `ver`: what is taken for one of ours is written back as it came. */
#include <stdlib.h>

#include "roster/mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_make((const char *)data, size);
    char storage[ROSTER_MARK_BYTES];
    struct roster_mark mark;
    if (roster_mark_read(text, &mark) && !span_equal(roster_mark_write(&mark, storage), text))
        abort();
    return 0;
}
