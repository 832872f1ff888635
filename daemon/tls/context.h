/* SPDX-License-Identifier: Apache-2.0 */
/* What all connections of a listener share: certificate, key, protocol versions, ticket keys. Immutable once
 * made and counted, so that a reload swaps the pointer while old connections keep theirs. */
#ifndef MUSTER_TLS_CONTEXT_H
#define MUSTER_TLS_CONTEXT_H

#include <stdbool.h>
#include <time.h>

#include "base/buffer.h"
#include "base/span.h"

struct tls_context;

/* Whom its connections are with, and which end of them we are. */
enum tls_role {
    TLS_CLIENTS,          /* clients, who connect */
    TLS_SERVERS_INCOMING, /* other servers, who connect */
    TLS_SERVERS_OUTGOING, /* other servers, to whom we connect: TLS's client is us */
};

/* What it takes that a client's certificate counts as not revoked. */
enum tls_revocation {
    TLS_REVOCATION_OFF,  /* nobody is asked */
    TLS_REVOCATION_SOFT, /* nobody says that it is */
    TLS_REVOCATION_HARD, /* who should know says that it is not */
};

struct tls_settings {
    const char *certificate_path;    /* PEM chain, leaf first */
    const char *key_path;            /* PEM */
    const char *certificates_folder; /* NULL: none; else DOMAIN.pem and DOMAIN.key for any of: */
    const struct span *domains;
    uint32_t domain_count;
    bool allow_tls12; /* AEAD suites only; off by default */
    enum tls_role role;
    const char *server_authorities_path; /* PEM, for the roles with other servers; NULL: the system's */
    const char *client_authorities_path; /* PEM; NULL: clients are asked for no certificate */
    bool client_bad_refused; /* one that is not good ends the handshake; unless nobody known has signed it */
    const char *client_lists_path; /* revocation lists, a file or a folder; NULL: none */
    enum tls_revocation client_list_mode;
    enum tls_revocation client_ocsp_mode;
    const char *client_ocsp_responder; /* http://...; NULL: the one that a certificate names */
};

/* 0, or -errno / -EINVAL with one line in `ret_message` that says which file and what is wrong (key does not
 * match, expired, unreadable ...). Thread safe to use afterwards. */
int tls_context_new(const struct tls_settings *settings, struct tls_context **ret_context,
                    struct buffer *ret_message);
/* The same in place of `old`, from files that may be other ones by now: session tickets go on resuming (but where clients are asked for
 * certificates, for whom it lets in may be others now). How revocation is looked at stays as it was. `old` is the caller's. */
int tls_context_renew(const struct tls_context *old, const struct tls_settings *settings,
                      struct tls_context **ret_context, struct buffer *ret_message);
struct tls_context *tls_context_ref(struct tls_context *c);
struct tls_context *tls_context_unref(struct tls_context *c); /* takes NULL, returns NULL */

/* When our certificates begin and end to be good, the narrowest of them all. false: the library does not tell. */
bool tls_context_dates(const struct tls_context *c, time_t *ret_begin, time_t *ret_end);

/* The library's name and version, as it says it itself; whether our key schedule is the one that it uses. */
const char *tls_library_version(void);
bool tls_library_takes_schedule(void);

/* Is there anything that tls_client_check does? And is the network part of it? */
bool tls_context_checks_clients(const struct tls_context *c);
bool tls_context_asks(const struct tls_context *c);
/* From now on nobody is asked over the network: the daemon stops. */
void tls_context_stop_asking(struct tls_context *c);
struct tls_client_counters tls_context_client_counters(struct tls_context *c); /* tls/client.h */

#endif
