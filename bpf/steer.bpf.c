/* SPDX-License-Identifier: Apache-2.0 */
/* Which worker gets a new connection (SO_REUSEPORT). Each worker listens on a socket of its own; without this program the
 * kernel takes one by the hash of the addresses and ports, whatever the workers have to do. One instance of the program for
 * each listening address, with the sockets of that address; the slots and the counters are shared by all of them.
 *
 * Two workers are drawn by the packet's hash and the one with less to do is taken. Not the least of all: that reads the
 * slot of every worker (256 cache lines that others write) at each connection, and everybody who comes before the loads
 * are written anew goes to the same one. Of two, none can be sent more than 2/n of them, the fullest never gets anybody
 * while the loads stand, and the cost does not grow with the number of workers.
 *
 * It fails open: what it does not understand (no slot, no socket, everybody drained) is left to the kernel's hash, and no
 * connection is ever refused here. */
#include <linux/bpf.h>
#include <linux/tcp.h>

#include <bpf/bpf_helpers.h>

#include "muster/steer.h"

/* Written before the program is loaded. */
const volatile __u32 worker_count = 0;

struct {
    __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
    __uint(max_entries, STEER_WORKERS_MAX);
    __type(key, __u32);
    __type(value, __u64);
} steer_sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, STEER_WORKERS_MAX);
    __type(key, __u32);
    __type(value, struct steer_slot);
} steer_slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct steer_counters);
} steer_counts SEC(".maps");

/* Those on their way count like log-ins at once, so that a burst between two turns of a worker is spread as well. */
static __always_inline __u64 load_of(const struct steer_slot *slot)
{
    return slot->load + (__u64)slot->coming * STEER_LOGIN_WEIGHT;
}

static __always_inline int is_first_lighter(__u32 first, __u32 second)
{
    const struct steer_slot *a = bpf_map_lookup_elem(&steer_slots, &first);
    const struct steer_slot *b = bpf_map_lookup_elem(&steer_slots, &second);
    return !a || !b || load_of(a) <= load_of(b);
}

/* The program runs for each packet that belongs to no connection yet, or no longer: one that comes behind the end, or the last of a
 * handshake that a SYN cookie keeps. They want a socket, too, but only the first packet is a new connection. */
static __always_inline int is_new(const struct sk_reuseport_md *packet)
{
    const struct tcphdr *tcp = packet->data;
    return (const void *)(tcp + 1) <= packet->data_end && tcp->syn;
}

/* 0: the connection is that worker's. */
static __always_inline int take(struct sk_reuseport_md *packet, struct steer_counters *counters, __u32 worker)
{
    struct steer_slot *slot = bpf_map_lookup_elem(&steer_slots, &worker);
    if (!slot || slot->is_drained)
        return -1;
    if (bpf_sk_select_reuseport(packet, &steer_sockets, &worker, 0))
        return -1; /* its socket is closed */
    if (is_new(packet)) {
        __sync_fetch_and_add(&slot->coming, 1);
        counters->chosen[worker & (STEER_WORKERS_MAX - 1)]++;
    }
    return 0;
}

/* Where both that were drawn take nobody: the next one that does. Whole words, for without CAP_PERFMON the verifier of Linux 6.1
 * lets nobody write to half of one on the stack. */
struct walk {
    struct sk_reuseport_md *packet;
    struct steer_counters *counters;
    __u64 first, is_taken;
};

static long walk_step(__u32 i, void *context)
{
    struct walk *walk = context;
    walk->is_taken = take(walk->packet, walk->counters, ((__u32)walk->first + i) % worker_count) == 0;
    return (long)walk->is_taken;
}

SEC("sk_reuseport")
int steer(struct sk_reuseport_md *packet)
{
    __u32 zero = 0, count = worker_count, hash = packet->hash;
    struct steer_counters *counters = bpf_map_lookup_elem(&steer_counts, &zero);
    if (!counters)
        return SK_PASS;
    if (count >= 2 && count <= STEER_WORKERS_MAX) {
        /* Both halves of the hash, and never the same worker twice. */
        __u32 first = (hash & 0xffff) % count;
        __u32 second = (first + 1 + (hash >> 16) % (count - 1)) % count;
        int is_first = is_first_lighter(first, second);
        if (!take(packet, counters, is_first ? first : second) ||
            !take(packet, counters, is_first ? second : first))
            return SK_PASS;
        struct walk walk = {packet, counters, first, 0};
        /* Not a loop of the program's own: without CAP_PERFMON the verifier follows what the processor may guess as well, in each
         * round, and gives up. */
        bpf_loop(count, walk_step, &walk, 0);
        if (walk.is_taken)
            return SK_PASS;
    }
    if (is_new(packet))
        counters->fell_back++;
    return SK_PASS; /* with no socket selected: the kernel takes one by its hash */
}

/* No helper that is called here asks for more. */
char LICENSE[] SEC("license") = "Apache-2.0";
