/* SPDX-License-Identifier: Apache-2.0 */
/* One peer's socket: bytes in, frames out, TLS in between. It knows nothing of XMPP. Owned by one worker at a time; it may move
 * (conn_detach, conn_attach). Embedded in its owner, which is told of everything through `events` and may free it only
 * in `closed`. */
#ifndef MUSTER_NET_CONN_H
#define MUSTER_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/frame.h"
#include "base/list.h"
#include "net/outqueue.h"
#include "ring/jobs.h"
#include "ring/loop.h"
#include "tls/context.h"
#include "tls/record.h"
#include "tls/record_kernel.h"
#include "tls/secrets.h"

struct conn;
struct conn_handshake;
struct conn_watch;
struct verdict;

/* What one worker's connections share. */
struct net {
    struct loop *loop;
    struct jobs *jobs;
    struct record_worker *record_worker;
    struct timer record_rest;                     /* runs while record_worker is large */
    uint64_t queue_bytes_max;                     /* of one connection; above it the peer is too slow */
    uint64_t hold_bytes;                          /* the owner's: above it, it may hold frames back */
    const struct record_kernel_abilities *kernel; /* what it can; NULL: nothing */
    struct verdict *verdict; /* looks first at connections without TLS; NULL: nobody does */
    uint32_t turn_conns;     /* looked at in one turn; tests make it small */
    struct lane_work rest;   /* asks for another turn when that was not all */
    struct list dirty;       /* have something to send, or to look at, when the turn ends */
    struct list dying;       /* at rest: to be closed or handed over when the turn ends */
    struct net_counters {
        uint64_t accepted, refused, refused_fast, closed, handshakes, handshakes_failed, kernel_records;
        uint64_t sends, bytes_sent, receives, bytes_received, slow_readers;
    } counters;
    uint32_t conns;        /* attached here */
    uint64_t record_bytes; /* of their record layers, for the memory report */
};

/* 0 or -ENOMEM. */
int net_init(struct net *n, struct loop *loop, struct jobs *jobs, uint64_t queue_bytes_max,
             const struct record_kernel_abilities *kernel);
void net_fini(struct net *n);
/* Send what the turn has queued; close and hand over what has come to rest. */
void net_turn_ends(struct net *n);

struct conn_events {
    /* Plain bytes, borrowed for the call; in TLS: decrypted. */
    void (*received)(struct conn *c, struct span bytes);
    /* The handshake is done: conn_bindings() are there. */
    void (*secured)(struct conn *c);
    /* The peer ended, or failed: no bytes will come. Answer with conn_close or conn_abort, at once or when what has come is dealt with; what is
     * sent meanwhile may reach nobody. `reason` for the log.
     * `is_our_limit`: the peer is well, it is we who cannot read on (new TLS keys that the kernel does not take). */
    void (*ended)(struct conn *c, const char *reason, bool is_our_limit);
    /* Nothing is on its way to the peer: queue what was held back. Only while is_holding. */
    void (*refill)(struct conn *c);
    /* After conn_detach: the connection is at rest and belongs to no worker. */
    void (*detached)(struct conn *c);
    /* The socket is closed; the conn is finished. The last call. */
    void (*closed)(struct conn *c);
};

struct conn {
    struct list link; /* in net->dirty or net->dying */
    struct net *net;
    const struct conn_events *events;
    struct frame *head;    /* what goes into the frames' gaps; NULL before the session is bound */
    struct record *record; /* NULL: no TLS */
    struct outqueue out;
    struct op send, receive;
    char *send_bytes; /* in flight, or NULL */
    uint32_t send_len, send_done;
    int fd;
    uint16_t slot;     /* of net->loop: its program reads what comes; LOOP_NO_SLOT: it does not */
    uint8_t kept;      /* of the slot's white space that nobody was told of, as far as it was asked for */
    uint8_t in_flight; /* operations and jobs the kernel or the pool holds */
    bool is_dirty : 1, is_dying : 1;
    bool is_receiving : 1;   /* a receive is armed */
    bool is_receive_new : 1; /* and nothing of it was heard yet */
    bool is_paused : 1;      /* the owner wants no bytes for now */
    bool is_ended : 1;       /* the peer sends no more */
    bool is_closing : 1;     /* send what is queued, then end */
    bool is_shut : 1;        /* our end is sent; waiting for the peer's */
    bool is_aborted : 1;     /* ending at once */
    bool is_refused : 1;     /* has got a fatal alert, which it should be able to read */
    bool is_broken : 1;      /* a send has failed: what would be sent now stood behind a gap */
    bool is_detaching : 1;
    bool is_kernel_wanted : 1; /* records by the kernel, where it can: the owner sets it after conn_open */
    bool is_kernel_due : 1;    /* its records go over to the kernel at the next record boundary */
    bool is_switching : 1;     /* coming to rest for that */
    bool is_holding : 1;       /* the owner's: it holds frames back; here, where every send looks anyway */
    bool is_managed : 1;       /* the owner's as well: it counts frames */
    bool is_between : 1;       /* the owner's: all that came is read, and it stands between two stanzas */
    bool is_watchable : 1;     /* the owner says is_between */
    bool is_plain : 1;         /* without TLS, and it stays so */
    bool is_slotless : 1;      /* this loop had no slot for it when it last asked */
    uint8_t watch_tries : 3;   /* left, to let net->verdict look at what comes; 0: it does, or it is not to */
    struct conn_handshake *handshake; /* while one is under way */
    struct conn_watch *watch;         /* net->verdict looks first; or NULL */
    struct tls_bindings *bindings;    /* from secured until conn_bindings_forget */
    struct buffer sealed_in;          /* an unfinished record */
    struct buffer raw_out;            /* goes out as it is, before the queue: handshake flights, alerts */
};

/* Take over the socket and start to receive. */
void conn_open(struct conn *c, struct net *net, int fd, const struct conn_events *events);

/* Let programs in the kernel look at what comes, those that can read it; the owner says is_between. `is_plain`: it is without TLS, and
 * stays so. */
void conn_let_watch(struct conn *c, bool is_plain);

/* Queue a frame; takes over the caller's reference. It leaves when the turn ends. Frames for a connection that is
 * ending are dropped. Returns 0, CONN_SLOW (the limit is passed; the frame is queued nevertheless: what that
 * means is the caller's to judge), or -ENOMEM. */
enum { CONN_SLOW = 1 };
int conn_send(struct conn *c, struct frame *f);
int conn_send_bytes(struct conn *c, struct span bytes);
/* Does something leave anyway? What is queued now goes along. */
static inline bool conn_has_output(const struct conn *c)
{
    return c->is_dirty || c->send_bytes;
}

/* Start TLS as the server: everything queued so far leaves in the clear, all that comes from now on is TLS. `direct`: from the
 * first byte. 0 or -ENOMEM. */
int conn_start_tls(struct conn *c, struct tls_context *context, bool direct, struct span domain);
/* The same as the client, who speaks first: as `ours`, to a server of `domain`. `context` is of that role. */
int conn_start_tls_to(struct conn *c, struct tls_context *context, bool direct, struct span ours,
                      struct span domain);
const struct tls_bindings *conn_bindings(const struct conn *c); /* NULL without TLS */
void conn_bindings_forget(struct conn *c);
static inline bool conn_is_secure(const struct conn *c)
{
    return c->record != NULL;
}

/* Stop and go on receiving: how a stream that waits holds its peer back. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);

/* Send what is queued, close our direction, wait for the peer's end (the owner's timer bounds the wait with conn_abort), then
 * `closed`. */
void conn_close(struct conn *c);
/* End now. `closed` follows at the end of a turn, never within this call. */
void conn_abort(struct conn *c);

/* Come to rest for another worker: `detached` follows at the end of a turn. What is queued and not yet sent moves along. */
void conn_detach(struct conn *c);
void conn_attach(struct conn *c, struct net *net);

/* The peer's address as text, for the log. */
void conn_peer_name(const struct conn *c, char *text, size_t text_bytes);

#endif
