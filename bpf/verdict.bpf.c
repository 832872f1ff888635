/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* For connections without TLS: what comes is looked at before the daemon wakes. White space between two stanzas, which says no
 * more than that the peer is there, is counted and goes no further; everything else goes on, with its class counted, and whoever
 * sends more than its bucket holds is marked. Nothing but such white space is ever dropped. */
#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "muster/classify.h"
#include "muster/verdict.h"

#define NS_PER_S 1000000000ull

/* A socket stays in here until it is closed: the kernel would drop what it has not read yet if it left. */
struct {
    __uint(type, BPF_MAP_TYPE_SOCKHASH);
    __uint(max_entries, MUSTER_VERDICT_FLOWS);
    __type(key, __u64); /* the socket's cookie */
    __type(value, __u64);
} sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, MUSTER_VERDICT_FLOWS);
    __type(key, __u64);
    __type(value, __u32); /* the place in `flows` */
} places SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, MUSTER_VERDICT_FLOWS);
    __type(key, __u32);
    __type(value, struct muster_flow);
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, MUSTER_CLASS_COUNT);
    __type(key, __u32);
    __type(value, __u64);
} classes SEC(".maps");

/* Too large for the stack. Of the processor, and taken: a piece that comes out of a socket's backlog is looked at in a system call, which
 * may be interrupted by another socket's. */
struct view {
    __u32 is_taken;
    struct muster_classifier classifier;
    int outcome;
    unsigned char window[MUSTER_CLASSIFY_WINDOW];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct view);
} views SEC(".maps");

const volatile struct muster_verdict_limits limits;
/* The daemon's switch. Off: everything goes on unseen, but counted, so that it can be on again at any time. */
bool is_on = true;

static long view_step(__u32 at, void *context)
{
    struct view *v = *(struct view **)context;
    if (at >= MUSTER_CLASSIFY_WINDOW)
        return 1;
    v->outcome = muster_classify_step(&v->classifier, v->window[at % MUSTER_CLASSIFY_WINDOW]);
    return v->outcome != MUSTER_CLASSIFY_MORE;
}

/* Of a piece that begins between two stanzas. */
static __always_inline __u32 class_of(struct __sk_buff *skb, __u32 len)
{
    __u32 zero = 0, seen = len < MUSTER_CLASSIFY_WINDOW ? len : MUSTER_CLASSIFY_WINDOW;
    struct view *v = bpf_map_lookup_elem(&views, &zero);
    __u32 class = MUSTER_CLASS_UNKNOWN;
    if (!v || !seen || __sync_lock_test_and_set(&v->is_taken, 1))
        return class;
    if (bpf_skb_load_bytes(skb, 0, v->window, seen) == 0) {
        __builtin_memset(&v->classifier, 0, sizeof v->classifier);
        v->outcome = MUSTER_CLASSIFY_MORE;
        bpf_loop(seen, view_step, &v, 0);
        class = muster_classify_outcome(&v->classifier, v->outcome, seen == len);
    }
    __sync_lock_test_and_set(&v->is_taken, 0);
    return class;
}

/* A bucket of `burst_bytes` that fills with `bytes_per_s`. */
static __always_inline void flood_mark(struct muster_flow *f, __u32 len)
{
    __u64 now = bpf_ktime_get_ns(), most = limits.burst_bytes * NS_PER_S, cost = len * NS_PER_S;
    if (!limits.bytes_per_s)
        return;
    __u64 elapsed = now - f->filled_ns, tokens = most;
    if (f->filled_ns && elapsed < most / limits.bytes_per_s) {
        tokens = f->tokens + elapsed * limits.bytes_per_s;
        tokens = tokens < most ? tokens : most;
    }
    f->filled_ns = now;
    f->floods += tokens < cost;
    f->tokens = tokens < cost ? 0 : tokens - cost;
}

SEC("sk_skb/stream_verdict")
int verdict(struct __sk_buff *skb)
{
    __u64 cookie = bpf_get_socket_cookie(skb), *counted;
    __u32 *place = bpf_map_lookup_elem(&places, &cookie);
    struct muster_flow *f = place ? bpf_map_lookup_elem(&flows, place) : 0;
    if (!f)
        return SK_PASS;
    __u32 len = skb->len;
    if (!is_on) {
        __sync_fetch_and_add(&f->passed, len);
        return SK_PASS;
    }
    __u32 class = f->boundary == f->passed ? class_of(skb, len) : MUSTER_CLASS_UNKNOWN;
    counted = bpf_map_lookup_elem(&classes, &class);
    if (counted)
        ++*counted;
    if (class == MUSTER_CLASS_KEEPALIVE) {
        f->keepalives++;
        f->heard_ns = bpf_ktime_get_ns();
        return SK_DROP;
    }
    flood_mark(f, len);
    __sync_fetch_and_add(&f->passed, len);
    return SK_PASS;
}

char program_license[] SEC("license") = "GPL";
