/* SPDX-License-Identifier: Apache-2.0 */
/* A check reads facts and judges them; the judgement is a function of the facts alone where they do not come out the same on
 * every machine. Within doctor/ and its tests only. */
#ifndef MUSTER_DOCTOR_CHECKS_H
#define MUSTER_DOCTOR_CHECKS_H

#include <time.h>

#include "doctor/doctor.h"
#include "doctor/machine.h"
#include "ring/probe.h"
#include "tls/record_kernel.h"

struct examination {
    const struct doctor_subject *subject;
    struct machine machine;
    struct ring_abilities ring;
    bool has_loop_program; /* the one that runs the workers' loops can be loaded */
    struct findings *findings;
};

/* The checks, each in the file of its subject; doctor.c has the table. */
void check_kernel(struct examination *x); /* check_machine.c */
void check_seccomp(struct examination *x);
void check_privileges(struct examination *x);
void check_clock(struct examination *x);
void check_ring(struct examination *x);    /* check_ring.c */
void check_library(struct examination *x); /* check_tls.c */
void check_ktls(struct examination *x);
void check_bpf(struct examination *x);    /* check_bpf.c */
void check_limits(struct examination *x); /* check_limits.c */
void check_cgroup(struct examination *x);
void check_processors(struct examination *x);
void check_config(struct examination *x); /* check_files.c */
void check_state(struct examination *x);
void check_control(struct examination *x);
void check_certificates(struct examination *x);
void check_smime(struct examination *x); /* check_smime.c */

/* ---- judgements ---- */

void judge_kernel(struct findings *f, const char *release);

struct privileges_facts {
    uint64_t before, kept; /* a bit for each capability */
    int error;             /* of giving them up */
};
void judge_privileges(struct findings *f, const struct machine *m, const struct privileges_facts *p);

struct clock_facts {
    time_t now;
    bool is_synchronised;
};
void judge_clock(struct findings *f, const struct clock_facts *c);

/* Why the kernel says no to io_uring. */
struct ring_facts {
    struct ring_abilities abilities;
    int64_t disabled, group; /* sysctls kernel.io_uring_*; disabled -1: this kernel has none */
    bool is_in_group;        /* this process is in `group` */
    uint32_t workers;
};
void judge_ring(struct findings *f, const struct machine *m, const struct ring_facts *r);

struct ktls_facts {
    int ulp; /* 0 or negative errno of the hand-over alone */
    struct record_kernel_abilities abilities;
    bool has_module;
    const char *off; /* what in the configuration says that the kernel has nothing to do; NULL: nothing */
    enum finding_need need; /* the configuration insists */
};
void judge_ktls(struct findings *f, const struct machine *m, const struct ktls_facts *k);

/* A program of a type: `error` is 0 or the negative errno of loading one. */
struct bpf_type {
    const char *name, *title, *without, *option;
    uint32_t type, attach_type;
};
void judge_bpf_program(struct findings *f, const struct machine *m, const struct bpf_type *type, int error);

/* A program that the daemon loads. */
struct program_facts {
    const char *name, *title, *gain, *without; /* the row's; the program's; with and without it: */
    const char *idle;                          /* why there is nothing for it to do; NULL: there is */
    enum finding_need need;
    int error;              /* 0 or negative errno of loading it */
    const char *line;       /* what offload/ says of it */
    const char *capability; /* that it needs beside those of all programs; NULL: none */
};
void judge_program(struct findings *f, const struct machine *m, const struct program_facts *p);

struct descriptor_facts {
    uint64_t soft, hard;
    uint32_t workers, listeners;
};
void judge_descriptors(struct findings *f, const struct machine *m, const struct descriptor_facts *d);
struct locked_facts {
    uint64_t limit;
    uint32_t workers;
    bool is_charged;        /* their rings count */
    bool has_regions;       /* there is a program for their loops, with a region each, which count always */
    enum finding_need need; /* the configuration insists on it */
};
void judge_locked_memory(struct findings *f, const struct machine *m, const struct locked_facts *l);
/* The line that raises it to so many octets at least. */
void locked_memory_change(struct finding *row, const struct machine *m, uint64_t wanted);
void judge_backlog(struct findings *f, const struct machine *m, int64_t somaxconn);
void judge_cgroup(struct findings *f, const struct machine *m, const struct cgroup_limits *limits,
                  uint32_t workers, uint32_t jobs);
void judge_processors(struct findings *f, uint32_t processors, uint32_t workers);

/* A folder that files are made in. */
struct folder_facts {
    const char *name, *path; /* the row's name; NULL: no configuration says which */
    const char *tested;      /* the path, or the folder above it when it is not there yet */
    int error;               /* 0 or negative errno of writing there */
    uint64_t free_bytes;     /* MACHINE_UNLIMITED: it does not matter */
};
void judge_folder(struct findings *f, const struct folder_facts *d);

struct certificate_facts {
    const char *name; /* the row's */
    int error;        /* of loading all of it, with its message */
    struct span message;
    bool is_dated;
    time_t now, begin, end;
};
void judge_certificates(struct findings *f, const struct certificate_facts *c);

struct smime_facts {
    bool is_wanted;
    int error; /* of reading all of it, with its message */
    struct span message;
    uint64_t now_s, anchors_expire_s, lists_stale_s; /* since 1970; the last UINT64_MAX: there are none */
    const char *warning;                             /* of the library; NULL: none */
};
void judge_smime(struct findings *f, const struct smime_facts *s);

#endif
