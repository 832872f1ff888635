/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of link/. */
#ifndef MUSTER_LINK_INTERNAL_H
#define MUSTER_LINK_INTERNAL_H

#include "link/link.h"
#include "stream/stream.h"

struct remote;
struct attempt;
struct xml_node;

enum link_state {
    LINK_HEADER,      /* the peer's stream header is due */
    LINK_FEATURES,    /* incoming: starttls is due; outgoing: the peer's features are, or its <proceed/> */
    LINK_SECURING,    /* a TLS handshake is under way */
    LINK_CHOOSING,    /* TLS is there, the domain not proved, and nothing under way that proves it */
    LINK_PROVING,     /* EXTERNAL or dialback is under way */
    LINK_ESTABLISHED, /* stanzas: in one direction (RFC 6120 s. 4.1), or in both (XEP-0288) */
    LINK_CLOSING,
};

/* One stream. */
struct link {
    struct conn conn;
    struct list node; /* in links->streams */
    struct hash_node by_number;
    struct links *links;
    struct buffer in; /* an unfinished item */
    struct xml_scan *scan;
    struct timer timer;            /* until the domain is proved; idle; closing */
    struct timer throttle;         /* then it is read from again */
    uint64_t said_us, said_at_ms;  /* throttle.c */
    struct remote *remote;         /* outgoing: what it is for; NULL: no more */
    struct address_count *address; /* incoming */
    struct batch *batch;           /* incoming: it writes this, way.c; NULL: none */
    struct sighting *farewell;     /* incoming: to be told at its end; NULL: it takes no stanzas */
    struct span local;             /* which of our domains; empty: not known yet */
    char *domain;                  /* the other's; NULL: not known yet */
    char *id;                      /* of the stream: its receiving end has made it */
    char *lang;                    /* of the peer's header, as written */
    const char *proof;             /* "external", "dialback"; NULL: none */
    uint64_t number;
    uint64_t used_ms, since_ms, stanzas;
    enum link_state state;
    bool is_outgoing, is_header_sent, is_header_due, is_discarding;
    bool is_dialling;          /* outgoing: our key is with the peer */
    bool has_external, has_db; /* what the peer offers; its header declares dialback's namespace */
    bool is_redirected;        /* outgoing: another server of the domain has sent us here */
    bool has_bidi;             /* outgoing: the peer offers it */
    bool is_bidirectional;     /* who has opened it has asked for stanzas in both directions */
    bool is_proved;            /* incoming: the peer's domain; outgoing: ours */
    bool was_established, is_throttled;
    bool has_said_end; /* the stream's end tag: what the peer says until it has ended, too, still counts */
};

static inline struct span link_domain(const struct link *l)
{
    return span_of(l->domain);
}

/* ---- stream.c: what both directions have in common ---- */

struct link *link_new(struct links *links, int fd, bool is_outgoing);
/* NULL: it is gone. */
struct link *links_find(const struct links *links, uint64_t number);
void link_enter(struct link *l, enum link_state state);
/* Something of a bounded number of bytes, or an answer: whoever asks and does not read is cut. */
void link_say(struct link *l, struct span bytes);
/* Stanzas, which somebody else bounds. */
void link_put(struct link *l, struct span bytes);
/* End it, with an error or without. `text` may be NULL, and goes to the log. */
void link_fail(struct link *l, enum stream_error e, const char *text);
void link_end(struct link *l, const char *reason);
/* The same for a stream on which the peer may be saying something at this moment: the peer is the one that ends then (RFC 6120 s. 4.4), and
 * what is to be said goes by another one. */
void link_retire(struct link *l, const char *reason);
/* The stream's time runs anew. */
void link_deadline(struct link *l, uint32_t ms);
void link_secure(struct link *l);
/* Handle what has come, unless it is throttled. */
void link_pull(struct link *l);
/* Our header; `id` is made for an incoming stream. */
void link_header_send(struct link *l);
/* Does the peer's certificate prove its domain? */
bool link_is_certified(const struct link *l, struct span domain);
/* Is it the element of dialback? */
bool link_is_db(const struct link *l, const struct xml_item *item, const char *name);
void link_established(struct link *l, const char *proof);
/* A domain as an attribute has it, prepared in `storage`; empty: it is none. */
struct span link_domain_read(struct links *links, struct span raw, char storage[static JID_PART_BYTES_MAX]);
/* Without white space around it. */
struct span link_trimmed(struct span text);
/* Ours, or empty. */
struct span link_local(const struct links *links, struct span domain);
/* Append <db:NAME from to [id]>; the caller goes on behind the attributes. */
void link_db_open(struct buffer *out, const char *name, struct span from, struct span to, struct span id);

/* ---- throttle.c ---- */

void link_throttle_init(struct link *l);
/* It has said an item of so many bytes. */
void link_throttle_charge(struct link *l, size_t bytes);

/* ---- incoming.c, outgoing.c ---- */

void incoming_item(struct link *l, const struct xml_item *item);
void incoming_header(struct link *l, const struct xml_item *item);
void outgoing_open(struct remote *r, int fd, bool is_direct);
void outgoing_item(struct link *l, const struct xml_item *item);
void outgoing_header(struct link *l, const struct xml_item *item);
/* The peer has ended the stream with an error: does it say where to go instead? */
void outgoing_error(struct link *l, const struct xml_item *item);
/* A stanza by the one who has opened a stream; by the other one when it is bidirectional. */
void incoming_stanza(struct link *l, const struct xml_item *item);
/* Dialback's questions: does a key prove a domain, is a key ours? */
void incoming_result(struct link *l, const struct xml_item *item);
void incoming_verify(struct link *l, const struct xml_item *item);
/* There is something to verify or to send: go on, if nothing else is under way. */
void outgoing_advance(struct link *l);

/* ---- verify.c: is a dialback key good? Asked where the stream to the domain is. ---- */

enum verify_outcome { VERIFY_VALID, VERIFY_INVALID, VERIFY_FAILED };

struct verify {
    struct message message;
    struct list node; /* of the remote's: waiting, or asked */
    struct links *origin, *owner;
    uint64_t number; /* of the incoming stream */
    enum verify_outcome outcome;
    uint16_t local_len, domain_len, id_len, key_len;
    char text[];
};
static inline struct span verify_local(const struct verify *v)
{
    return span_make(v->text, v->local_len);
}
static inline struct span verify_domain(const struct verify *v)
{
    return span_make(v->text + v->local_len, v->domain_len);
}
static inline struct span verify_id(const struct verify *v)
{
    return span_make(v->text + v->local_len + v->domain_len, v->id_len);
}
static inline struct span verify_key(const struct verify *v)
{
    return span_make(v->text + v->local_len + v->domain_len + v->id_len, v->key_len);
}
/* 0 or -ENOMEM; the answer comes to incoming_verified, unless the stream is gone by then. */
int verify_ask(struct link *l, struct span local, struct span domain, struct span key);
void verify_answer(struct verify *v, enum verify_outcome outcome);
void incoming_verified(struct link *l, const struct verify *v);

/* ---- queue.c: stanzas, in their order ---- */

/* So much is handed to the connection at a time; the rest waits where it is counted and can be given back. */
#define QUEUE_FLUSH_BYTES 65536

struct stanza_queue {
    struct message *first, **last; /* of struct remote_stanza */
    uint32_t position;             /* within the first: what is before it has left */
    uint32_t stanzas;
    size_t bytes;
};
void queue_init(struct stanza_queue *q);
/* Takes it over, as queue_shift gives it away. */
void queue_append(struct stanza_queue *q, struct remote_stanza *s);
struct remote_stanza *queue_shift(struct stanza_queue *q);
/* All of `from`, before what `to` has, of which nothing has left. */
void queue_move(struct stanza_queue *to, struct stanza_queue *from);
/* The first of `from`, about QUEUE_FLUSH_BYTES of them, to `to`, which is empty. */
void queue_lend(struct stanza_queue *to, struct stanza_queue *from);
/* Drop the first, if part of it has left: said anew it would be heard twice. Returns how many. */
uint32_t queue_drop_begun(struct stanza_queue *q);
/* As much as the connection takes now; it asks for more. Returns how many have left. */
uint32_t queue_write(struct stanza_queue *q, struct link *l);

/* ---- way.c: stanzas leave by a stream that the peer has opened (XEP-0288) ---- */

/* Such a stream. */
struct way {
    struct links *at;
    uint64_t number; /* 0: there is none */
};
static inline bool way_is(const struct way *w, const struct links *at, uint64_t number)
{
    return w->at == at && w->number == number;
}
/* Some of what waits for a domain, lent to the worker of such a stream. */
struct batch {
    struct message message;
    struct stanza_queue queue;
    struct way way;
    bool is_out, is_broken;
    uint32_t stanzas; /* when it was lent: they count until it is back */
    size_t bytes;
};
/* An incoming stream is established: the domain's server is here, and may take stanzas on it. */
void way_begin(struct link *l);
/* It takes no more. */
void way_end(struct link *l);
/* Its connection takes more. */
void way_refill(struct link *l);
/* Lend of what waits, unless that is under way. */
void way_hand(struct remote *r);

/* ---- remote.c: one of our domains and another one ---- */

struct remote {
    struct hash_node node;
    struct links *links;
    struct link *link;            /* NULL: none */
    struct attempt *attempt;      /* to connect; NULL: none */
    struct stanza_queue queue;    /* waits to be sent */
    struct way way;               /* a stream of its own that takes them */
    struct batch batch;           /* is being sent there */
    struct list verifies, asked;  /* struct verify: to be asked, asked */
    struct timer timer;           /* then it may be forgotten */
    uint32_t failures, redirects; /* in a row */
    uint64_t retry_at_ms;
    char *place;        /* where its server has redirected to: connect there; NULL: where the domain is */
    bool is_redirected; /* the attempt, or its stream, is to such a place */
    enum stanza_error failure; /* the last */
    struct span local;
    uint16_t domain_len;
    char domain[];
};
static inline struct span remote_domain(const struct remote *r)
{
    return span_make(r->domain, r->domain_len);
}
uint32_t remote_owner(const struct links *l, struct span domain);
/* NULL: too many, or no memory. */
struct remote *remote_take(struct links *l, struct span local, struct span domain);
/* NULL: there is none. */
struct remote *remote_find(const struct links *l, struct span local, struct span domain);
/* Send, verify, connect: whatever is due. `r` may be gone after it. */
void remote_advance(struct remote *r);
/* The same; all that waits is given back instead when the daemon has stopped. */
void remote_resume(struct remote *r);
/* Do stanzas wait for a stream of ours? Not those that the peer's takes. */
bool remote_has_due(const struct remote *r);
void remote_flush(struct remote *r);
/* It cannot be reached: what waits for a stream of ours is given back. `r` may be gone after it. */
void remote_fail(struct remote *r, enum stanza_error e, const char *reason);
/* Its stream is over. */
void remote_unlink(struct remote *r, struct link *l, const char *reason);
void remotes_stop(struct links *l);

/* How long a domain is left alone after so many failures in a row: half to all of first * 2^(failures - 1),
 * at most `max`. */
uint32_t retry_delay_ms(uint32_t failures, uint32_t first_ms, uint32_t max_ms, uint32_t random);

/* ---- connect.c ---- */

/* 0 or -ENOMEM; ends with outgoing_open or remote_fail. */
int attempt_begin(struct remote *r);
/* Nobody waits for it any more. */
void attempt_cancel(struct attempt *a);

#endif
