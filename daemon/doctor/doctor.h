/* SPDX-License-Identifier: Apache-2.0 */
/* musterd --doctor: every offload, limit and dependency of the daemon on this machine: is it there, what is done without it, and
 * the line that changes it. Starts nothing, changes nothing, needs no privilege, takes well under a second. */
#ifndef MUSTER_DOCTOR_DOCTOR_H
#define MUSTER_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "doctor/finding.h"
#include "edge/edge.h"
#include "muster/verdict.h"
#include "tls/context.h"

/* Who is examined. */
struct doctor_subject {
    const char *config_path;
    int config_error; /* negative errno: it could not be read (-ENOENT: there is none), and defaults hold */
    struct span config_message;  /* what is wrong with it, in lines */
    const struct config *config; /* NULL with config_error */
    /* What the daemon makes of it. */
    uint32_t workers, jobs;         /* threads */
    const struct tls_settings *tls; /* NULL: no listener uses TLS, or no configuration */
    const struct tls_settings
        *servers; /* towards other servers, either role; NULL: none are spoken to, or no configuration */
    struct muster_verdict_limits verdict_limits;
    const struct edge_settings *smime; /* NULL: nothing signed is looked at, or no configuration */
};

/* All rows, in their order. */
void doctor_examine(const struct doctor_subject *s, struct findings *ret);

#endif
