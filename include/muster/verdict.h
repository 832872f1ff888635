/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What bpf/verdict.bpf.c and the daemon have in common. All counts only grow, and start at zero with the connection. */
#ifndef MUSTER_VERDICT_H
#define MUSTER_VERDICT_H

/* A flow's memory is 64 octets, so this many are 1 MiB: connections beyond it do without. */
#define MUSTER_VERDICT_FLOWS 16384u

/* One connection, in memory that both see. The writer of each is named. */
struct muster_flow {
    unsigned long long passed; /* the program: octets that went on to the daemon */
    /* The daemon: how many of these it had read when it last stood between two stanzas. Equal to `passed`: white space
     * that comes now means nothing but "I am here". Anything else that comes makes it unequal by itself. */
    unsigned long long boundary;
    unsigned long long keepalives; /* the program: pieces of white space that it kept to itself */
    unsigned long long heard_ns;   /* the program: CLOCK_MONOTONIC when the last of these came */
    unsigned long long filled_ns;  /* the program: when `tokens` was counted last */
    unsigned long long tokens;     /* the program: octets that may come at once, in thousand-millionths */
    unsigned long long floods;     /* the program: pieces beyond what the bucket held. They went on as well */
} __attribute__((aligned(64)));

/* The bucket is counted in thousand-millionths of an octet: more would not fit 64 bits. 16 GiB are no limit to anybody. */
#define MUSTER_VERDICT_BURST_MAX (1ull << 34)

/* Set before the program is loaded. */
struct muster_verdict_limits {
    unsigned long long bytes_per_s; /* 0: no bucket */
    unsigned long long burst_bytes; /* at most MUSTER_VERDICT_BURST_MAX */
};

#endif
