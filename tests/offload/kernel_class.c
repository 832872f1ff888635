/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel_class.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdint.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "classify.skel.h"

static struct classify_bpf *program;

int kernel_class_open(void)
{
    libbpf_set_print(NULL);
    program = classify_bpf__open_and_load();
    return program ? 0 : -errno;
}

void kernel_class_close(void)
{
    classify_bpf__destroy(program);
    program = NULL;
}

int kernel_class(const void *bytes, size_t len)
{
    char frame[ETH_HLEN + KERNEL_CLASS_BYTES_MAX] = {0}; /* of no protocol */
    if (!len || len > KERNEL_CLASS_BYTES_MAX)
        return -EINVAL;
    memcpy(frame + ETH_HLEN, bytes, len);
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = (uint32_t)(ETH_HLEN + len),
                .repeat = 1);
    if (bpf_prog_test_run_opts(bpf_program__fd(program->progs.classify), &run) != 0)
        return -errno;
    return (int)run.retval;
}
