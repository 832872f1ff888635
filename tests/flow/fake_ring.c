/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_ring.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/hash.h"

/* Far above any descriptor of the process: a stray system call on one fails instead of hitting something. */
#define FAKE_FD_FIRST 1000000
#define FAKE_PEERS_MAX 256
#define FAKE_LISTENERS_MAX 16
#define FAKE_RECEIVE_BYTES 8192

struct loop {
    struct loop_owner owner;
    struct timer_wheel timers;
    uint64_t now_ms;
    struct message *first, **last;
    struct lanes lanes;
    bool is_poked; /* something was started since the last turn */
    struct loop_counters counters;
};

struct fake_listen {
    int fd;
    struct loop *loop;
    struct op *accept;
    bool is_cancelled;
    struct peer *waiting[FAKE_PEERS_MAX];
    uint32_t waiting_count;
};

size_t fake_receive_bytes_max;

static struct {
    struct peer *peers[FAKE_PEERS_MAX];
    uint32_t peer_count;
    struct fake_listen listeners[FAKE_LISTENERS_MAX];
    uint32_t listener_count;
    uint32_t loops;
    uint64_t clock_ms, random;
    struct job *first_job, **last_job;
} fake;

/* ---- the process's own calls, redirected by the linker (meson.build) ---- */

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_shutdown(int fd, int how);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_getpeername(int fd, struct sockaddr *name, socklen_t *len);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);

static uint64_t random_next(void)
{
    /* xorshift64* */
    fake.random ^= fake.random >> 12;
    fake.random ^= fake.random << 25;
    fake.random ^= fake.random >> 27;
    return fake.random * 0x2545f4914f6cdd1dull;
}

uint32_t fake_random(uint32_t bound)
{
    return (uint32_t)((random_next() >> 32) * bound >> 32);
}

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
    (void)flags;
    if (!fake.random)
        fake.random = 1; /* before the first world: the hash's key, the same in every run */
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(random_next() >> 32);
    return (ssize_t)len;
}

static struct peer *peer_of(int fd)
{
    for (uint32_t i = 0; i < fake.peer_count; i++)
        if (fake.peers[i]->fd == fd)
            return fake.peers[i];
    return NULL;
}

static struct peer *peer_open(int fd)
{
    struct peer *p = peer_of(fd);
    assert(p && !p->is_server_closed);
    return p;
}

int __wrap_close(int fd)
{
    if (fd < FAKE_FD_FIRST)
        return __real_close(fd);
    struct peer *p = peer_open(fd);
    assert(!p->receive && !p->send); /* the kernel still holds the op */
    p->is_server_closed = p->is_server_ended = true;
    return 0;
}

static struct fake_listen *listen_of(int fd)
{
    for (uint32_t i = 0; i < fake.listener_count; i++)
        if (fake.listeners[i].fd == fd)
            return &fake.listeners[i];
    abort();
}

int __wrap_shutdown(int fd, int how)
{
    if (fd >= FAKE_FD_FIRST + FAKE_PEERS_MAX) {
        assert(listen_of(fd)->is_cancelled); /* who came before is accepted or ended, not left waiting */
        return 0;
    }
    struct peer *p = peer_open(fd);
    p->is_server_ended = true;
    if (how == SHUT_RDWR)
        p->is_shut = true;
    return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    (void)level;
    (void)name;
    (void)value;
    (void)len;
    peer_open(fd);
    return 0;
}

int __wrap_getpeername(int fd, struct sockaddr *name, socklen_t *len)
{
    (void)name;
    (void)len;
    peer_open(fd);
    errno = ENOTCONN;
    return -1;
}

/* ---- the world ---- */

void fake_reset(uint64_t seed)
{
    memset(&fake, 0, sizeof fake);
    fake.random = 1;
    hash_bytes(SPAN("")); /* draws its key at its first use: the same in every run, whatever the seed */
    fake.random = seed ? seed : 1;
    fake.clock_ms = 1000000;
    fake.last_job = &fake.first_job;
    fake_receive_bytes_max = 0;
}

void fake_finish(void)
{
    assert(fake.loops == 0 && !fake.first_job);
    for (uint32_t i = 0; i < fake.peer_count; i++) {
        struct peer *p = fake.peers[i];
        assert(p->is_server_closed && !p->receive && !p->send);
        buffer_fini(&p->to_server);
        buffer_fini(&p->from_server);
        free(p);
    }
    for (uint32_t i = 0; i < fake.listener_count; i++)
        assert(!fake.listeners[i].accept && !fake.listeners[i].waiting_count);
    fake.peer_count = fake.listener_count = 0;
}

int fake_listener(void)
{
    assert(fake.listener_count < FAKE_LISTENERS_MAX);
    struct fake_listen *a = &fake.listeners[fake.listener_count++];
    a->fd = FAKE_FD_FIRST + FAKE_PEERS_MAX + (int)fake.listener_count;
    return a->fd;
}

struct peer *fake_connect(int listener_fd)
{
    struct fake_listen *a = listen_of(listener_fd);
    struct peer *p = calloc(1, sizeof *p);
    assert(p && fake.peer_count < FAKE_PEERS_MAX);
    p->fd = FAKE_FD_FIRST + (int)fake.peer_count;
    fake.peers[fake.peer_count++] = p;
    a->waiting[a->waiting_count++] = p;
    return p;
}

void fake_clock_advance(uint64_t ms)
{
    fake.clock_ms += ms;
}

uint64_t fake_clock_ms(void)
{
    return fake.clock_ms;
}

/* ---- loop.h ---- */

int loop_new(const struct loop_owner *owner, struct loop **ret_loop, char *ret_message, size_t message_bytes)
{
    (void)ret_message;
    (void)message_bytes;
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    l->owner = *owner;
    l->last = &l->first;
    l->now_ms = fake.clock_ms;
    timer_wheel_init(&l->timers, l->now_ms);
    lanes_init(&l->lanes);
    fake.loops++;
    *ret_loop = l;
    return 0;
}

struct loop *loop_free(struct loop *l)
{
    if (!l)
        return NULL;
    assert(!l->first && l->timers.running == 0 && lanes_are_empty(&l->lanes));
    for (uint32_t i = 0; i < fake.peer_count; i++)
        assert(fake.peers[i]->loop != l || (!fake.peers[i]->receive && !fake.peers[i]->send));
    fake.loops--;
    free(l);
    return NULL;
}

void loop_run(struct loop *l)
{
    (void)l; /* the test turns it */
}

void loop_stop(struct loop *l)
{
    (void)l;
}

void loop_accept(struct loop *l, struct op *op, int fd)
{
    struct fake_listen *a = listen_of(fd);
    assert(!a->accept);
    a->loop = l;
    a->accept = op;
    a->is_cancelled = false;
    l->is_poked = true;
}

void loop_receive(struct loop *l, struct op *op, int fd, uint32_t slot)
{
    (void)slot;
    struct peer *p = peer_open(fd);
    assert(!p->receive && (!p->send || p->loop == l));
    p->loop = l;
    p->receive = op;
    p->is_receive_cancelled = false;
}

void loop_send(struct loop *l, struct op *op, int fd, const char *bytes, size_t len, uint32_t slot)
{
    (void)slot;
    struct peer *p = peer_open(fd);
    assert(!p->send && len && (!p->receive || p->loop == l));
    p->loop = l;
    p->send = op;
    p->send_bytes = bytes;
    p->send_len = len;
}

/* Nobody here reaches another server. */
void loop_connect(struct loop *l, struct op *op, int fd, const struct sockaddr *to, socklen_t to_len)
{
    (void)l, (void)op, (void)fd, (void)to, (void)to_len;
    assert(false);
}

void loop_cancel(struct loop *l, struct op *op, uint32_t slot)
{
    (void)slot;
    for (uint32_t i = 0; i < fake.peer_count; i++)
        if (fake.peers[i]->receive == op) {
            assert(fake.peers[i]->loop == l);
            fake.peers[i]->is_receive_cancelled = true;
        }
    for (uint32_t i = 0; i < fake.listener_count; i++)
        if (fake.listeners[i].accept == op)
            fake.listeners[i].is_cancelled = true;
}

/* There is no program. */
int loop_program_turn(struct loop *l, bool is_on)
{
    (void)l;
    return is_on ? -ENOTSUP : 0;
}

uint32_t loop_slot_take(struct loop *l, bool is_again)
{
    (void)l;
    (void)is_again;
    return LOOP_NO_SLOT;
}

void loop_slot_give(struct loop *l, uint32_t slot)
{
    (void)l;
    assert(slot == LOOP_NO_SLOT);
}

bool loop_slot_is_watched(const struct loop *l, uint32_t slot)
{
    (void)l;
    (void)slot;
    return false;
}

uint32_t loop_slot_octets(const struct loop *l, uint32_t slot)
{
    (void)l;
    (void)slot;
    return 0;
}

bool loop_slot_is_behind(const struct loop *l, uint32_t slot)
{
    (void)l;
    (void)slot;
    return false;
}

uint8_t loop_slot_kept(const struct loop *l, uint32_t slot)
{
    (void)l;
    (void)slot;
    return 0;
}

void loop_slot_read(struct loop *l, uint32_t slot, size_t octets, bool is_between)
{
    (void)l, (void)octets, (void)is_between;
    assert(slot == LOOP_NO_SLOT);
}

void loop_post(struct loop *to, struct loop *from, struct message *m)
{
    (void)from;
    m->next = NULL;
    *to->last = m;
    to->last = &m->next;
}

void loop_work_start(struct loop *l, struct lane_work *w, enum lane lane)
{
    lanes_start(&l->lanes, w, lane);
}

uint64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

void loop_timer_start(struct loop *l, struct timer *t, uint64_t after_ms)
{
    timer_start(&l->timers, t, l->now_ms, after_ms);
}

void loop_timer_stop(struct loop *l, struct timer *t)
{
    timer_stop(&l->timers, t);
}

struct loop_counters loop_counters_read(const struct loop *l)
{
    return l->counters;
}

/* ---- turning ---- */

static bool receive_is_ready(const struct peer *p)
{
    return p->receive &&
           (p->is_receive_cancelled || p->is_shut || p->to_server.len || p->is_ended || p->error);
}

static bool send_is_ready(const struct peer *p)
{
    return p->send && (p->is_shut || p->error || !p->is_stalled);
}

static bool accept_is_ready(const struct fake_listen *a)
{
    return a->accept && (a->is_cancelled || a->waiting_count);
}

bool fake_loop_has_work(const struct loop *l)
{
    if (l->first || l->is_poked || !lanes_are_empty(&l->lanes))
        return true;
    for (uint32_t i = 0; i < fake.peer_count; i++) {
        const struct peer *p = fake.peers[i];
        if (p->loop == l && (receive_is_ready(p) || send_is_ready(p)))
            return true;
    }
    for (uint32_t i = 0; i < fake.listener_count; i++)
        if (fake.listeners[i].loop == l && accept_is_ready(&fake.listeners[i]))
            return true;
    return timer_wheel_wait_ms(&l->timers, fake.clock_ms) == 0;
}

/* The bytes in memory of their own, so that reading past them is seen. */
static void receive_some(struct peer *p)
{
    size_t max = fake_receive_bytes_max ? fake_receive_bytes_max : FAKE_RECEIVE_BYTES;
    size_t len = p->to_server.len < max ? p->to_server.len : max;
    char *bytes = malloc(len);
    assert(bytes);
    memcpy(bytes, p->to_server.ptr, len);
    buffer_consume(&p->to_server, len);
    p->receive->done(p->receive, (int)len, LOOP_MORE | LOOP_BUFFER, bytes);
    free(bytes);
}

static void receive_complete(struct peer *p, bool (*choose)(void))
{
    struct op *op = p->receive;
    while (p->receive && p->to_server.len && !p->is_receive_cancelled && !p->is_shut && !p->error) {
        receive_some(p);
        if (choose && choose())
            return;
    }
    if (!receive_is_ready(p))
        return;
    if (p->is_receive_cancelled && p->to_server.len && !p->is_shut && !p->error && choose && choose()) {
        receive_some(p); /* it was on its way when it was cancelled */
        return;
    }
    int result = p->error ? -p->error : 0;
    if (p->is_receive_cancelled && !p->error && !p->is_shut)
        result = -ECANCELED;
    p->receive = NULL;
    op->done(op, result, 0, NULL);
}

static void send_complete(struct peer *p)
{
    struct op *op = p->send;
    size_t len = p->send_bytes_max && p->send_len > p->send_bytes_max ? p->send_bytes_max : p->send_len;
    p->send = NULL;
    if (p->is_shut || p->error) {
        op->done(op, p->error ? -p->error : -EPIPE, 0, NULL);
        return;
    }
    buffer_append(&p->from_server, span_make(p->send_bytes, len));
    op->done(op, (int)len, 0, NULL);
}

static void accept_complete(struct fake_listen *a)
{
    struct op *op = a->accept;
    if (a->is_cancelled) {
        a->accept = NULL;
        op->done(op, -ECANCELED, 0, NULL);
        return;
    }
    struct peer *p = a->waiting[0];
    memmove(a->waiting, a->waiting + 1, --a->waiting_count * sizeof(struct peer *));
    p->loop = a->loop;
    op->done(op, p->fd, LOOP_MORE, NULL);
}

static void messages_run(struct loop *l, bool (*choose)(void))
{
    struct message *m = l->first;
    l->first = NULL;
    l->last = &l->first;
    for (struct message *next; m; m = next) {
        next = m->next;
        l->counters.messages++;
        m->handle(m, l->owner.context);
        if (choose && next && choose()) { /* the rest came too late for this turn: ahead of what is new */
            struct message *end = next;
            while (end->next)
                end = end->next;
            end->next = l->first;
            if (!l->first)
                l->last = &end->next;
            l->first = next;
            return;
        }
    }
}

void fake_loop_turn(struct loop *l, bool (*choose)(void))
{
    l->now_ms = fake.clock_ms;
    l->is_poked = false;
    l->counters.turns++;
    for (uint32_t i = 0; i < fake.listener_count; i++)
        while (fake.listeners[i].loop == l && accept_is_ready(&fake.listeners[i]))
            accept_complete(&fake.listeners[i]);
    for (uint32_t i = 0; i < fake.peer_count; i++) {
        struct peer *p = fake.peers[i];
        if (p->loop == l && send_is_ready(p) && (!choose || choose()))
            send_complete(p);
        if (p->loop == l && receive_is_ready(p) && (!choose || choose()))
            receive_complete(p, choose);
    }
    messages_run(l, choose);
    timer_wheel_advance(&l->timers, l->now_ms);
    /* Where turns are chosen, slices are small and of any size: what can come between two of them does. */
    uint32_t budget[LANE_COUNT];
    for (int i = 0; i < LANE_COUNT; i++)
        budget[i] = choose ? fake_random(4) : lanes_turn_budget[i];
    lanes_run(&l->lanes, budget);
    l->owner.turn_ends(l->owner.context);
}

/* ---- jobs.h ---- */

struct jobs *jobs_new(unsigned threads, bool is_blocking)
{
    (void)threads;
    (void)is_blocking;
    return NULL;
}

struct jobs *jobs_free(struct jobs *p)
{
    (void)p;
    return NULL;
}

void jobs_submit(struct jobs *p, struct job *j)
{
    (void)p;
    j->next = NULL;
    *fake.last_job = j;
    fake.last_job = &j->next;
}

static void job_deliver(struct message *m, void *context)
{
    (void)context;
    struct job *j = container_of(m, struct job, message);
    j->done(j);
}

bool fake_jobs_have_work(void)
{
    return fake.first_job != NULL;
}

void fake_jobs_run_one(void)
{
    struct job *j = fake.first_job;
    fake.first_job = j->next;
    if (!fake.first_job)
        fake.last_job = &fake.first_job;
    j->run(j);
    j->message.handle = job_deliver;
    loop_post(j->home, NULL, &j->message);
}
