/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/privileges.h"

struct outcome {
    int dropped, taken_back; /* 0 or negative errno */
    uint64_t kept, bounding;
    int is_sealed; /* no new privileges */
};

static uint64_t bounding_set(void)
{
    uint64_t set = 0;
    for (unsigned long c = 0; c < 64; c++)
        set |= prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 ? UINT64_C(1) << c : 0;
    return set;
}

static void *drop(void *context)
{
    struct outcome *o = context;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct one[_LINUX_CAPABILITY_U32S_3] = {
        {.permitted = 1 << CAP_CHOWN, .effective = 1 << CAP_CHOWN}};
    o->dropped = privileges_drop();
    o->kept = privileges_kept();
    o->bounding = bounding_set();
    o->is_sealed = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    o->taken_back = syscall(SYS_capset, &header, one) == 0 ? 0 : -errno;
    return NULL;
}

/* In a thread of its own, so that the others keep theirs: which is what is asked of it, too. */
static struct outcome drop_in_a_thread(void)
{
    struct outcome o = {.taken_back = 1};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drop, &o), 0);
    pthread_join(thread, NULL);
    return o;
}

static void all_are_gone_for_good(void **state)
{
    (void)state;
    uint64_t bounding = bounding_set(), before = privileges_kept();
    struct outcome o = drop_in_a_thread();
    assert_int_equal(o.dropped, 0);
    assert_int_equal(o.kept, 0);
    assert_int_equal(o.is_sealed, 1);
    assert_int_equal(o.taken_back, -EPERM);
    assert_int_equal(o.bounding, before >> CAP_SETPCAP & 1 ? 0 : bounding);
}

static void another_thread_keeps_its_own(void **state)
{
    (void)state;
    uint64_t before = privileges_kept();
    if (!before) {
        print_message("this process has no capabilities\n");
        skip();
    }
    drop_in_a_thread();
    assert_int_equal(privileges_kept(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_gone_for_good),
        cmocka_unit_test(another_thread_keeps_its_own),
    };
    return cmocka_run_group_tests_name("privileges", tests, NULL, NULL);
}
