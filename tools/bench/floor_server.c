/* SPDX-License-Identifier: Apache-2.0 */
#include "floor_server.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "floor_tls.h"

/* Sends handed over in one call. 256 took a fifth less CPU time a delivery than 16 or 64; their sealed
 * records still fit the second-level cache. */
#define SENDS_PER_BATCH 256
/* A trigger is one short message. */
#define TRIGGER_BYTES_MAX 20000

struct floor {
    const struct floor_plan *plan;
    struct io_uring ring;
    struct floor_tls *tls; /* NULL: bare TCP */
    int *fds;              /* by connection */
    char *plain;           /* what all get */
    size_t plain_len;
    char *slots; /* SENDS_PER_BATCH sealed records */
    char trigger[TRIGGER_BYTES_MAX];
};

void floor_message_write(char *to, uint32_t bytes, uint32_t number)
{
    const uint32_t head = sizeof FLOOR_HEAD - 1, tail = sizeof FLOOR_TAIL - 1;
    char digits[FLOOR_NUMBER_DIGITS + 2];
    snprintf(digits, sizeof digits, "%0*u ", FLOOR_NUMBER_DIGITS, number);
    memcpy(to, FLOOR_HEAD, head);
    memcpy(to + head, digits, FLOOR_NUMBER_DIGITS + 1);
    memset(to + head + FLOOR_NUMBER_DIGITS + 1, 'x', bytes - head - tail - FLOOR_NUMBER_DIGITS - 1);
    memcpy(to + bytes - tail, FLOOR_TAIL, tail);
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "muster-bench: floor server: %s: %s\n", what, strerror(error));
    return 1;
}

static int connections_take(struct floor *f, int listener)
{
    int on = 1;
    for (uint32_t i = 0; i < f->plan->connections; i++) {
        f->fds[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (f->fds[i] < 0)
            return fail("accept", errno);
        setsockopt(f->fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (f->tls != NULL && floor_tls_accept(f->tls, i, f->fds[i]) < 0)
            return fail("TLS handshake", EPROTO);
    }
    int outcome = io_uring_register_files(&f->ring, f->fds, f->plan->connections);
    return outcome < 0 ? fail("registering sockets", -outcome) : 0;
}

static int floor_open(struct floor *f, const struct floor_plan *plan)
{
    const unsigned flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    *f = (struct floor){.plan = plan};
    f->plain_len = (size_t)plan->message_bytes * plan->messages_per_send;
    f->fds = calloc(plan->connections, sizeof *f->fds);
    f->plain = malloc(f->plain_len);
    f->slots = malloc(SENDS_PER_BATCH * (f->plain_len + FLOOR_TLS_OVERHEAD));
    if (plan->is_sealed)
        f->tls = floor_tls_new(plan->connections);
    if (f->fds == NULL || f->plain == NULL || f->slots == NULL || (plan->is_sealed && f->tls == NULL))
        return fail("start", ENOMEM);
    int outcome = io_uring_queue_init(2 * SENDS_PER_BATCH, &f->ring, flags);
    return outcome < 0 ? fail("io_uring", -outcome) : 0;
}

/* Wait for `count` completions, each of which must have sent `len` bytes. */
static int batch_finish(struct floor *f, unsigned count, size_t len)
{
    int outcome = io_uring_submit_and_wait(&f->ring, count);
    if (outcome < 0)
        return fail("submit", -outcome);
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_cqe *cqe;
        outcome = io_uring_wait_cqe(&f->ring, &cqe);
        if (outcome < 0 || cqe->res != (int)len)
            return fail("send", outcome < 0 ? -outcome : cqe->res < 0 ? -cqe->res : EIO);
        io_uring_cqe_seen(&f->ring, cqe);
    }
    return 0;
}

static int fan_out(struct floor *f)
{
    const size_t slot_bytes = f->plain_len + FLOOR_TLS_OVERHEAD;
    size_t len = f->plain_len;
    unsigned batched = 0;
    for (uint32_t i = 0; i < f->plan->connections; i++) {
        char *bytes = f->plain;
        if (f->tls != NULL) {
            bytes = f->slots + batched * slot_bytes;
            len = floor_tls_seal(f->tls, i, f->plain, f->plain_len, bytes);
            if (len == 0)
                return fail("sealing", EIO);
        }
        struct io_uring_sqe *sqe = io_uring_get_sqe(&f->ring);
        io_uring_prep_send(sqe, (int)i, bytes, len, MSG_NOSIGNAL | MSG_WAITALL);
        sqe->flags |= IOSQE_FIXED_FILE;
        if (++batched == SENDS_PER_BATCH || i + 1 == f->plan->connections) {
            if (batch_finish(f, batched, len) != 0)
                return 1;
            batched = 0;
        }
    }
    return 0;
}

/* Bytes of the next trigger, 0 at the end of its connection, -1 after an error was printed. */
static int trigger_receive(struct floor *f)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&f->ring);
    struct io_uring_cqe *cqe;
    io_uring_prep_recv(sqe, 0, f->trigger, sizeof f->trigger, 0);
    sqe->flags |= IOSQE_FIXED_FILE;
    int outcome = io_uring_submit_and_wait(&f->ring, 1);
    if (outcome >= 0)
        outcome = io_uring_wait_cqe(&f->ring, &cqe);
    if (outcome < 0)
        return -fail("waiting", -outcome);
    int len = cqe->res;
    io_uring_cqe_seen(&f->ring, cqe);
    if (len <= 0)
        return len == 0 || len == -ECONNRESET ? 0 : -fail("receiving", -len);
    return f->tls != NULL ? floor_tls_open(f->tls, f->trigger, len, sizeof f->trigger) : len;
}

static int triggers_answer(struct floor *f)
{
    int len;
    while ((len = trigger_receive(f)) > 0) {
        const size_t head = sizeof FLOOR_HEAD - 1;
        if (len < (int)head + FLOOR_NUMBER_DIGITS)
            return fail("trigger", EBADMSG);
        uint32_t number = (uint32_t)strtoul(f->trigger + head, NULL, 10);
        for (uint32_t i = 0; i < f->plan->messages_per_send; i++)
            floor_message_write(f->plain + (size_t)i * f->plan->message_bytes, f->plan->message_bytes,
                                number + i);
        if (fan_out(f) != 0)
            return 1;
    }
    return len < 0;
}

/* Where the generator is bound to some processors, take the others: on one and the same they would take
 * turns, which no server on a processor of its own does. */
static void processors_take(void)
{
    cpu_set_t bound, others;
    CPU_ZERO(&others);
    if (sched_getaffinity(0, sizeof bound, &bound) < 0)
        return;
    for (long i = 0; i < sysconf(_SC_NPROCESSORS_ONLN) && i < CPU_SETSIZE; i++)
        if (!CPU_ISSET(i, &bound))
            CPU_SET(i, &others);
    if (CPU_COUNT(&others) > 0)
        sched_setaffinity(0, sizeof others, &others);
}

int floor_server_run(int listener, const struct floor_plan *plan)
{
    static struct floor f;
    processors_take();
    if (floor_open(&f, plan) != 0 || connections_take(&f, listener) != 0)
        return 1;
    return triggers_answer(&f); /* the end of the process gives all back */
}
