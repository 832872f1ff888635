/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The step of a worker's io_uring (struct io_uring_bpf_ops, Linux 7.3): runs within the worker's io_uring_enter. It submits what
 * the daemon has queued, looks at the completions, keeps white space between two stanzas to itself, with or without the kernel's
 * TLS, gives its buffer back, tells the daemon what each other receive begins with, and returns when there is something to do. Nothing but such
 * white space is ever taken away; whatever is too much for it, or not as it should be, goes to the daemon unseen. */
#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "muster/classify.h"
#include "muster/loop.h"

/* Of the kernel's: as little as is needed, for no machine that this is built on has it. */
struct iou_ctx {
};
struct iou_loop_params {
    __u32 cq_wait_idx;
} __attribute__((preserve_access_index));
enum { IOU_LOOP_CONTINUE, IOU_LOOP_STOP };
enum { IOU_REGION_MEM, IOU_REGION_CQ };
extern int bpf_io_uring_submit_sqes(struct iou_ctx *ctx, __u32 nr) __ksym;
extern __u8 *bpf_io_uring_get_region(struct iou_ctx *ctx, __u32 id, const unsigned long bytes) __ksym;

struct completion {
    __u64 user_data;
    __s32 result;
    __u32 flags;
};
#define COMPLETION_HAS_BUFFER 1u /* IORING_CQE_F_BUFFER */
#define COMPLETION_HAS_MORE 2u   /* IORING_CQE_F_MORE */
#define COMPLETION_BUFFER_SHIFT 16

/* Completions looked at in one step. More are the daemon's. */
#define LOOK_MAX 1024u
/* Steps of one call that find nothing for the daemon. Clients that send nothing but white space must not keep a worker in the kernel,
 * and a wait that does not wait (the kernel has lost a completion) must end. */
#define STEPS_MAX 4096u
#define NS_PER_MS 1000000u

/* Pointers only: what changes is in the region, for the verifier would follow each of its values. */
struct look {
    struct muster_loop_region *region;
    __u8 *ring;
    __u32 buffer; /* and this */
};

/* A word of the ring's memory; the daemon says where it is. */
static __always_inline __u32 *word_at(__u8 *ring, __u32 offset)
{
    return (__u32 *)(ring + (offset & 4092));
}

static __always_inline struct completion *completion_at(struct look *k, __u32 at)
{
    __u32 offset = (k->region->header.cqes & 4080) + (at & (MUSTER_LOOP_COMPLETIONS - 1)) * 16;
    return (struct completion *)(k->ring + offset);
}

static long byte_look(__u32 at, void *context)
{
    struct look *k = context;
    struct muster_loop_region *r = k->region;
    struct muster_loop_header *h = &r->header;
    if (at >= MUSTER_CLASSIFY_WINDOW)
        return 1;
    h->outcome = muster_classify_step(
        &h->classifier, r->buffers[k->buffer & (MUSTER_LOOP_BUFFERS - 1)][at & (MUSTER_CLASSIFY_WINDOW - 1)]);
    return h->outcome != MUSTER_CLASSIFY_MORE;
}

/* Of what begins between two stanzas. */
static __always_inline __u32 class_of(struct look *k, __u32 len)
{
    struct muster_loop_header *h = &k->region->header;
    __u32 seen = len < MUSTER_CLASSIFY_WINDOW ? len : MUSTER_CLASSIFY_WINDOW;
    __builtin_memset(&h->classifier, 0, sizeof h->classifier);
    h->outcome = MUSTER_CLASSIFY_MORE;
    bpf_loop(seen, byte_look, k, 0);
    return muster_classify_outcome(&h->classifier, h->outcome, seen == len);
}

static __always_inline void buffer_give_back(struct look *k)
{
    struct muster_loop_region *r = k->region;
    __u32 id = k->buffer & (MUSTER_LOOP_BUFFERS - 1);
    __u32 entry = (r->entries_tail & (MUSTER_LOOP_BUFFERS - 1)) * 16;
    *(__u64 *)&r->entries[entry] = r->header.buffers + id * MUSTER_LOOP_BUFFER_BYTES;
    *(__u32 *)&r->entries[entry + 8] = MUSTER_LOOP_BUFFER_BYTES;
    *(__u16 *)&r->entries[entry + 12] = (__u16)id;
    r->entries_tail++; /* no barrier: the kernel reads it later, on this thread */
}

/* The daemon passes over it. Where it is the first, it is out of the way. */
static __always_inline void completion_swallow(struct look *k, struct completion *c)
{
    struct muster_loop_header *h = &k->region->header;
    c->user_data = 0;
    c->result = 0;
    c->flags = 0;
    if (!h->real)
        *word_at(k->ring, h->cq_head) = h->seen;
}

/* A receive into a buffer. False: it was white space, and is gone. */
static __always_inline bool receive_look(struct look *k, struct completion *c, __u32 slot, __u32 *ret_class)
{
    struct muster_loop_slot *s = &k->region->slots[slot & (MUSTER_LOOP_SLOTS - 1)];
    __u32 class = MUSTER_CLASS_UNKNOWN, len = c->result;
    k->buffer = c->flags >> COMPLETION_BUFFER_SHIFT;
    if (s->is_between && s->passed == s->read && k->buffer < MUSTER_LOOP_BUFFERS)
        class = class_of(k, len);
    if (class < MUSTER_CLASS_COUNT)
        k->region->header.counters.classes[class]++;
    *ret_class = class;
    s->passed += len;
    if (class == MUSTER_CLASS_KEEPALIVE && c->flags & COMPLETION_HAS_MORE) {
        s->heard_ms = bpf_ktime_get_ns() / NS_PER_MS;
        s->kept++;
        s->read += len;
        k->region->header.counters.white_octets += len;
        buffer_give_back(k);
        return false;
    }
    return true;
}

static long completion_look(__u32 number, void *context)
{
    (void)number;
    struct look *k = context;
    struct muster_loop_header *h = &k->region->header;
    __u32 at = h->seen, class = MUSTER_LOOP_NO_CLASS;
    if (at == h->tail)
        return 1;
    struct completion *c = completion_at(k, at);
    __u32 slot = c->user_data >> MUSTER_LOOP_SLOT_SHIFT;
    h->seen = at + 1;
    k->region->header.counters.completed++;
    if (c->user_data == h->pause) {
        h->is_pausing = 0;
        completion_swallow(k, c);
        return 0;
    }
    if (!slot) {
        h->is_urgent = 1;
    } else if (c->flags & COMPLETION_HAS_BUFFER && c->result > 0 && !receive_look(k, c, slot, &class)) {
        k->region->header.counters.swallowed++;
        completion_swallow(k, c);
        return 0;
    }
    k->region->classes[at & (MUSTER_LOOP_COMPLETIONS - 1)] = class;
    h->real++;
    return 0;
}

/* The first step of a call. False: no more is to be done in it. */
static __always_inline bool begin(struct iou_ctx *ctx, struct look *k)
{
    struct muster_loop_header *h = &k->region->header;
    __u32 count = *word_at(k->ring, h->sq_tail) - *word_at(k->ring, h->sq_head);
    h->is_begun =
        h->mode != MUSTER_LOOP_SUBMIT; /* a turn with more than the queue holds submits again and again */
    if (count) {
        int result = bpf_io_uring_submit_sqes(ctx, count);
        if (result > 0)
            k->region->header.counters.submitted += result;
        if (result != (int)count)
            h->submitted = result;
    }
    return h->mode != MUSTER_LOOP_SUBMIT;
}

/* When there is something for the daemon: shall it wait for more? */
static __always_inline bool is_held(struct look *k)
{
    struct muster_loop_header *h = &k->region->header;
    return h->mode == MUSTER_LOOP_WAIT && h->is_pausing && !h->is_urgent && h->real < MUSTER_LOOP_HOLD_MAX;
}

static __always_inline int step(struct iou_ctx *ctx, struct iou_loop_params *parameters, struct look *k)
{
    struct muster_loop_header *h = &k->region->header;
    k->region->header.counters.steps++;
    if (!h->is_begun) {
        if (!begin(ctx, k))
            return IOU_LOOP_STOP;
        /* Now let come what has become ready. */
        parameters->cq_wait_idx = *word_at(k->ring, h->cq_tail);
        return IOU_LOOP_CONTINUE;
    }
    h->tail = *word_at(k->ring, h->cq_tail);
    bpf_loop(LOOK_MAX, completion_look, k, 0);
    if (h->seen != h->tail || ++h->steps > STEPS_MAX) {
        k->region->header.counters.limits++;
        return IOU_LOOP_STOP;
    }
    if (h->real && !is_held(k)) {
        k->region->header.counters.wakes++;
        return IOU_LOOP_STOP;
    }
    if (h->mode == MUSTER_LOOP_POLL || h->submitted)
        return IOU_LOOP_STOP;
    if (h->real)
        k->region->header.counters.pauses++;
    /* In a pause as well: the kernel counts completions and knows nothing of what they are, so that whoever waits for many learns of an urgent one
     * with the last. Woken for each, this goes on sleeping, and the daemon does not notice. */
    parameters->cq_wait_idx = h->tail + 1;
    return IOU_LOOP_CONTINUE;
}

/* `arguments` are those of io_uring_bpf_ops.loop_step. */
SEC("muster_loop")
int loop_step(unsigned long long *arguments)
{
    struct iou_ctx *ctx = (struct iou_ctx *)arguments[0];
    struct iou_loop_params *parameters = (struct iou_loop_params *)arguments[1];
    struct look k = {0};
    k.ring = bpf_io_uring_get_region(ctx, IOU_REGION_CQ, MUSTER_LOOP_RING_BYTES);
    k.region = (void *)bpf_io_uring_get_region(ctx, IOU_REGION_MEM, sizeof *k.region);
    if (!k.ring || !k.region)
        return IOU_LOOP_STOP;
    return step(ctx, parameters, &k);
}

/* The kernel gives its functions for the loop to such programs only. */
char program_license[] SEC("license") = "GPL";
