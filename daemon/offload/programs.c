/* SPDX-License-Identifier: Apache-2.0 */
#include "offload/programs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"

bool offload_is_built(void)
{
    return MUSTER_HAS_BPF;
}

bool offload_is_forced_to_fail(const char *program)
{
    const char *names = getenv("MUSTER_BPF_FAIL");
    struct span left = names ? span_of(names) : (struct span){0};
    while (left.len) {
        const char *comma = memchr(left.ptr, ',', left.len);
        struct span name = span_make(left.ptr, comma ? (size_t)(comma - left.ptr) : left.len);
        if (span_equal(name, span_of(program)))
            return true;
        left = span_skip(left, comma ? name.len + 1 : name.len);
    }
    return false;
}

void offload_explain(int error, char *ret_line, size_t line_bytes)
{
    const char *advice = "see dmesg";
    if (error == -ENOTSUP)
        advice =
            "built without BPF: install clang, bpftool and libbpf-dev, and build again with -Dbpf=enabled";
    else if (error == -EPERM || error == -EACCES)
        advice =
            "needs CAP_BPF and CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_BPF CAP_NET_ADMIN; containers: --cap-add BPF "
            "--cap-add NET_ADMIN)";
    else if (error == -EINVAL || error == -ENOSYS || error == -ESRCH)
        advice =
            "this kernel does not have what the program needs: Linux 6.1 or newer with BTF (CONFIG_DEBUG_INFO_BTF)";
    else if (error == -ENOMEM)
        advice = "raise the limit on locked memory (ulimit -l, LimitMEMLOCK=)";
    snprintf(ret_line, line_bytes, "%s; %s", strerror(-error), advice);
}
