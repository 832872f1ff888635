/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* For connections without TLS: what comes is looked at before the daemon wakes. White space between two stanzas, which says no
 * more than that the peer is there, is counted and goes no further; everything else goes on, with its class counted, and whoever
 * sends more than its bucket holds is marked. Nothing but such white space is ever dropped. */
#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "muster/verdict.h"
#include "view.h"

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

const volatile struct muster_verdict_limits limits;
/* The daemon's switch. Off: everything goes on unseen, but counted, so that it can be on again at any time. */
bool is_on = true;

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
    __u32 class = f->boundary == f->passed ? view_class(skb, 0, len) : MUSTER_CLASS_UNKNOWN;
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
