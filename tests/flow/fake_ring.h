/* SPDX-License-Identifier: Apache-2.0 */
/* ring/ without a kernel: loops that turn when the test says so, sockets that are buffers, a clock that the
 * test moves, jobs that run when asked. Everything happens on one thread and is the same in every run with
 * the same seed. */
#ifndef MUSTER_TESTS_FLOW_FAKE_RING_H
#define MUSTER_TESTS_FLOW_FAKE_RING_H

#include "base/buffer.h"
#include "ring/jobs.h"
#include "ring/loop.h"

/* The client's end of a connection. */
struct peer {
    int fd;                    /* the server's end; no descriptor of the process */
    struct buffer to_server;   /* sent by the client, not yet received */
    struct buffer from_server; /* arrived at the client; the test takes it */
    bool is_ended;             /* the client sends no more (after to_server) */
    int error;                 /* errno of a broken connection; 0: none */
    bool is_stalled;           /* the client does not read: sends do not complete */
    size_t send_bytes_max;     /* a send carries at most this much; 0: no bound */
    bool is_server_ended;      /* the server has said the end of its direction */
    bool is_server_closed;     /* and closed the socket */
    /* the server's operations under way */
    struct loop *loop;
    struct op *receive, *send;
    bool is_receive_cancelled, is_shut;
    const char *send_bytes;
    size_t send_len;
};

/* Forget everything, also what a failed case has left. `seed` decides what getrandom(2) gives. */
void fake_reset(uint64_t seed);
/* All sockets are closed, all loops freed, nothing waits. Frees the peers. */
void fake_finish(void);

/* A client connects to the `listener_fd`: accepted when its loop turns. Borrowed until fake_finish. */
struct peer *fake_connect(int listener_fd);
/* A number for a listener that no socket of the process has. */
int fake_listener(void);

/* One receive delivers at most this much; 0: a ring buffer's worth. */
extern size_t fake_receive_bytes_max;

/* Would a turn do anything? */
bool fake_loop_has_work(const struct loop *l);
/* One turn. `choose` NULL: all that is ready; else only what it says yes to (messages: a first part of the
 * queue). */
void fake_loop_turn(struct loop *l, bool (*choose)(void));
/* Let time pass; nothing happens before the next turns. */
void fake_clock_advance(uint64_t ms);
uint64_t fake_clock_ms(void);

bool fake_jobs_have_work(void);
void fake_jobs_run_one(void);

/* A number below `bound`, from the seed. */
uint32_t fake_random(uint32_t bound);

#endif
