/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The classifier (include/muster/classify.h) in a program that looks at packets: the window that it sees of one, and the loop over it. */
#ifndef MUSTER_BPF_VIEW_H
#define MUSTER_BPF_VIEW_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "muster/classify.h"

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

static long view_step(__u32 at, void *context)
{
    struct view *v = *(struct view **)context;
    if (at >= MUSTER_CLASSIFY_WINDOW)
        return 1;
    v->outcome = muster_classify_step(&v->classifier, v->window[at % MUSTER_CLASSIFY_WINDOW]);
    return v->outcome != MUSTER_CLASSIFY_MORE;
}

/* Of the `len` octets behind `from`, the packet's last, which begin between two stanzas. */
static __always_inline __u32 view_class(struct __sk_buff *skb, __u32 from, __u32 len)
{
    __u32 zero = 0, seen = len < MUSTER_CLASSIFY_WINDOW ? len : MUSTER_CLASSIFY_WINDOW;
    struct view *v = bpf_map_lookup_elem(&views, &zero);
    __u32 class = MUSTER_CLASS_UNKNOWN;
    if (!v || !seen || __sync_lock_test_and_set(&v->is_taken, 1))
        return class;
    /* 1 to MUSTER_CLASSIFY_WINDOW: Linux 6.1's verifier does not learn that from the comparisons above, but from a mask, which the
     * compiler would leave out if it could see that it changes nothing. */
    barrier_var(seen);
    seen = ((seen - 1) & (MUSTER_CLASSIFY_WINDOW - 1)) + 1;
    if (bpf_skb_load_bytes(skb, from, v->window, seen) == 0) {
        __builtin_memset(&v->classifier, 0, sizeof v->classifier);
        v->outcome = MUSTER_CLASSIFY_MORE;
        bpf_loop(seen, view_step, &v, 0);
        class = muster_classify_outcome(&v->classifier, v->outcome, seen == len);
    }
    __sync_lock_test_and_set(&v->is_taken, 0);
    return class;
}

#endif
