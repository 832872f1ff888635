/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials, tokens and new accounts: a question to the store, its answer back to the stream. */
#include "worker_login.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/hex.h"
#include "broker.h"
#include "store/command.h"
#include "store/token.h"

/* A token is replaced when so much of its time is left: a client that is used now and then never has to ask
 * for the password, and one that stays connected for long is given several chances. */
#define TOKEN_ROTATION_PART 2

struct lookup {
    struct message message;
    struct timer timer; /* before the store is asked, when the log-in has to wait */
    struct list link;   /* in worker->delayed */
    struct store_request request;
    struct worker *worker;
    struct stream_auth *auth;
    /* tokens only */
    struct stream_tokens *tokens;
    uint32_t lifetime_s, clients_max;
    char token[SASL_TOKEN_BYTES + 1], made[SASL_TOKEN_BYTES + 1];
    uint64_t made_expires_s;
};

static struct worker *worker_of(struct stream *s)
{
    return container_of(s, struct client, stream)->worker;
}

static void lookup_done(struct store_request *r)
{
    struct lookup *l = container_of(r, struct lookup, request);
    loop_post(l->worker->loop, NULL, &l->message);
}

static void lookup_submit(struct lookup *l)
{
    list_remove(&l->link);
    loop_timer_stop(l->worker->loop, &l->timer);
    store_submit(l->worker->broker->store, &l->request);
}

static void lookup_begin(struct lookup *l, uint64_t delay_ms)
{
    struct worker *w = l->worker;
    w->lookups++;
    if (!delay_ms || w->is_stopping) {
        lookup_submit(l);
        return;
    }
    w->streams.counters.logins_delayed++;
    list_append(&w->delayed, &l->link);
    loop_timer_start(w->loop, &l->timer, delay_ms);
}

static void lookup_expired(struct timer *t)
{
    lookup_submit(container_of(t, struct lookup, timer));
}

void worker_logins_stop(struct worker *w)
{
    while (!list_empty(&w->delayed))
        lookup_submit(container_of(w->delayed.next, struct lookup, link));
}

static struct lookup *lookup_new(struct stream *s, struct span jid, struct stream_auth *auth)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    arena_init(&l->request.arena);
    l->request.jid = arena_copy(&l->request.arena, jid);
    if (!l->request.jid.ptr) {
        free(l);
        return NULL;
    }
    l->worker = worker_of(s);
    l->auth = auth;
    l->request.done = lookup_done;
    list_init(&l->link);
    timer_init(&l->timer, lookup_expired);
    return l;
}

static void lookup_free(struct lookup *l)
{
    arena_fini(&l->request.arena);
    explicit_bzero(l, sizeof *l);
    free(l);
}

/* ---- wrong passwords ---- */

/* How long what proves the client's right is not looked at, for wrong passwords before it (RFC 6120 s. 13.11:
 * the same for accounts that do not exist). */
static uint64_t delay_ms(const struct stream *s, struct span jid)
{
    char bytes[ADDRESS_BYTES];
    struct worker *w = container_of(s, struct client, stream)->worker;
    struct guesses *g = &w->broker->guesses;
    uint64_t now_ms = loop_now_ms(w->loop);
    struct span address = {bytes, address_bytes(s->conn.fd, bytes)};
    uint64_t by_account = guesses_delay_ms(g, GUESS_ACCOUNT, jid, now_ms);
    uint64_t by_address = guesses_delay_ms(g, GUESS_ADDRESS, address, now_ms);
    return by_account > by_address ? by_account : by_address;
}

void worker_refused(struct stream *s, struct span jid)
{
    struct worker *w = worker_of(s);
    char bytes[ADDRESS_BYTES];
    struct span address = {bytes, address_bytes(s->conn.fd, bytes)};
    guesses_wrong(&w->broker->guesses, GUESS_ACCOUNT, jid, loop_now_ms(w->loop));
    guesses_wrong(&w->broker->guesses, GUESS_ADDRESS, address, loop_now_ms(w->loop));
}

/* ---- credentials ---- */

static void credentials_handle(struct message *m, void *context)
{
    struct worker *w = context;
    struct lookup *l = container_of(m, struct lookup, message);
    w->lookups--;
    stream_auth_provide(l->auth, l->request.result == 0 ? &l->request.credentials : NULL,
                        l->request.result < 0);
    lookup_free(l);
}

void worker_credentials(struct stream *s, struct span jid, struct stream_auth *auth)
{
    struct lookup *l = lookup_new(s, jid, auth);
    if (!l) {
        stream_auth_provide(auth, NULL, true);
        return;
    }
    l->message.handle = credentials_handle;
    l->request.operation = STORE_CREDENTIALS;
    lookup_begin(l, delay_ms(s, jid));
}

/* ---- tokens ---- */

static bool token_is_shown(const void *exchange, struct span token)
{
    return sasl_token_is_shown(exchange, token);
}

static int token_make(char *text)
{
    uint8_t random[SASL_TOKEN_BYTES / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return -EIO;
    hex_write(random, sizeof random, text);
    explicit_bzero(random, sizeof random);
    return 0;
}

/* Is the password that the client has proved still the account's? It may have been changed since it was asked for, and took all tokens
 * with it: one that is made now must not outlive it. Salts are made at random with each password. */
static int password_check(struct store_db *db, struct span jid, const struct stream_tokens *t)
{
    struct sasl_credentials now;
    int outcome = store_account_get(db, jid, &now);
    if (outcome)
        return outcome;
    bool is_same = memcmp(now.sha256.salt, t->salts[0], SASL_SALT_BYTES) == 0 &&
                   memcmp(now.sha1.salt, t->salts[1], SASL_SALT_BYTES) == 0;
    explicit_bzero(&now, sizeof now);
    return is_same ? 0 : STORE_NOT_FOUND;
}

/* On the store thread. */
static int tokens_call(struct store_db *db, struct store_request *r)
{
    struct lookup *l = container_of(r, struct lookup, request);
    const struct stream_tokens *t = l->tokens;
    const char *wanted = t->wanted;
    uint64_t now_s = (uint64_t)time(NULL), expires_s = 0;
    l->token[0] = l->made[0] = 0;
    if (t->exchange) {
        const struct store_token_proof proof = {.client = span_of(t->client),
                                                .mechanism = span_of(t->shown),
                                                .is_shown = token_is_shown,
                                                .context = t->exchange,
                                                .count = t->count,
                                                .is_invalidated = t->is_invalidated,
                                                .now_s = now_s};
        int outcome = store_token_use(db, r->jid, &proof, l->token, &expires_s);
        if (outcome)
            return outcome;
        if (!wanted && !t->is_invalidated && expires_s - now_s < l->lifetime_s / TOKEN_ROTATION_PART)
            wanted = t->shown;
    }
    if (!t->exchange) {
        int outcome = password_check(db, r->jid, t);
        if (outcome)
            return outcome;
    }
    int error = wanted ? token_make(l->made) : 0;
    if (error || !wanted)
        return error;
    l->made_expires_s = now_s + l->lifetime_s;
    return store_token_put(db, r->jid, span_of(t->client), span_of(wanted), span_of(l->made),
                           l->made_expires_s, l->clients_max);
}

static void tokens_handle(struct message *m, void *context)
{
    struct worker *w = context;
    struct lookup *l = container_of(m, struct lookup, message);
    enum stream_tokens_outcome outcome = l->request.result < 0                      ? STREAM_TOKENS_FAILED
                                         : l->request.result == STORE_TOKEN_EXPIRED ? STREAM_TOKENS_EXPIRED
                                         : l->request.result                        ? STREAM_TOKENS_NONE
                                                                                    : STREAM_TOKENS_DONE;
    w->lookups--;
    if (outcome == STREAM_TOKENS_DONE) {
        memcpy(l->tokens->token, l->token, sizeof l->token);
        memcpy(l->tokens->made, l->made, sizeof l->made);
        l->tokens->made_expires_s = l->made_expires_s;
    }
    stream_auth_tokens(l->auth, outcome);
    lookup_free(l);
}

void worker_tokens(struct stream *s, struct span jid, struct stream_tokens *tokens, struct stream_auth *auth)
{
    struct lookup *l = lookup_new(s, jid, auth);
    if (!l) {
        stream_auth_tokens(auth, STREAM_TOKENS_FAILED);
        return;
    }
    const struct stream_settings *settings = s->worker->settings;
    l->message.handle = tokens_handle;
    l->request.operation = STORE_CALL;
    l->request.call = tokens_call;
    l->tokens = tokens;
    l->lifetime_s = settings->token_lifetime_s;
    l->clients_max = settings->token_clients_max;
    /* Only where one is shown: who wants a new one is already in. */
    lookup_begin(l, tokens->exchange ? delay_ms(s, jid) : 0);
}

/* ---- new accounts ---- */

struct newcomer {
    struct message message;
    struct store_request request;
    struct worker *worker;
    struct stream_registration *registration;
    struct buffer body;
};

static void newcomer_free(struct newcomer *n)
{
    arena_fini(&n->request.arena);
    if (n->body.ptr)
        explicit_bzero(n->body.ptr, n->body.len);
    buffer_fini(&n->body);
    free(n);
}

static void newcomer_handle(struct message *m, void *context)
{
    struct worker *w = context;
    struct newcomer *n = container_of(m, struct newcomer, message);
    w->lookups--;
    /* Name and keys are in order: what is refused is an account that exists. */
    stream_registered(n->registration, n->request.result < 0 ? STREAM_REGISTRATION_FAILED
                                       : n->request.result   ? STREAM_REGISTRATION_EXISTS
                                                             : STREAM_REGISTRATION_DONE);
    newcomer_free(n);
}

static void newcomer_done(struct store_request *r)
{
    struct newcomer *n = container_of(r, struct newcomer, request);
    loop_post(n->worker->loop, NULL, &n->message);
}

void worker_registration(struct stream *s, struct span jid, const struct sasl_credentials *credentials,
                         struct stream_registration *registration)
{
    struct newcomer *n = calloc(1, sizeof *n);
    if (!n) {
        stream_registered(registration, STREAM_REGISTRATION_FAILED);
        return;
    }
    arena_init(&n->request.arena);
    buffer_printf(&n->body, "%.*s\t", (int)jid.len, jid.ptr);
    store_command_keys_write(credentials, &n->body);
    if (!buffer_ok(&n->body)) {
        newcomer_free(n);
        stream_registered(registration, STREAM_REGISTRATION_FAILED);
        return;
    }
    n->worker = worker_of(s);
    n->registration = registration;
    n->message.handle = newcomer_handle;
    n->request.command = SPAN("user\tput");
    n->request.body = buffer_span(&n->body);
    n->request.done = newcomer_done;
    n->worker->lookups++;
    broker_command_submit(n->worker->broker, &n->request);
}
