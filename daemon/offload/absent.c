/* SPDX-License-Identifier: Apache-2.0 */
/* In place of the programs, where the daemon is built without. Nothing is ever made, so only the makers can be called. */
#include <errno.h>

#include "offload/loop.h"
#include "offload/programs.h"
#include "offload/steer.h"
#include "offload/verdict.h"

int verdict_new(const struct muster_verdict_limits *limits, struct verdict **ret_verdict, char *ret_line,
                size_t line_bytes)
{
    (void)limits;
    (void)ret_verdict;
    offload_explain(-ENOTSUP, ret_line, line_bytes);
    return -ENOTSUP;
}

struct verdict *verdict_free(struct verdict *v)
{
    return v;
}

uint32_t verdict_watch(struct verdict *v, int fd)
{
    (void)v;
    (void)fd;
    return VERDICT_NO_FLOW;
}

void verdict_unwatch(struct verdict *v, uint32_t flow)
{
    (void)v;
    (void)flow;
}

void verdict_boundary(struct verdict *v, uint32_t flow, uint64_t octets)
{
    (void)v;
    (void)flow;
    (void)octets;
}

void verdict_switch(struct verdict *v, bool is_on)
{
    (void)v;
    (void)is_on;
}

bool verdict_is_on(const struct verdict *v)
{
    (void)v;
    return false;
}

struct verdict_counters verdict_counters_read(struct verdict *v)
{
    (void)v;
    return (struct verdict_counters){0};
}

int steer_new(uint32_t workers, struct steer **ret_steer, char *ret_line, size_t line_bytes)
{
    (void)workers;
    (void)ret_steer;
    offload_explain(-ENOTSUP, ret_line, line_bytes);
    return -ENOTSUP;
}

struct steer *steer_free(struct steer *s)
{
    return s;
}

int steer_place_add(struct steer *s, const int *fds, char *ret_line, size_t line_bytes)
{
    (void)s;
    (void)fds;
    offload_explain(-ENOTSUP, ret_line, line_bytes);
    return -ENOTSUP;
}

int steer_attach(struct steer *s, char *ret_line, size_t line_bytes)
{
    (void)s;
    offload_explain(-ENOTSUP, ret_line, line_bytes);
    return -ENOTSUP;
}

void steer_detach(struct steer *s)
{
    (void)s;
}

struct steer_slot *steer_slot(struct steer *s, uint32_t worker)
{
    (void)s;
    (void)worker;
    return NULL;
}

int steer_counters_read(const struct steer *s, struct steer_counters *ret)
{
    (void)s;
    (void)ret;
    return -ENOTSUP;
}

int loop_program_new(uint32_t rings, struct loop_program **ret_program, char *ret_line, size_t line_bytes)
{
    (void)rings;
    (void)ret_program;
    offload_explain(-ENOTSUP, ret_line, line_bytes);
    return -ENOTSUP;
}

struct loop_program *loop_program_free(struct loop_program *p)
{
    return p;
}

int loop_program_attach(struct loop_program *p, uint32_t place, int ring_fd)
{
    (void)p;
    (void)place;
    (void)ring_fd;
    return -ENOTSUP;
}

void loop_program_detach(struct loop_program *p, uint32_t place)
{
    (void)p;
    (void)place;
}
