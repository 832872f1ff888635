/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/doctor.h"

#include "base/log.h"
#include "doctor/checks.h"

/* A row each, or a few; a new check is a function and a line here. */
static void (*const checks[])(struct examination *x) = {
    check_kernel,  check_seccomp, check_privileges,   check_processors, check_clock,  check_ring,
    check_library, check_ktls,    check_bpf,          check_limits,     check_cgroup, check_config,
    check_state,   check_control, check_certificates, check_smime,
};

void doctor_examine(const struct doctor_subject *s, struct findings *ret)
{
    struct examination x = {.subject = s, .findings = ret};
    ret->count = 0;
    log_level_set(LOG_LEVEL_ERROR); /* what others would warn of has its row here */
    machine_look(&x.machine, "");
    ring_probe(&x.ring);
    for (unsigned i = 0; i < sizeof checks / sizeof checks[0]; i++)
        checks[i](&x);
}
