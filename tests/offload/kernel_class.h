/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's build of the classifier says (classify.bpf.c), without any socket. */
#ifndef MUSTER_TESTS_KERNEL_CLASS_H
#define MUSTER_TESTS_KERNEL_CLASS_H

#include <stddef.h>

/* Load it. 0 or negative errno: -ENOTSUP without BPF programs, -EPERM without the right to load any. */
int kernel_class_open(void);
void kernel_class_close(void);

/* Of 1 to KERNEL_CLASS_BYTES_MAX octets: a class, or negative errno. */
#define KERNEL_CLASS_BYTES_MAX 1024
int kernel_class(const void *bytes, size_t len);

#endif
