/* SPDX-License-Identifier: Apache-2.0 */
/* Attaching a program to a ring needs a map of a kernel's type and a link. libbpf does that by itself since its version 1.4; what is needed of it here is
 * in 1.1 (Debian 12) as well. */
#include "offload/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "loop.skel.h"
#include "offload/programs.h"

/* Of the kernel's interface, newer than Debian 12's headers. */
#define ATTACH_STRUCT_OPS 44
#define MAP_WITH_LINK (1u << 13)
#define PROGRAM_SLEEPS (1u << 4)

#define OPERATIONS "io_uring_bpf_ops"
#define OPERATIONS_VALUE "bpf_struct_ops_" OPERATIONS

/* What the kernel calls the parts, and where they are. */
struct layout {
    int operations, value;     /* types */
    uint32_t value_bytes;      /* of the map's only value */
    uint32_t step, step_index; /* where in it the program goes; which member that is */
    uint32_t ring_fd;          /* where the ring goes */
};

struct loop_program {
    struct loop_bpf *program;
    struct layout layout;
    uint32_t count;
    struct loop_place {
        int map_fd, link_fd;
        bool is_filled;
    } places[];
};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level;
    (void)format;
    (void)args;
    return 0; /* what matters is the error */
}

/* A member's number; its offset in octets. Negative errno. */
static int member_find(const struct btf *types, int type, const char *name, uint32_t *ret_offset)
{
    const struct btf_type *t = btf__type_by_id(types, (uint32_t)type);
    for (uint32_t i = 0; t && i < btf_vlen(t); i++) {
        const struct btf_member *m = &btf_members(t)[i];
        const char *found = btf__name_by_offset(types, m->name_off);
        if (found && strcmp(found, name) == 0) {
            *ret_offset = btf_member_bit_offset(t, i) / 8;
            return (int)i;
        }
    }
    return -ESRCH;
}

/* 0, LOOP_PROGRAM_UNKNOWN or negative errno. */
static int layout_find(struct layout *ret)
{
    struct btf *types = btf__load_vmlinux_btf();
    if (!types)
        return LOOP_PROGRAM_UNKNOWN; /* no types, no such programs */
    struct layout l = {.operations = btf__find_by_name_kind(types, OPERATIONS, BTF_KIND_STRUCT),
                       .value = btf__find_by_name_kind(types, OPERATIONS_VALUE, BTF_KIND_STRUCT)};
    int error = l.operations < 0 || l.value < 0 ? LOOP_PROGRAM_UNKNOWN : 0;
    if (!error) {
        uint32_t data = 0;
        l.value_bytes = (uint32_t)btf__resolve_size(types, (uint32_t)l.value);
        int index = member_find(types, l.operations, "loop_step", &l.step);
        l.step_index = (uint32_t)index;
        if (index < 0 || member_find(types, l.operations, "ring_fd", &l.ring_fd) < 0 ||
            member_find(types, l.value, "data", &data) < 0)
            error = -EINVAL;
        l.step += data;
        l.ring_fd += data;
    }
    btf__free(types);
    if (!error)
        *ret = l;
    return error;
}

/* libbpf's last question before it loads the program. `cookie` is the layout. */
static int program_prepare(struct bpf_program *program, struct bpf_prog_load_opts *options, long cookie)
{
    const struct layout *l = (const struct layout *)cookie;
    (void)program;
    options->attach_btf_id = (uint32_t)l->operations;
    options->expected_attach_type = (enum bpf_attach_type)l->step_index;
    options->prog_flags |= PROGRAM_SLEEPS;
    return 0;
}

/* Once for the process, whose kernel stays the same: libbpf before 1.3 keeps a pointer to freed memory when the last handler is taken
 * back. Called at the start, by one thread. 0 or negative errno. */
static int handler_register(const struct layout *l)
{
    static struct layout kept;
    static int handler;
    if (handler > 0)
        return 0;
    kept = *l;
    LIBBPF_OPTS(libbpf_prog_handler_opts, options, .cookie = (long)&kept,
                .prog_prepare_load_fn = program_prepare);
    handler = libbpf_register_prog_handler("muster_loop", BPF_PROG_TYPE_STRUCT_OPS, 0, &options);
    return handler < 0 ? handler : 0;
}

static int program_load(struct loop_program *p)
{
    if (offload_is_forced_to_fail("loop"))
        return -EPERM;
    libbpf_set_print(silent);
    int error = layout_find(&p->layout);
    if (error)
        return error;
    error = handler_register(&p->layout);
    if (error)
        return error;
    p->program = loop_bpf__open();
    return p->program ? loop_bpf__load(p->program) : -errno;
}

static int places_make(struct loop_program *p)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .btf_vmlinux_value_type_id = (uint32_t)p->layout.value,
                .map_flags = MAP_WITH_LINK, .btf_fd = (uint32_t)bpf_object__btf_fd(p->program->obj));
    for (uint32_t i = 0; i < p->count; i++) {
        p->places[i].map_fd = bpf_map_create(BPF_MAP_TYPE_STRUCT_OPS, "muster_loop", sizeof(uint32_t),
                                             p->layout.value_bytes, 1, &options);
        if (p->places[i].map_fd < 0)
            return -errno;
    }
    return 0;
}

int loop_program_new(uint32_t rings, struct loop_program **ret_program, char *ret_line, size_t line_bytes)
{
    struct loop_program *p = calloc(1, sizeof *p + rings * sizeof p->places[0]);
    int error = p ? 0 : -ENOMEM;
    if (p) {
        p->count = rings;
        for (uint32_t i = 0; i < rings; i++)
            p->places[i] = (struct loop_place){.map_fd = -1, .link_fd = -1};
        error = program_load(p);
        if (!error)
            error = places_make(p);
    }
    if (error == LOOP_PROGRAM_UNKNOWN)
        snprintf(ret_line, line_bytes,
                 "this kernel does not run io_uring's loop as a program: Linux 7.3 or newer with "
                 "CONFIG_IO_URING_BPF_OPS");
    else if (error == -EPERM || error == -EACCES)
        snprintf(ret_line, line_bytes,
                 "%s; needs CAP_BPF and CAP_PERFMON (systemd: AmbientCapabilities=CAP_BPF CAP_PERFMON; "
                 "containers: --cap-add BPF --cap-add PERFMON)",
                 strerror(-error));
    else if (error)
        offload_explain(error, ret_line, line_bytes);
    if (error) {
        loop_program_free(p);
        return error;
    }
    *ret_program = p;
    return 0;
}

struct loop_program *loop_program_free(struct loop_program *p)
{
    if (!p)
        return NULL;
    for (uint32_t i = 0; i < p->count; i++) {
        loop_program_detach(p, i);
        if (p->places[i].map_fd >= 0)
            close(p->places[i].map_fd);
    }
    loop_bpf__destroy(p->program);
    free(p);
    return NULL;
}

/* Once: the kernel keeps it. */
static int place_fill(struct loop_program *p, struct loop_place *place, int ring_fd)
{
    uint32_t zero = 0;
    uint64_t program = (uint64_t)bpf_program__fd(p->program->progs.loop_step);
    char *value = place->is_filled ? NULL : calloc(1, p->layout.value_bytes);
    if (!value)
        return place->is_filled ? 0 : -ENOMEM;
    memcpy(value + p->layout.step, &program, sizeof program);
    memcpy(value + p->layout.ring_fd, &ring_fd, sizeof ring_fd);
    int error = bpf_map_update_elem(place->map_fd, &zero, value, BPF_ANY) < 0 ? -errno : 0;
    free(value);
    place->is_filled = error == 0;
    return error;
}

int loop_program_attach(struct loop_program *p, uint32_t place, int ring_fd)
{
    struct loop_place *at = &p->places[place];
    if (at->link_fd >= 0)
        return 0;
    int error = place_fill(p, at, ring_fd);
    if (error)
        return error;
    at->link_fd = bpf_link_create(at->map_fd, 0, (enum bpf_attach_type)ATTACH_STRUCT_OPS, NULL);
    return at->link_fd < 0 ? -errno : 0;
}

void loop_program_detach(struct loop_program *p, uint32_t place)
{
    struct loop_place *at = &p->places[place];
    if (at->link_fd < 0)
        return;
    bpf_link_detach(at->link_fd); /* at once; closing alone may come to it later */
    close(at->link_fd);
    at->link_fd = -1;
}
