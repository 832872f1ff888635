/* SPDX-License-Identifier: Apache-2.0 */
/* One client: from connecting to bound session, its stanzas, and its end. */
#ifndef MUSTER_BENCH_SESSION_H
#define MUSTER_BENCH_SESSION_H

#include "accounts.h"
#include "element.h"
#include "scram.h"
#include "splitter.h"
#include "transport.h"

enum tls_mode { TLS_MODE_STARTTLS, TLS_MODE_DIRECT, TLS_MODE_PLAIN };

enum session_state {
    SESSION_OFF,        /* not connected */
    SESSION_CONNECTING, /* TCP */
    SESSION_SHAKING,    /* TLS */
    SESSION_FEATURES,   /* header sent, features awaited */
    SESSION_STARTTLS,   /* <proceed/> awaited */
    SESSION_SASL,
    SESSION_BIND,
    SESSION_ROSTER,
    SESSION_ONLINE, /* bound, roster there; presence is the scenario's business */
    SESSION_CLOSING /* our end tag is sent */
};

struct session;

/* What a scenario wants to be told. */
struct session_hooks {
    void (*online)(struct session *s);
    /* A stanza of a bound session, roster pushes included; borrowed until it returns. */
    void (*stanza)(struct session *s, const struct element *stanza);
    /* The session is SESSION_OFF again; `reason` is NULL when that was asked for. */
    void (*ended)(struct session *s, const char *reason);
};

/* The same for all sessions of a run. */
struct session_settings {
    struct transport_target target;
    const char *domain;
    enum tls_mode tls_mode;
    const char *mechanism; /* NULL: the best that both sides know */
    const char *resource;  /* NULL: the server chooses */
    bool wants_roster;
};

struct session {
    struct loop_source source;
    struct transport transport;
    struct splitter splitter;
    const struct session_settings *settings;
    const struct session_hooks *hooks;
    struct account *account;
    struct scram *scram; /* during SASL */
    char *full_jid;      /* once bound */
    void *owner;         /* the scenario's */
    uint32_t index;      /* the scenario's number for it */
    uint32_t roster_items;
    uint64_t started_ns; /* when connecting began */
    uint64_t online_ns;  /* when it was bound and had its roster */
    uint8_t state;       /* enum session_state */
    uint8_t mechanism;   /* enum sasl_mechanism of login.c */
    bool is_encrypted, is_authenticated;
    bool
        is_exempt; /* the scenario lets it suffer: its end is no failure, what is heard of it is not judged */
    bool was_online; /* this connection got as far as SESSION_ONLINE */
};

void session_init(struct session *s, struct loop *loop, const struct session_settings *settings,
                  const struct session_hooks *hooks, struct account *account);
/* Give everything back without telling anybody. */
void session_fini(struct session *s);

/* Connect and log in; `online` or `ended` follows, never before this returns unless it fails at once. */
void session_start(struct session *s, unsigned source_host);
/* Send stanzas; borrowed only during the call. A failure ends the session. */
void session_send(struct session *s, struct span stanzas);
/* End the stream and wait for the server's end. */
void session_close(struct session *s);
/* Reset the connection without a word, as a dead client would. */
void session_cut(struct session *s);
/* End with a failure; `reason` is copied nowhere. */
void session_fail(struct session *s, const char *reason);

static inline bool session_is_online(const struct session *s)
{
    return s->state == SESSION_ONLINE;
}

/* login.c: a stream item before the session is online. */
void login_stanza(struct session *s, const struct element *stanza);
/* login.c: forget a SASL exchange under way. */
void login_forget(struct session *s);
/* session.c: begin TLS on the open connection; the stream opens when it is up. */
void session_start_tls(struct session *s, bool direct);
/* session.c: (re)open the stream. */
void session_open_stream(struct session *s);

#endif
