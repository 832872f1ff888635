/* SPDX-License-Identifier: Apache-2.0 */
/* In place of kernel_class.c, where there are no BPF programs. */
#include <errno.h>

#include "kernel_class.h"

int kernel_class_open(void)
{
    return -ENOTSUP;
}

void kernel_class_close(void)
{
}

int kernel_class(const void *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    return -ENOTSUP;
}
