/* SPDX-License-Identifier: Apache-2.0 */
#include "offload/programs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/span.h"
#include "muster/classify.h"

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

const char *offload_class_name(unsigned class)
{
    static const char *const names[MUSTER_CLASS_COUNT] = {
        [MUSTER_CLASS_UNKNOWN] = "unknown",
        [MUSTER_CLASS_KEEPALIVE] = "keepalive",
        [MUSTER_CLASS_BROADCAST] = "broadcast",
        [MUSTER_CLASS_DIRECTED] = "directed",
        [MUSTER_CLASS_PROBE] = "probe",
        [MUSTER_CLASS_SUBSCRIPTION] = "subscription",
        [MUSTER_CLASS_MESSAGE] = "message",
        [MUSTER_CLASS_IQ] = "iq",
        [MUSTER_CLASS_ACK] = "ack",
        [MUSTER_CLASS_OTHER] = "other",
    };
    return names[class];
}

void offload_explain(int error, char *ret_line, size_t line_bytes)
{
    const char *advice = "see dmesg";
    if (error == -ENOTSUP)
        advice =
            "built without BPF: install clang, bpftool and libbpf-dev, and build again with -Dbpf=enabled";
    else if (error == -EPERM)
        advice =
            "needs CAP_BPF and CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_BPF CAP_NET_ADMIN; containers: --cap-add BPF "
            "--cap-add NET_ADMIN)";
    else if (error == -EINVAL || error == -ENOSYS || error == -ESRCH ||
             error == -EACCES) /* -EACCES: the verifier's */
        advice =
            "this kernel does not take the program, or lacks what it needs: Linux 6.1 or newer with BTF (CONFIG_DEBUG_INFO_BTF)";
    else if (error == -ENOMEM)
        advice = "raise the limit on locked memory (ulimit -l, LimitMEMLOCK=)";
    snprintf(ret_line, line_bytes, "%s; %s", strerror(-error), advice);
}

int offload_settle(const struct offload_outcome *o, struct buffer *ret_message)
{
    if (o->error && o->is_forced) {
        buffer_printf(ret_message, "offload.bpf: on, but %s cannot be loaded: %s; or set offload.bpf: auto",
                      o->program, o->why);
        return o->error;
    }
    if (o->error)
        log_info("offload", "%s=off instead=%s reason=\"%s\"", o->name, o->instead, o->why);
    return 0;
}
