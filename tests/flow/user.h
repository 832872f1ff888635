/* SPDX-License-Identifier: Apache-2.0 */
/* A client as a test plays it: logs in by itself, cuts what the server says into stanzas (expat), and keeps
 * them in order in a canonical form, in which the order of attributes, kinds of quotes and prefixes make no
 * difference. */
#ifndef MUSTER_TESTS_FLOW_USER_H
#define MUSTER_TESTS_FLOW_USER_H

#include "fake_ring.h"

/* One thing the server said: the stream's header, an element of depth 1, or the stream's end. */
struct said {
    struct said *next;
    char *text;             /* canonical */
    char *name;             /* local name; "" for the stream's end */
    char *type, *from, *id; /* NULL: absent */
    char *content;          /* character data directly in it */
};

enum user_phase {
    USER_MANUAL,  /* the test says everything itself */
    USER_OPENING, /* features are due */
    USER_AUTHENTICATING,
    USER_REOPENING,
    USER_BINDING,
    USER_BOUND,
    USER_OPENING_SASL2, /* as XEP-0388 has it, until the challenge is answered */
    USER_AUTHENTICATING_SASL2,
};

#define KEPT_BYTES 80

struct user {
    char name[32];                  /* as scripts say it: alice2 */
    char account[32];               /* alice */
    char jid[80];                   /* alice@localhost/r2 */
    const char *resource;           /* in jid */
    struct peer *peer;              /* NULL: never connected */
    char management_id[KEPT_BYTES]; /* of the last <enabled/> (XEP-0198) */
    struct user_parser *parser;
    struct said *first, **last;
    enum user_phase phase, goal; /* goal: where the log-in stops */
    char token[KEPT_BYTES];      /* that it was given last (XEP-0484) */
    bool is_fast;                /* logs in with it */
    const char *wanted;          /* of a SASL2 log-in: what <authenticate/> holds besides; the caller's */
    bool is_refused;             /* the server has ended it, or refused something on the way */
    bool is_mistaken;            /* about its password */
    bool is_deaf;                /* leaves what arrives where it is */
    bool is_mute;                /* what it says goes nowhere */
    /* So much passes on one connection; then it is deaf, or mute. UINT64_MAX, as at first: all. */
    uint64_t say_bytes_max, read_bytes_max;
    uint64_t said_bytes, read_bytes;
};

/* `name`: letters are the account, digits behind them make the resource: alice2 is alice@localhost/r2. */
void user_init(struct user *u, const char *name);
void user_fini(struct user *u);

void user_connect(struct user *u, int listener_fd);
/* Begin to log in, as far as `goal`: USER_OPENING (features are there), USER_REOPENING (authenticated, and
 * features), USER_BOUND. */
void user_login(struct user *u, enum user_phase goal);
/* The same by SASL2; what comes of it is left for the test to see. */
void user_login_sasl2(struct user *u, const char *wanted, bool is_fast);
void user_say(struct user *u, struct span bytes);
/* Something comes to one who has no connection: the other end of what the test does not play. */
void user_hear(struct user *u, struct span bytes);
/* Read what has arrived; while logging in, answer. Returns whether anything arrived. */
bool user_read(struct user *u);

/* Take the oldest off; NULL: none. To be freed with said_free. */
struct said *user_take(struct user *u);
struct said *said_free(struct said *s);
void user_forget(struct user *u); /* all that was said so far */

/* The canonical form of an expectation: an element, or a stream header (begins with "<stream:stream"). NULL:
 * no XML. */
char *user_canonical(const char *xml);
/* Is `said` what was expected? '*' in it stands for any run of characters within a value or text. */
bool user_is_expected(const char *expected, const char *said);

#define USER_HEADER                                                                                          \
    "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "                \
    "xmlns:stream='http://etherx.jabber.org/streams'>"

#endif
