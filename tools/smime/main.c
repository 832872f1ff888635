/* SPDX-License-Identifier: Apache-2.0 */
/* muster-smime: makes, opens and judges end-to-end objects (RFC 3923) and the stanzas around them; docs/muster-smime.md. */
#include <stdio.h>

#include "commands.h"
#include "smime/trust.h"

int main(int argc, char **argv)
{
    static int (*const runs[COMMAND_COUNT])(const struct options *o) = {
        [COMMAND_SIGN] = command_make,       [COMMAND_ENCRYPT] = command_make,
        [COMMAND_VERIFY] = command_verify,   [COMMAND_DECRYPT] = command_decrypt,
        [COMMAND_INSPECT] = command_inspect, [COMMAND_CERTREQ] = command_certreq,
    };
    struct options o;
    int status = options_read(argc, argv, &o);
    if (status >= 0)
        return status;
    int error = smime_library_begin();
    if (error)
        return fail_errno(EXIT_REFUSED, "OpenSSL", error);
    const char *warning = smime_library_warning();
    if (warning)
        fail(EXIT_DONE, "warning", span_of(warning));
    return runs[o.command](&o);
}
