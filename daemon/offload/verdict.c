/* SPDX-License-Identifier: Apache-2.0 */
#include "offload/verdict.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "offload/programs.h"
#include "verdict.skel.h"

struct verdict {
    struct verdict_bpf *program;
    struct muster_flow *flows; /* the kernel's memory */
    pthread_mutex_t lock;      /* of what follows */
    uint64_t *cookies;         /* by place */
    uint32_t *next_free;       /* by place */
    uint32_t first_free, watched;
    uint64_t keepalives_gone, floods_gone; /* of connections that are no more */
};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level;
    (void)format;
    (void)args;
    return 0; /* what matters is the error, and offload_explain() says more of it */
}

static size_t flows_bytes(void)
{
    return MUSTER_VERDICT_FLOWS * sizeof(struct muster_flow);
}

static int program_load(struct verdict *v, const struct muster_verdict_limits *limits)
{
    if (offload_is_forced_to_fail("verdict"))
        return -EPERM;
    libbpf_set_print(silent);
    v->program = verdict_bpf__open();
    if (!v->program)
        return -errno;
    memcpy((void *)&v->program->rodata->limits, limits, sizeof *limits);
    int error = verdict_bpf__load(v->program);
    if (error)
        return error;
    if (bpf_prog_attach(bpf_program__fd(v->program->progs.verdict), bpf_map__fd(v->program->maps.sockets),
                        BPF_SK_SKB_STREAM_VERDICT, 0) < 0)
        return -errno;
    void *flows =
        mmap(NULL, flows_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(v->program->maps.flows), 0);
    if (flows == MAP_FAILED)
        return -errno;
    v->flows = flows;
    return 0;
}

int verdict_new(const struct muster_verdict_limits *limits, struct verdict **ret_verdict, char *ret_line,
                size_t line_bytes)
{
    struct verdict *v = calloc(1, sizeof *v);
    int error = v ? 0 : -ENOMEM;
    if (v) {
        pthread_mutex_init(&v->lock, NULL);
        v->cookies = calloc(MUSTER_VERDICT_FLOWS, sizeof *v->cookies);
        v->next_free = calloc(MUSTER_VERDICT_FLOWS, sizeof *v->next_free);
        error = v->cookies && v->next_free ? program_load(v, limits) : -ENOMEM;
    }
    if (error) {
        offload_explain(error, ret_line, line_bytes);
        verdict_free(v);
        return error;
    }
    for (uint32_t i = 0; i < MUSTER_VERDICT_FLOWS; i++)
        v->next_free[i] = i + 1 < MUSTER_VERDICT_FLOWS ? i + 1 : VERDICT_NO_FLOW;
    *ret_verdict = v;
    return 0;
}

struct verdict *verdict_free(struct verdict *v)
{
    if (!v)
        return NULL;
    if (v->flows)
        munmap(v->flows, flows_bytes());
    verdict_bpf__destroy(v->program);
    pthread_mutex_destroy(&v->lock);
    free(v->cookies);
    free(v->next_free);
    free(v);
    return NULL;
}

static uint32_t flow_take(struct verdict *v, uint64_t cookie)
{
    pthread_mutex_lock(&v->lock);
    uint32_t flow = v->first_free;
    if (flow != VERDICT_NO_FLOW) {
        v->first_free = v->next_free[flow];
        v->cookies[flow] = cookie;
        v->watched++;
    }
    pthread_mutex_unlock(&v->lock);
    return flow;
}

static void flow_give_back(struct verdict *v, uint32_t flow)
{
    struct muster_flow *f = &v->flows[flow];
    pthread_mutex_lock(&v->lock);
    v->keepalives_gone += f->keepalives;
    v->floods_gone += f->floods;
    /* The program may be about to look at it: never as if it stood between two stanzas. */
    __atomic_store_n(&f->boundary, VERDICT_NO_BOUNDARY, __ATOMIC_RELAXED);
    f->passed = f->keepalives = f->heard_ns = f->filled_ns = f->tokens = f->floods = 0;
    v->next_free[flow] = v->first_free;
    v->first_free = flow;
    v->watched--;
    pthread_mutex_unlock(&v->lock);
}

static int map_put(struct bpf_map *map, uint64_t cookie, uint64_t value, size_t value_bytes)
{
    uint32_t narrow = (uint32_t)value;
    return bpf_map_update_elem(bpf_map__fd(map), &cookie,
                               value_bytes == sizeof narrow ? (void *)&narrow : (void *)&value, BPF_ANY);
}

/* Nothing waits, neither with TCP nor where the program has left it: FIONREAD knows of the first only. */
static bool is_drained(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* One that was given up is still there, and cannot be put in again. */
static bool socket_put(struct bpf_map *sockets, uint64_t cookie, int fd)
{
    int error = map_put(sockets, cookie, (uint64_t)fd, sizeof(uint64_t));
    return error == 0 || error == -EBUSY;
}

uint32_t verdict_watch(struct verdict *v, int fd)
{
    uint64_t cookie;
    socklen_t len = sizeof cookie;
    if (!is_drained(fd) || getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
        return VERDICT_NO_FLOW;
    uint32_t flow = flow_take(v, cookie);
    if (flow == VERDICT_NO_FLOW)
        return flow;
    struct verdict_bpf *p = v->program;
    v->flows[flow].boundary = VERDICT_NO_BOUNDARY; /* until the owner says where it stands */
    if (map_put(p->maps.places, cookie, flow, sizeof(uint32_t)) == 0 &&
        socket_put(p->maps.sockets, cookie, fd) && is_drained(fd))
        return flow;
    verdict_unwatch(v, flow);
    return VERDICT_NO_FLOW;
}

void verdict_unwatch(struct verdict *v, uint32_t flow)
{
    if (flow == VERDICT_NO_FLOW)
        return;
    bpf_map_delete_elem(bpf_map__fd(v->program->maps.places),
                        &v->cookies[flow]); /* that it is not there is as good */
    flow_give_back(v, flow);
}

void verdict_boundary(struct verdict *v, uint32_t flow, uint64_t octets)
{
    __atomic_store_n(&v->flows[flow].boundary, octets, __ATOMIC_RELAXED);
}

void verdict_switch(struct verdict *v, bool is_on)
{
    __atomic_store_n(&v->program->data->is_on, is_on, __ATOMIC_RELAXED);
}

bool verdict_is_on(const struct verdict *v)
{
    return __atomic_load_n(&v->program->data->is_on, __ATOMIC_RELAXED);
}

/* Of all processors. */
static uint64_t class_count(struct verdict *v, uint32_t class)
{
    int processors = libbpf_num_possible_cpus();
    uint64_t *each = processors > 0 ? calloc((size_t)processors, sizeof *each) : NULL, sum = 0;
    if (each && bpf_map_lookup_elem(bpf_map__fd(v->program->maps.classes), &class, each) == 0)
        for (int i = 0; i < processors; i++)
            sum += each[i];
    free(each);
    return sum;
}

struct verdict_counters verdict_counters_read(struct verdict *v)
{
    struct verdict_counters c = {0};
    for (uint32_t class = 0; class < MUSTER_CLASS_COUNT; class ++)
        c.classes[class] = class_count(v, class);
    pthread_mutex_lock(&v->lock);
    c.watched = v->watched;
    c.keepalives = v->keepalives_gone;
    c.floods = v->floods_gone;
    for (uint32_t flow = 0; flow < MUSTER_VERDICT_FLOWS; flow++) {
        c.keepalives += v->flows[flow].keepalives;
        c.floods += v->flows[flow].floods;
    }
    pthread_mutex_unlock(&v->lock);
    return c;
}
