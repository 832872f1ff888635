/* SPDX-License-Identifier: Apache-2.0 */
#include "base/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(_LINUX_CAPABILITY_U32S_3 == 2, "64 capabilities in two words");

/* libc has no functions for the two system calls; `version` 3 is what has 64 bits. pid 0: this thread. */
static struct __user_cap_header_struct header(void)
{
    return (struct __user_cap_header_struct){.version = _LINUX_CAPABILITY_VERSION_3};
}

int privileges_drop(void)
{
    struct __user_cap_header_struct h = header();
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    /* What is executed gains nothing either, not even as user 0. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -errno;
    /* Ends with the first that this kernel does not know, or with EPERM: then there is nobody to take them from. */
    for (unsigned long c = 0; prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0;)
        c++;
    return syscall(SYS_capset, &h, none) == 0 ? 0 : -errno; /* the ambient set follows */
}

uint64_t privileges_kept(void)
{
    struct __user_cap_header_struct h = header();
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &h, data) != 0)
        return 0;
    return data[0].permitted | (uint64_t)data[1].permitted << 32;
}
