/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the manual's configuration reference to standard output: config_reference > docs/configuration.md */
#include <stdio.h>

#include "config/config.h"

int main(void)
{
    struct buffer out;
    buffer_init(&out);
    config_reference_write(&out);
    bool is_written =
        buffer_ok(&out) && fwrite(out.ptr, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buffer_fini(&out);
    return is_written ? 0 : 1;
}
