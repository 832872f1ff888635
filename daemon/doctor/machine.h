/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what the kernel shows of this machine and of this process. All paths are below a folder, so that a test can show
 * another machine. */
#ifndef MUSTER_DOCTOR_MACHINE_H
#define MUSTER_DOCTOR_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* A limit that is not set, and what cannot be read. */
#define MACHINE_UNLIMITED UINT64_MAX

/* Bits of a capability set (linux/capability.h), which Debian 12's headers have, but not every name. */
enum { CAPABILITY_NET_ADMIN = 12, CAPABILITY_IPC_LOCK = 14, CAPABILITY_SYS_ADMIN = 21, CAPABILITY_BPF = 39 };

enum { SECCOMP_NONE, SECCOMP_STRICT_MODE, SECCOMP_FILTERED };

struct machine {
    const char *root;      /* "" is this machine, else a folder that stands for / */
    bool is_container;     /* advice is for docker and podman, not for systemd */
    uint64_t capabilities; /* effective */
    int seccomp;           /* of this process */
};

void machine_look(struct machine *ret, const char *root);
bool machine_has_capability(const struct machine *m, int capability);

bool machine_has(const struct machine *m, const char *path);
/* Append the whole file. false: there is none, or it is not for us. */
bool machine_text(const struct machine *m, const char *path, struct buffer *out);
/* The number that the file begins with; `otherwise` when it does not, or is not there. */
int64_t machine_number(const struct machine *m, const char *path, int64_t otherwise);
/* Is the module of this name installed for the running kernel, or part of it? */
bool machine_has_module(const struct machine *m, const char *name);

/* A limit of this process's cgroup, version 2 or 1: the least of it and all groups above. MACHINE_UNLIMITED: none. */
struct cgroup_limits {
    uint64_t memory_bytes, pids;
    uint64_t cpu_thousandths; /* of a processor */
};
void machine_cgroup_limits(const struct machine *m, struct cgroup_limits *ret);

#endif
