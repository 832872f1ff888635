/* SPDX-License-Identifier: Apache-2.0 */
/* One peer's XML stream, the server's side of a client-to-server connection (RFC 6120 s. 4 to 7): header,
 * features, TLS, SASL, bind, then stanzas, until the end. It pulls items out of the bytes it receives,
 * answers what concerns the stream itself, and asks its owner, through `events`, for what it does not know:
 * credentials, a session, a stanza's way. */
#ifndef MUSTER_STREAM_STREAM_H
#define MUSTER_STREAM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/timer.h"
#include "net/conn.h"
#include "sasl/sasl.h"
#include "stanza/error.h"
#include "stanza/stanza.h"
#include "xml/scanner.h"

struct stream;
struct stream_auth;
struct stream_login;
struct stream_certificate;
struct stream_registration;
struct address_rate;
struct session;
struct held;
struct management;
struct past_session;

enum stream_state {
    STREAM_HEADER,         /* the peer's stream header is due */
    STREAM_FEATURES,       /* features sent: starttls or auth is due */
    STREAM_SECURING,       /* a TLS handshake is under way */
    STREAM_AUTHENTICATING, /* within a SASL exchange */
    STREAM_MOVING,         /* authenticated, on its way to the account's home worker */
    STREAM_AUTHENTICATED,  /* header is due again */
    STREAM_BINDING,        /* features sent: bind is due */
    STREAM_BOUND,
    STREAM_PARKED,  /* bound, its connection lost: the session may be resumed (XEP-0198) */
    STREAM_CLOSING, /* our end is said; waiting for the connection's */
};

/* Stream error conditions (RFC 6120 s. 4.9.3). */
enum stream_error {
    STREAM_BAD_FORMAT,
    STREAM_BAD_NAMESPACE_PREFIX,
    STREAM_CONFLICT,
    STREAM_CONNECTION_TIMEOUT,
    STREAM_HOST_GONE,
    STREAM_HOST_UNKNOWN,
    STREAM_IMPROPER_ADDRESSING,
    STREAM_INTERNAL_SERVER_ERROR,
    STREAM_INVALID_FROM,
    STREAM_INVALID_NAMESPACE,
    STREAM_INVALID_XML,
    STREAM_NOT_AUTHORIZED,
    STREAM_NOT_WELL_FORMED,
    STREAM_POLICY_VIOLATION,
    STREAM_REMOTE_CONNECTION_FAILED,
    STREAM_RESET,
    STREAM_RESOURCE_CONSTRAINT,
    STREAM_RESTRICTED_XML,
    STREAM_SEE_OTHER_HOST,
    STREAM_SYSTEM_SHUTDOWN,
    STREAM_UNDEFINED_CONDITION,
    STREAM_UNSUPPORTED_ENCODING,
    STREAM_UNSUPPORTED_FEATURE,
    STREAM_UNSUPPORTED_STANZA_TYPE,
    STREAM_UNSUPPORTED_VERSION,
    STREAM_ERROR_COUNT,
};
const char *stream_error_name(enum stream_error e);
/* For any stream, also one between servers: append the error and the stream's end; what the scanner's refusal is called; does the
 * header's `version` say that the peer has features; append a stream's id. */
void stream_error_write(struct buffer *out, enum stream_error e, const char *text, struct span extra);
enum stream_error stream_error_of_xml(enum xml_error e);
bool stream_version_is_supported(struct span version);
void stream_id_write(struct buffer *out);

/* How the listener that accepted it speaks TLS. */
enum stream_tls { STREAM_TLS_STARTTLS, STREAM_TLS_DIRECT, STREAM_TLS_NONE };

#define STREAM_CLIENT_BYTES 36

/* What is to be done about the tokens of one installation of an account's client (XEP-0484). */
struct stream_tokens {
    char client[STREAM_CLIENT_BYTES + 1]; /* a UUID's text */
    /* One was shown: find the one that sasl_token_is_shown; NULL: none was. */
    const struct sasl_exchange *exchange;
    const char *shown; /* its mechanism, by name */
    uint64_t count;    /* of its uses, which must grow; 0: not counted */
    bool is_invalidated;
    /* None was shown: the salts that the password's keys had, both, which are other ones when it has been changed since. */
    uint8_t salts[2][SASL_SALT_BYTES];
    const char *wanted; /* a new one for this mechanism; NULL: only when the one that is shown grows old */
    /* The answer. */
    char token[SASL_TOKEN_BYTES + 1],
        made[SASL_TOKEN_BYTES + 1]; /* the one shown, the new one; empty: none */
    uint64_t made_expires_s;        /* since 1970 */
};
enum stream_tokens_outcome {
    STREAM_TOKENS_DONE,
    STREAM_TOKENS_NONE,
    STREAM_TOKENS_EXPIRED,
    STREAM_TOKENS_FAILED
};

struct stream_settings {
    const struct span *domains; /* prepared */
    uint32_t domain_count;
    struct tls_context *tls; /* NULL: no TLS listener */
    struct jobs
        *client_checks;    /* where clients' certificates are checked for revocation; NULL: they are not */
    const uint8_t *secret; /* 32 bytes, for sasl_exchange_new */
    bool allow_plain;
    bool allow_registration;            /* XEP-0077 */
    struct address_rate *registrations; /* how many may be asked for */
    bool has_csi;                       /* client state indication is offered (XEP-0352) */
    uint32_t sasl_iterations;           /* of new accounts */
    uint32_t password_chars_min;        /* the same */
    uint32_t token_lifetime_s;          /* of log-in tokens (XEP-0484); 0: none are given out or taken */
    uint32_t token_clients_max;         /* installations of one account that have some */
    uint32_t stanza_bytes_max, unauthenticated_bytes_max;
    uint32_t login_timeout_ms;
    uint32_t login_attempts, bind_attempts; /* that may fail on one stream, the last of which ends it */
    /* What one stream may say in the long run, and for how many seconds' worth at once; 0: no limit. */
    uint32_t stanza_rate, byte_rate, rate_burst_s;
    uint32_t conflate_bytes; /* queued for a reader who is behind, beyond which presence is held; 0: never */
    uint32_t held_max;       /* presences held for one reader */
    uint32_t resume_ms;      /* that a session may be without a connection; 0: none may (XEP-0198) */
    uint32_t unacked_stanzas_max,
        unacked_bytes_max; /* kept for one session, with what comes while it has no connection */
};

/* A request to bind, borrowed for the call. */
struct stream_bind {
    struct span resource; /* prepared; empty: the owner chooses */
    uint32_t client_len;  /* so many bytes at its end name the client's installation, whose earlier sessions
                             end; 0: none */
    bool has_carbons;     /* XEP-0280, from the first message on */
};

struct stream_events {
    /* Credentials of the account `jid` are wanted: answer with stream_auth_provide, at once or later. `auth`
     * lives until then. */
    void (*credentials)(struct stream *s, struct span jid, struct stream_auth *auth);
    /* Tokens of the account `jid`: answer with stream_auth_tokens, at once or later. `tokens` lives until
     * then, as `auth` does. */
    void (*tokens)(struct stream *s, struct span jid, struct stream_tokens *tokens, struct stream_auth *auth);
    /* A log-in as account `jid`, which may not exist, was refused: the password, token or certificate was
     * wrong. */
    void (*refused)(struct stream *s, struct span jid);
    /* The account `jid` is to be made: answer with stream_registered, at once or later. `credentials` and
     * `registration` live until then. */
    void (*registration)(struct stream *s, struct span jid, const struct sasl_credentials *credentials,
                         struct stream_registration *registration);
    /* SASL is done for account `jid`: see that the stream reaches the account's home worker, then
     * stream_settle. */
    void (*authenticated)(struct stream *s, struct span jid);
    /* A resource is to be bound. Answer with stream_bound or stream_refuse_bind, at once or later. */
    void (*bind)(struct stream *s, struct span jid, const struct stream_bind *request);
    /* A stanza of a bound stream, `from` checked. Returns false when it cannot be handled yet: the stream
     * keeps it and waits for stream_continue. Everything is borrowed for the call. */
    bool (*stanza)(struct stream *s, const struct stanza *stanza);
    /* The peer wants to resume the session of its account that `id` names: the stream that has it
     * (stream_is_resumable), NULL: there is none. */
    struct stream *(*resumable)(struct stream *s, struct span id);
    /* It does: the session of `old` is that of `s` now. */
    void (*resumed)(struct stream *s, struct stream *old);
    /* Its connection is lost; the session waits to be resumed. */
    void (*parked)(struct stream *s);
    /* The stream is over, for whatever reason: nothing more will come from it, nothing sent to it will
     * arrive. Called once, when it was authenticated. */
    void (*ended)(struct stream *s);
    /* Gone: free it. */
    void (*closed)(struct stream *s);
    /* The connection is at rest (after conn_detach in `authenticated`). */
    void (*detached)(struct stream *s);
};

/* What one worker's streams share. */
struct stream_worker {
    const struct stream_settings *settings;
    const struct stream_events *events;
    struct net *net;
    struct xml_limits limits;
    struct xml_scan *spare_scan; /* for a stream at a stanza boundary */
    struct arena arena;          /* reset after every item */
    uint32_t jobs;               /* password checks, and keys of new accounts, out on job threads */
    struct frame *ack_request;   /* <r/>, everybody's */
    struct past_session *past;   /* sessions that are over (resume.c); NULL: none yet */
    uint32_t past_next;
    struct list throttled; /* streams that have said too much */
    struct timer throttle; /* runs while there are any */
    struct stanza stanza;  /* scratch: large */
    struct stream_counters {
        uint64_t opened, registered, authenticated, authentication_failures, bound, stream_errors, stanzas,
            keepalives;
        uint64_t presences_held,
            presences_conflated;    /* the latter: replaced by a later one before they were sent */
        uint64_t held_overflows;    /* flushed because one reader's were too many */
        uint64_t sessions_inactive; /* now */
        /* Stream management: sessions that enabled it, lost their connection, were resumed, were not in time;
         * requests to resume that were refused; acknowledgements asked for; stanzas sent again; sessions over
         * the limit. */
        uint64_t sm_enabled, sm_parked, sm_resumed, sm_expired, sm_refused, sm_requests, sm_resent,
            sm_overflows;
        uint64_t sessions_detached;                          /* now */
        uint64_t logins_delayed;                             /* after wrong passwords */
        uint64_t certificates_expired, certificates_revoked; /* sessions ended for it */
        uint64_t throttled; /* times that a stream was not read from for a while */
    } counters;
};

struct stream {
    struct conn conn;
    struct stream_worker *worker;
    struct buffer in;              /* an unfinished item, or what waits */
    struct xml_scan *scan;         /* of the unfinished item; NULL at a boundary */
    struct timer timer;            /* log-in deadline, then a slow reader's, then closing deadline */
    struct stream_auth *auth;      /* while authenticating */
    struct session *session;       /* the owner's, from bind to end */
    struct held *held;             /* presence held back; NULL: none */
    struct management *management; /* XEP-0198; NULL: not enabled */
    struct list throttled;         /* in worker->throttled */
    uint32_t said_us,
        said_at_ms; /* its allowance used up, in microseconds of it; as of a moment, whose clock may wrap */
    char *jid;      /* bare from authentication, full from bind; NULL before */
    struct stream_login *login;             /* what is kept until a resource is bound; NULL: nothing */
    struct stream_certificate *certificate; /* that the client logged in with; NULL: none */
    char *lang;                             /* xml:lang of the peer's header; NULL when it gave none */
    uint32_t behind_kib;                    /* queued when it was found to be slow, and one; 0: it is not */
    uint16_t bare_len, jid_len;
    uint8_t state;  /* enum stream_state */
    uint8_t tls;    /* enum stream_tls */
    uint8_t domain; /* index of the one it addressed */
    uint8_t auth_failures;
    bool is_waiting : 1; /* for the owner: nothing is pulled */
    bool is_pulling : 1;
    bool is_throttled : 1; /* it waits for its own rate */
    bool is_header_sent : 1;
    bool is_lost : 1;       /* it ended without a word of the client's */
    bool is_inactive : 1;   /* by the client's own word (XEP-0352) */
    bool is_loopback : 1;   /* without TLS, on a wire that does not leave the machine: the owner sets it after
                               stream_open */
    bool is_discarding : 1; /* what is left of the current bytes goes unread (STARTTLS) */
};

int stream_worker_init(struct stream_worker *w, const struct stream_settings *settings,
                       const struct stream_events *events, struct net *net);
void stream_worker_fini(struct stream_worker *w);

/* Start on an accepted socket. `s` is zeroed. `is_kernel_wanted`: TLS records go over to the kernel where it
 * can. */
void stream_open(struct stream *s, struct stream_worker *w, int fd, enum stream_tls tls,
                 bool is_kernel_wanted);
/* Free what it holds; from `closed` only. */
void stream_fini(struct stream *s);

/* Answers to events. */
void stream_auth_provide(struct stream_auth *auth, const struct sasl_credentials *credentials,
                         bool is_failed);
void stream_auth_tokens(struct stream_auth *auth, enum stream_tokens_outcome outcome);
enum stream_registration_outcome {
    STREAM_REGISTRATION_DONE,
    STREAM_REGISTRATION_EXISTS,
    STREAM_REGISTRATION_FAILED
};
void stream_registered(struct stream_registration *registration, enum stream_registration_outcome outcome);
void stream_bound(struct stream *s, struct session *session, struct span jid);
void stream_refuse_bind(struct stream *s, enum stanza_error e);
/* Go on pulling after a wait. */
void stream_continue(struct stream *s);

/* Sessions that may be resumed: for the owner of the sessions. */
bool stream_is_resumable(const struct stream *s, struct span id);
static inline bool stream_is_parked(const struct stream *s)
{
    return s->state == STREAM_PARKED;
}
/* End the session of a parked stream, as when its time is over; and when that will be, to compare. */
void stream_expire(struct stream *s);
uint64_t stream_parked_until(const struct stream *s);
/* Within `ended`: take what was sent and not acknowledged, or kept, the oldest first; with its reference, and
 * how long ago. NULL: nothing (more). Frames of all kinds, broadcasts and parts among them. */
struct frame *stream_undelivered_take(struct stream *s, uint32_t *ret_age_s);

/* Move: after `detached`, on the new worker. */
void stream_attach(struct stream *s, struct stream_worker *w);
/* The first half, on the old worker, in `authenticated`. */
void stream_detach(struct stream *s);
/* The stream is where it belongs: its peer's new header is awaited. */
void stream_settle(struct stream *s);

/* It is about to be sent to. */
static inline void stream_prefetch(const struct stream *s)
{
    __builtin_prefetch(s, 1);
    __builtin_prefetch((const char *)s + 64, 1);
    __builtin_prefetch((const char *)s + 128, 1);
}

/* Queue a frame; takes over the reference. A reader that stays behind is cut. */
void stream_send(struct stream *s, struct frame *f);

/* End the stream with an error, or without (stream_end). */
void stream_fail(struct stream *s, enum stream_error e, const char *text);
void stream_end(struct stream *s);

/* May what is said on it be secret: TLS, or a wire that does not leave the machine? */
static inline bool stream_is_private(const struct stream *s)
{
    return conn_is_secure(&s->conn) || s->is_loopback;
}

static inline struct span stream_jid(const struct stream *s)
{
    return span_make(s->jid, s->jid_len);
}
static inline struct span stream_bare_jid(const struct stream *s)
{
    return span_make(s->jid, s->bare_len);
}
static inline struct span stream_lang(const struct stream *s)
{
    return span_of(s->lang);
}

#endif
