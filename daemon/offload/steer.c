/* SPDX-License-Identifier: Apache-2.0 */
#include "offload/steer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "offload/programs.h"
#include "steer.skel.h"

/* The program for one address, with that address's sockets. */
struct place {
    struct steer_bpf *program;
    int fd; /* one of the sockets, the caller's: a handle of them all */
    bool is_attached;
};

struct steer {
    uint32_t workers;
    struct steer_slot *slots; /* the map itself */
    size_t slots_bytes;
    int slots_fd, counts_fd;
    struct place *places;
    uint32_t place_count;
};

static int slots_make(struct steer *s)
{
    LIBBPF_OPTS(bpf_map_create_opts, mapped, .map_flags = BPF_F_MMAPABLE);
    if (offload_is_forced_to_fail("steer"))
        return -EPERM;
    libbpf_set_print(NULL); /* what matters is the error, and offload_explain() says more of it */
    s->slots_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "steer_slots", sizeof(uint32_t), sizeof *s->slots,
                                 s->workers, &mapped);
    if (s->slots_fd < 0)
        return -errno;
    s->slots = mmap(NULL, s->slots_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->slots_fd, 0);
    if (s->slots == MAP_FAILED)
        return -errno;
    s->counts_fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "steer_counts", sizeof(uint32_t),
                                  sizeof(struct steer_counters), 1, NULL);
    return s->counts_fd < 0 ? -errno : 0;
}

int steer_new(uint32_t workers, struct steer **ret_steer, char *ret_line, size_t line_bytes)
{
    struct steer *s = calloc(1, sizeof *s);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int error = -ENOMEM;
    if (s) {
        *s = (struct steer){.workers = workers, .slots = MAP_FAILED, .slots_fd = -1, .counts_fd = -1};
        s->slots_bytes = (workers * sizeof *s->slots + page - 1) / page * page;
        error = slots_make(s);
    }
    if (error) {
        offload_explain(error, ret_line, line_bytes);
        steer_free(s);
        return error;
    }
    *ret_steer = s;
    return 0;
}

static void place_detach(struct place *p)
{
    if (p->is_attached)
        setsockopt(p->fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &(int){0}, sizeof(int));
    p->is_attached = false;
}

static void place_fini(struct place *p)
{
    place_detach(p);
    steer_bpf__destroy(p->program);
}

struct steer *steer_free(struct steer *s)
{
    if (!s)
        return NULL;
    for (uint32_t i = 0; i < s->place_count; i++)
        place_fini(&s->places[i]);
    free(s->places);
    if (s->slots != MAP_FAILED)
        munmap(s->slots, s->slots_bytes);
    if (s->slots_fd >= 0)
        close(s->slots_fd);
    if (s->counts_fd >= 0)
        close(s->counts_fd);
    free(s);
    return NULL;
}

static int place_load(const struct steer *s, struct place *p, const int *fds)
{
    p->program = steer_bpf__open();
    if (!p->program)
        return -errno;
    p->program->rodata->worker_count = s->workers;
    int error = bpf_map__set_max_entries(p->program->maps.steer_sockets, s->workers);
    if (!error)
        error = bpf_map__reuse_fd(p->program->maps.steer_slots, s->slots_fd);
    if (!error)
        error = bpf_map__reuse_fd(p->program->maps.steer_counts, s->counts_fd);
    if (!error)
        error = steer_bpf__load(p->program);
    for (uint32_t i = 0; i < s->workers && !error; i++) {
        uint64_t socket = (uint64_t)fds[i];
        error = bpf_map_update_elem(bpf_map__fd(p->program->maps.steer_sockets), &i, &socket, BPF_ANY)
                    ? -errno
                    : 0;
    }
    return error;
}

int steer_place_add(struct steer *s, const int *fds, char *ret_line, size_t line_bytes)
{
    struct place *places = realloc(s->places, (s->place_count + 1) * sizeof *places);
    int error = -ENOMEM;
    if (places) {
        s->places = places;
        places[s->place_count] = (struct place){.fd = fds[0]};
        error = place_load(s, &places[s->place_count++], fds);
    }
    if (error)
        offload_explain(error, ret_line, line_bytes);
    return error;
}

int steer_attach(struct steer *s, char *ret_line, size_t line_bytes)
{
    for (uint32_t i = 0; i < s->place_count; i++) {
        struct place *p = &s->places[i];
        int program = bpf_program__fd(p->program->progs.steer);
        if (!p->is_attached &&
            setsockopt(p->fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &program, sizeof program)) {
            int error = -errno;
            offload_explain(error, ret_line, line_bytes);
            steer_detach(s);
            return error;
        }
        p->is_attached = true;
    }
    return 0;
}

void steer_detach(struct steer *s)
{
    for (uint32_t i = 0; i < s->place_count; i++)
        place_detach(&s->places[i]);
}

struct steer_slot *steer_slot(struct steer *s, uint32_t worker)
{
    return &s->slots[worker];
}

int steer_counters_read(const struct steer *s, struct steer_counters *ret)
{
    int processors = libbpf_num_possible_cpus();
    if (processors < 0)
        return processors;
    struct steer_counters *each = calloc((size_t)processors, sizeof *each), sum = {0};
    if (!each)
        return -ENOMEM;
    int error = bpf_map_lookup_elem(s->counts_fd, &(uint32_t){0}, each) ? -errno : 0;
    for (int i = 0; i < processors; i++) {
        for (uint32_t w = 0; w < s->workers; w++)
            sum.chosen[w] += each[i].chosen[w];
        sum.fell_back += each[i].fell_back;
    }
    free(each);
    if (!error)
        *ret = sum;
    return error;
}
