/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of stream/: who answers which item. Each handler is called with an item whose bytes are borrowed. */
#ifndef MUSTER_STREAM_INTERNAL_H
#define MUSTER_STREAM_INTERNAL_H

#include "stream/stream.h"

struct xml_node;

#define XMLNS_CLIENT SPAN("jabber:client")
#define XMLNS_STREAMS SPAN("http://etherx.jabber.org/streams")
#define XMLNS_TLS SPAN("urn:ietf:params:xml:ns:xmpp-tls")
#define XMLNS_SASL SPAN("urn:ietf:params:xml:ns:xmpp-sasl")
#define XMLNS_SASL2 SPAN("urn:xmpp:sasl:2")
#define XMLNS_BIND2 SPAN("urn:xmpp:bind:0")
#define XMLNS_CARBONS SPAN("urn:xmpp:carbons:2")
#define XMLNS_BIND SPAN("urn:ietf:params:xml:ns:xmpp-bind")
#define XMLNS_CSI SPAN("urn:xmpp:csi:0")
#define XMLNS_SM_TEXT "urn:xmpp:sm:3"
#define XMLNS_SM SPAN(XMLNS_SM_TEXT)

#define STREAM_VERSION SPAN("1.0")

/* The peer may keep its end open this long after ours (RFC 6120 s. 4.4 leaves it to us). */
#define CLOSE_TIMEOUT_MS 5000

/* The one way to change the state; traced at log level debug. */
void stream_enter(struct stream *s, enum stream_state state);
/* Queue bytes that are no stanza, behind all that is held. */
void stream_say(struct stream *s, struct span bytes);
/* The same, ahead of what is held. */
void stream_say_aside(struct stream *s, struct span bytes);
/* stream_fail with one more element, complete XML, in the error. */
void stream_fail_with(struct stream *s, enum stream_error e, const char *text, struct span extra);
/* The stream is over, and the session with it; its peer has been told, or cannot be. */
void stream_over(struct stream *s);

/* header.c */
void stream_header_item(struct stream *s, const struct xml_item *item);
/* Our own header, for an error before the peer's was understood too. `version`: the one spoken, empty to who has none (RFC 6120
 * s. 4.7.5). `to`: bare; empty: it has not said who it is. */
void stream_header_send(struct stream *s, struct span version, struct span to);

/* features.c */
void stream_features_send(struct stream *s);
void stream_features_write(const struct stream *s, struct buffer *out);
/* The mechanisms this stream offers: bits of 1u << enum sasl_mechanism; 0 before TLS where TLS is required. */
uint32_t stream_mechanisms(const struct stream *s);
/* The same for SASL2, which wants TLS, or a wire that does not leave the machine. */
uint32_t stream_mechanisms_sasl2(const struct stream *s);
void stream_mechanisms_write(uint32_t mechanisms, struct buffer *out);
void stream_bindings(const struct stream *s, struct sasl_bindings *ret);

/* certificate.c: clients that have one (XEP-0178). */
/* Does the peer's certificate name accounts of the stream's domain? They are told to `x`, unless that is NULL. */
bool stream_certified(const struct stream *s, struct sasl_exchange *x);
/* The log-in is by certificate, and over when that is: from now on the stream keeps it. 0 or -ENOMEM. */
int stream_certificate_keep(struct stream *s);
/* Has what is kept been revoked? False: nobody is to be asked. Else `done` is called, with -ENOMEM or an enum tls_client_status,
 * whatever becomes of the stream. */
bool stream_certificate_check(struct stream *s, void (*done)(void *owner, int status), void *owner);
/* The stream is at home, and bound: its time runs. */
void stream_certificate_watch(struct stream *s);
void stream_certificate_free(struct stream *s);

/* auth.c: the exchange. `auth_wire`: how its messages look. */
struct auth_wire {
    void (*challenge)(struct stream *s,
                      struct span message); /* bytes before base64; empty: asks for the first message */
    void (*failure)(struct stream *s, enum sasl_error error);
    /* The last message is the server's: say it, or keep it until the stream has settled at home. */
    void (*success)(struct stream *s, struct span message);
};
/* Begin an attempt with mechanism `name`, one of those `offered`; it ends the one before. `initial`: in
 * base64; NULL: none was sent. */
void stream_auth_start(struct stream *s, const struct auth_wire *wire, uint32_t offered, struct span name,
                       const struct span *initial);
/* A response, in base64. False: no exchange of this form is under way. */
bool stream_auth_respond(struct stream *s, const struct auth_wire *wire, struct span text);
bool stream_auth_is_of(const struct stream *s, const struct auth_wire *wire);
void stream_auth_fail(struct stream *s, const struct auth_wire *wire, enum sasl_error error);
void stream_auth_detach(struct stream *s);

/* auth_sasl.c */
void stream_sasl_item(struct stream *s, const struct xml_item *item);

/* auth_sasl2.c */
void stream_sasl2_item(struct stream *s, const struct xml_item *item);
/* Is an exchange under way, during which the client says nothing else (XEP-0388 s. 2.4)? */
bool stream_sasl2_is_exclusive(const struct stream *s);
/* The stream is at home: do what was asked for together with the log-in, then say success. */
void stream_sasl2_settle(struct stream *s);
/* Say it, and the features that follow. */
void stream_sasl2_success(struct stream *s);

/* A number as an attribute has it, or "false"; longer ones are none. */
#define COUNT_BYTES 10

/* login.c: what a client asks for together with its log-in, until it is in. */
struct stream_login {
    char *from; /* whom the stream's header says it is from: bare, prepared; NULL: it says nothing of use */
    char *bind_id;            /* id of the request that binds (RFC 6120), as written */
    uint8_t bind_failures;    /* of these */
    bool is_sasl2;            /* success is said when all below is done */
    struct buffer additional; /* SASL's last message */
    char *agent;              /* the client's installation (XEP-0388 s. 2.3); NULL: not told */
    struct fast {             /* XEP-0484 */
        bool has_token;       /* a token is shown */
        bool is_invalidated;
        uint64_t count;
        const char *wanted; /* a new one for this mechanism; NULL: not asked for */
        char made[SASL_TOKEN_BYTES + 1];
        uint64_t made_expires_s;
    } fast;
    struct bind2 {
        bool is_wanted, has_carbons, is_inactive;
        char *tag;       /* NULL: none that can be used */
        bool is_managed; /* XEP-0198, with these attributes */
        char resume[COUNT_BYTES + 1], max[COUNT_BYTES + 1];
    } bind;
    struct registering {                 /* XEP-0077, whatever comes between */
        struct stream_registration *out; /* is being made; NULL: none */
        uint8_t queries, attempts;
        bool is_done;
    } registering;
    struct {
        char *previd; /* NULL: no session is to be resumed */
        char h[COUNT_BYTES + 1];
    } resume;
    bool is_bound;         /* a resource was, on the way */
    struct buffer results; /* what success says of that, */
    struct buffer enabled; /* and within <bound/> */
};
/* fast.c */
/* The mechanisms that take tokens, as stream_mechanisms. */
uint32_t stream_fast_mechanisms(const struct stream *s);
void stream_fast_features(const struct stream *s, struct buffer *out);
void stream_fast_read(const struct stream *s, struct stream_login *l, const struct xml_node *authenticate);
/* What success says of a new token, if there is one. */
void stream_fast_success(const struct stream_login *l, struct buffer *out);

/* The stream's, made if there is none yet; NULL without memory. */
struct stream_login *stream_login_take(struct stream *s);
/* All but `from` and `registering`: a new attempt begins. */
void stream_login_forget(struct stream_login *l);
void stream_login_free(struct stream *s);
/* Copy an attribute's value, unless it is too long to mean anything. */
void stream_login_keep(struct span value, char to[static COUNT_BYTES + 1]);

/* register.c */
/* May an account be made on this stream, as far as it has come? */
bool stream_may_register(const struct stream *s);
/* A query of XEP-0077 of a client that is not logged in; false: it is none, or may not be asked. */
bool stream_register_item(struct stream *s, const struct xml_item *item);
void stream_register_detach(struct stream *s);

/* bind2.c */
/* What `authenticate` asks for, if it does. 0 or -ENOMEM. */
int stream_bind2_read(struct stream_login *l, const struct xml_node *authenticate);
/* Ask the owner for it, at the account's home. */
void stream_bind2_begin(struct stream *s);
/* It is bound: what is to begin at once begins, then success is said. */
void stream_bind2_bound(struct stream *s);

/* bind.c */
void stream_bind_item(struct stream *s, const struct xml_item *item);

/* reader.c */
/* <active/> and <inactive/> of a bound stream; false: it is none of them. */
bool stream_csi_item(struct stream *s, const struct xml_item *item);
void stream_inactive_set(struct stream *s, bool is_inactive);
/* Queue a frame as it is: not held, not counted. Takes over the reference. */
void stream_put(struct stream *s, struct frame *f);
/* Queue what is held, in order. */
void stream_held_flush(struct stream *s);
void stream_refill(struct conn *c);
void stream_behind_expired(struct stream *s);
/* End the connection at once: the reader does not follow. Its session cannot be resumed. */
void stream_cut(struct stream *s, const char *reason);
/* What the client said of its state no longer counts (XEP-0352 s. 5.1: nor does it when it resumes). */
void stream_activate(struct stream *s);
/* Nothing more is held for it. */
void stream_reader_ends(struct stream *s);

/* resume.c */
/* An item of XEP-0198, in any state; false: it is none. */
bool stream_management_item(struct stream *s, const struct xml_item *item);
/* Enable stream management for a bound stream: appends <enabled/> (or <failed/>), which the caller is to queue before any
 * stanza. `resume` and `max`: the attributes as written, empty when absent. */
void stream_enable(struct stream *s, struct span resume, struct span max, struct buffer *out);
/* Resume a session in place of bind: the stream is authenticated, at its account's home, in STREAM_BINDING. 0: it is bound, and
 * <resumed/> appended; when the caller has queued that, it calls stream_resume_rest, which sends again what was
 * not acknowledged. STREAM_RESUME_FAILED: <failed/> is appended, and a resource may be bound. STREAM_RESUME_ENDED: the stream
 * has been ended; nothing is appended. */
enum { STREAM_RESUME_FAILED = 1, STREAM_RESUME_ENDED = 2 };
int stream_resume(struct stream *s, struct span previd, struct span h, struct buffer *out);
void stream_resume_rest(struct stream *s);
/* A stanza's frame is about to be queued: count it. Only while conn.is_managed. */
void stream_sent(struct stream *s, struct frame *f);
/* The connection of a stream that may be parked is lost: park it. */
bool stream_may_park(const struct stream *s);
void stream_park(struct stream *s);
/* The connection of a parked stream is closed. */
void stream_parked_rest(struct stream *s);
/* Keep a stanza for a parked stream; takes over the reference. */
void stream_keep(struct stream *s, struct frame *f);
void stream_management_ends(struct stream *s);

/* throttle.c */
void stream_throttle_init(struct stream_worker *w);
void stream_throttle_fini(struct stream_worker *w);
/* The stream has said something of so many bytes; it may be made to wait. */
void stream_throttle_charge(struct stream *s, size_t bytes);
void stream_throttle_ends(struct stream *s);

#endif
