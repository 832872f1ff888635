/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What bpf/loop.bpf.c and the daemon have in common: the memory of one ring. Both sides run on the worker's own thread, the program
 * within its io_uring_enter, so neither ever sees the other at work. */
#ifndef MUSTER_LOOP_H
#define MUSTER_LOOP_H

#include "muster/classify.h"

/* Of each ring. A turn that prepares more submissions hands them over in parts; a fan-out to thousands completes in one burst,
 * and finds room without the kernel's overflow list. */
#define MUSTER_LOOP_SUBMISSIONS 2048u
#define MUSTER_LOOP_COMPLETIONS 16384u
/* Receive buffers shared by all sessions of the worker. A typical read is one record of a few hundred bytes; a buffer
 * is back within the turn, so this is how many reads one batch can hold before the others wait for the next. All of
 * them are touched in time: 1 MiB a worker. */
#define MUSTER_LOOP_BUFFERS 256u
#define MUSTER_LOOP_BUFFER_BYTES 4096u
/* Connections of one worker that the program tells apart: what fits above an address in 64 bits. Those beyond do without. Slot 0 is nobody's. */
#define MUSTER_LOOP_SLOTS 65536u
/* A completion's user data: the slot stands above the address of its operation. */
#define MUSTER_LOOP_SLOT_SHIFT 48
/* So much of the kernel's memory for the ring's head, completions and submissions is asked for: what stands before the completions, and these. */
#define MUSTER_LOOP_RING_BYTES (4096u + MUSTER_LOOP_COMPLETIONS * 16u)
/* Before it goes on waiting, with more completions than these since it last had nothing to do, the program returns. */
#define MUSTER_LOOP_HOLD_MAX 64u

/* What is asked of the program by this io_uring_enter. */
enum {
    MUSTER_LOOP_SUBMIT, /* no more than to submit */
    MUSTER_LOOP_POLL,   /* and to look at what has completed */
    MUSTER_LOOP_WAIT,   /* and to come back when there is something for the daemon */
};

/* One connection. All counts wrap. */
struct muster_loop_slot {
    unsigned int passed; /* the program: octets that came. Where it has not looked, the daemon */
    unsigned int
        read; /* those of them that are read: by the daemon, or by the program, which keeps them to itself */
    unsigned int
        heard_ms;        /* the program: CLOCK_MONOTONIC when white space came last that it kept to itself */
    unsigned short held; /* the daemon's own: completions that wait behind more urgent ones */
    /* The daemon: having read so much it stood between two stanzas. With `read` equal to `passed`, white space that comes now means
     * nothing but "I am here". */
    unsigned char is_between;
    unsigned char kept; /* the program: pieces of white space that it kept to itself */
};

/* Beside an enum muster_class, for what is none of a connection's. */
#define MUSTER_LOOP_NO_CLASS 255u

/* Of one ring, written by the program alone. Not of a processor: another worker may run on it between two instructions of this one, and
 * what they both count would be lost. */
struct muster_loop_counters {
    unsigned long long steps;        /* the program's runs */
    unsigned long long submitted;    /* operations */
    unsigned long long completed;    /* completions it has looked at */
    unsigned long long swallowed;    /* of which white space between two stanzas: nobody wakes */
    unsigned long long white_octets; /* in these; what a client sends one by one may come at once */
    unsigned long long pauses;       /* times that it went on waiting though there was something */
    unsigned long long wakes;        /* times that it had something for the daemon */
    unsigned long long
        limits; /* times that it left the rest to the daemon: too much for one call, or not as it should be */
    unsigned long long classes[MUSTER_CLASS_COUNT]; /* receives, by what they began with */
};

struct muster_loop_header {
    /* The daemon, once: where in the ring's memory, and where the buffers are for the kernel. */
    unsigned int sq_head, sq_tail, cq_head, cq_tail, cqes;
    unsigned int padding;
    unsigned long long buffers;
    unsigned long long pause; /* the user data of the timer that ends a pause */
    /* Of one io_uring_enter: the daemon says what, the program what came of it. */
    unsigned int mode;
    unsigned int is_begun;
    int submitted;     /* what the kernel said; 0: as much as there was */
    unsigned int real; /* completions for the daemon that were seen, and are not taken */
    unsigned int is_urgent;
    /* The daemon: has just had a turn. The program comes back when the timer has ended, or there is much. */
    unsigned int is_pausing;
    unsigned int seen; /* the completion that is looked at next */
    unsigned int tail; /* the program's: as far as it looks in this step */
    unsigned int steps;
    int outcome; /* the program's, with the classifier of the bytes it is looking at */
    struct muster_classifier classifier;
    struct muster_loop_counters counters;
};

struct muster_loop_region {
    union {
        unsigned char entries[MUSTER_LOOP_BUFFERS * 16]; /* the list of buffers, as the kernel has it */
        struct {
            unsigned short padding[7];
            unsigned short entries_tail;
        };
    };
    union {
        struct muster_loop_header header;
        unsigned char header_page[4096];
    };
    unsigned char
        classes[MUSTER_LOOP_COMPLETIONS]; /* the program: of each completion that it has seen, by its place */
    struct muster_loop_slot slots[MUSTER_LOOP_SLOTS];
    unsigned char buffers[MUSTER_LOOP_BUFFERS][MUSTER_LOOP_BUFFER_BYTES];
};

_Static_assert(sizeof(struct muster_loop_slot) == 16, "a slot is paid for by every session");
_Static_assert(sizeof(struct muster_loop_header) <= 4096, "it has a page");
_Static_assert(sizeof(struct muster_loop_region) % 4096 == 0, "whole pages are shared");

#endif
