/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file (YAML) and its environment overrides, checked against one table. What the rooms need
 * is handed to them as their own settings; nobody below the broker includes this. */
#ifndef MUSTER_CONFIG_CONFIG_H
#define MUSTER_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"

enum config_listen_tls { CONFIG_TLS_STARTTLS, CONFIG_TLS_DIRECT, CONFIG_TLS_NONE };
enum config_listen_records { CONFIG_RECORDS_AUTO, CONFIG_RECORDS_USER, CONFIG_RECORDS_KERNEL };
enum config_offload { CONFIG_OFFLOAD_AUTO, CONFIG_OFFLOAD_OFF, CONFIG_OFFLOAD_ON };
enum config_archive { CONFIG_ARCHIVE_ALWAYS, CONFIG_ARCHIVE_NEVER, CONFIG_ARCHIVE_ROSTER };
enum config_revocation { CONFIG_REVOCATION_OFF, CONFIG_REVOCATION_SOFT, CONFIG_REVOCATION_HARD };
enum config_certificates { CONFIG_CERTIFICATES_REQUIRED, CONFIG_CERTIFICATES_OPTIONAL };
enum config_smime_mode {
    CONFIG_SMIME_OFF,
    CONFIG_SMIME_OBSERVE,
    CONFIG_SMIME_ANNOTATE,
    CONFIG_SMIME_ENFORCE,
};
enum config_smime_purpose { CONFIG_PURPOSE_REQUIRE, CONFIG_PURPOSE_STRICT, CONFIG_PURPOSE_LEGACY };
enum config_resource_conflict { CONFIG_CONFLICT_REPLACE, CONFIG_CONFLICT_REFUSE, CONFIG_CONFLICT_RENAME };

/* What becomes of an option that was changed, when the running daemon reads the file again. */
enum config_reload {
    CONFIG_NEEDS_RESTART,
    CONFIG_RELOADS, /* it takes effect at once */
    CONFIG_RELOADS_BEFORE_SMIME, /* it does while nothing signed has been looked at since the start; later it needs a restart */
};

struct config_listener {
    char *address; /* numeric IPv4 or IPv6 */
    uint16_t port;
    enum config_listen_tls tls;
    enum config_listen_records records;
    bool allow_plaintext; /* tls none beyond loopback is refused without it */
};

enum config_visibility { CONFIG_VISIBLE_TO_MEMBERS, CONFIG_VISIBLE_TO_NOBODY, CONFIG_VISIBLE_TO_VIEWERS };

struct config_names {
    char **at;
    uint32_t count;
};

struct config_group {
    char *name, *title;
    enum config_visibility visibility;
    struct config_names viewers; /* names of groups of the file */
    struct config_names members; /* bare JIDs, prepared, of our domains */
};

struct config_list {
    char **texts;
    uint32_t count;
};

/* Of whom one may ask what (XEP-0157). */
#define CONFIG_CONTACTS 7

struct config {
    char **domains; /* prepared; at least one */
    uint32_t domain_count;
    char *state; /* folder */
    struct {
        char *certificate, *key;
        char *certificates;          /* a folder; NULL: none */
        char *client_ca;             /* NULL: clients are not asked for certificates */
        bool client_bad_refused;     /* false: a certificate that is not good counts as none */
        char *client_crls;           /* a file or a folder; NULL: none */
        char *client_ocsp_responder; /* NULL: the one that a certificate names */
        enum config_revocation client_crl_check, client_ocsp; /* hard, off */
        bool allow_tls12;
    } tls; /* both paths are required when any listener uses TLS */
    struct config_listener *listeners;
    uint32_t listener_count;
    struct config_group *groups;
    uint32_t group_count;
    struct {
        char *socket; /* default: admin.sock in `state` */
        char *http;   /* "address:port"; NULL: none */
    } admin;
    uint32_t workers; /* 0: one per core, at least two */
    uint32_t jobs;    /* job threads for TLS handshakes and passwords; 0: one per core */
    struct {
        enum config_offload io, tls, bpf;
    } offload;
    struct {
        bool allow_plain;           /* default false */
        uint32_t iterations;        /* for new accounts */
        bool allow_password_change; /* true */
        uint32_t password_length;   /* of those that clients set: 8 characters at least */
        uint32_t token_lifetime_s;  /* 21 days; 0: no tokens */
    } sasl;
    struct {
        bool allow;         /* false */
        bool allow_removal; /* false */
        uint32_t per_hour;  /* of one address: 5; 0: no limit */
    } registration;
    enum config_resource_conflict resource_conflict;
    struct {
        bool csi;                /* true */
        uint32_t conflate_bytes; /* 1 MiB; 0: off */
        uint32_t rate, burst;    /* changes of one session: 1000 a second, 10000 at once; rate 0: no limit */
        uint32_t flap_grace_ms;  /* 0: off */
    } presence;
    struct {
        bool enabled;              /* true */
        enum config_archive whose; /* of accounts that have not said */
        uint32_t messages, days;   /* per account: 100000, 365; 0 days: for good */
    } archive;
    struct {
        uint32_t stanza_bytes;                 /* 262144; RFC 6120 s. 13.12: at least 10000 */
        uint32_t unauthenticated_stanza_bytes; /* 10000 */
        uint32_t queue_bytes;                  /* per session, waiting to be sent: 4 MiB */
        uint32_t roster_items;                 /* per account: 100000 */
        uint32_t resources;                    /* per account: 32 */
        uint32_t login_timeout_ms;             /* 30000 */
        uint32_t connections_per_address;      /* 0: no limit; not loopback */
        uint32_t connection_rate,
            connection_burst; /* of one address: 200 a second, 2000 at once; rate 0: no limit */
        uint32_t login_attempts, bind_attempts;   /* on one stream: 3, 6 */
        uint32_t wrong_passwords, login_delay_ms; /* 10 are free; then up to 5000; 0: no delay */
        uint32_t stanza_rate, byte_rate;          /* of one stream: 2000 a second, 8 MiB; 0: no limit */
        uint32_t rate_burst_s;                    /* 10 */
        uint32_t stranger_rate,
            stranger_burst;             /* of one session: 120 a minute, 1000 at once; rate 0: no limit */
        uint32_t directed_presences;    /* per session: 1000 */
        uint32_t blocked_jids;          /* per account: 1000 */
        uint32_t subscription_requests; /* stored per account: 1000 */
        uint32_t offline_messages;      /* kept per account: 1000 */
        uint32_t offline_bytes;         /* the same: 2 MiB */
        uint32_t token_clients;         /* per account: 32 */
        uint32_t capabilities;          /* per worker: 10000 */
        uint32_t held_presences;        /* per session: 10000 */
        uint32_t private_item_bytes, private_bytes; /* 65536; per account: 1 MiB */
        uint32_t vcard_bytes;                       /* 131072 */
        uint32_t resume_timeout_ms;                 /* 300000; 0: no session may be resumed */
        uint32_t detached_sessions;                 /* per account: 4 */
        uint32_t unacked_stanzas;                   /* per session with stream management: 100000 */
        uint32_t unacked_bytes;                     /* of these: 16 MiB */
    } limits;
    struct {
        uint32_t nodes, items;              /* per account: 100; per node: 1000 */
        uint32_t item_bytes, account_bytes; /* 128 KiB; 2 MiB */
    } pep;
    struct {
        bool enabled, dialback, bidirectional; /* false; true; true */
        enum config_certificates certificates;
        char *address;            /* of the listeners: numeric */
        uint16_t port;            /* 5269 */
        uint32_t direct_port;     /* 0: none */
        char *ca;                 /* NULL: the system's */
        struct config_list hosts; /* "domain=address:port" */
        uint32_t streams;         /* of each worker: 1000 */
        uint32_t queue_stanzas;   /* for one domain, waiting for a stream: 1000 */
        uint32_t queue_bytes;     /* the same: 1 MiB */
        uint32_t connect_timeout_ms, login_timeout_ms, idle_timeout_ms;
        uint32_t retry_first_ms, retry_max_ms;
        uint32_t stanza_rate, byte_rate; /* of one stream: 10000 a second, 32 MiB; 0: no limit */
    } federation;
    struct {
        enum config_smime_mode mode;
        struct config_list domains, peers; /* "name=mode" */
        struct config_list must_sign;      /* bare JIDs and domains */
        char *anchors;                     /* PEM; NULL: none, and all is off */
        char *intermediates, *crls;        /* NULL: none */
        enum config_smime_purpose purpose;
        bool legacy_algorithms; /* false */
        enum config_revocation ocsp;
        char *ocsp_responder; /* NULL: the one that a certificate names */
        uint32_t queue, timeout_ms, cache, replay;
    } smime;
    struct config_list admins; /* accounts that may do by ad-hoc commands what musterctl does */
    struct {
        bool version, version_os; /* true; false */
        bool last_activity;       /* true */
    } services;
    struct config_list
        contacts[CONFIG_CONTACTS]; /* abuse, admin, feedback, sales, security, status, support */
    enum { CONFIG_LOG_ERROR, CONFIG_LOG_WARN, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG } log_level;
};

/* Is anything signed to be looked at, by any rule? */
bool config_smime_is_on(const struct config *c);
/* The two halves of an entry "name=mode" as it is kept. */
enum config_smime_mode config_smime_mode_read(const char *entry, struct span *ret_name);

/* Read, override from MUSTER_* in `environment` (as in environ; MUSTER_LIMITS_STANZA_BYTES=...), check. 0, or
 * -EINVAL / -errno with lines "FILE:LINE:COLUMN: path: what is wrong and what is allowed" in `ret_message`.
 * On success `ret_message` may hold warnings (an unknown MUSTER_ variable), a line each. */
int config_load(const char *path, char **environment, struct config **ret_config, struct buffer *ret_message);
/* The same from memory; `name` stands for the file in messages. `environment` may be NULL. */
int config_parse(const char *name, struct span text, char **environment, struct config **ret_config,
                 struct buffer *ret_message);
struct config *config_free(struct config *c); /* takes NULL, returns NULL */

/* Call `differs` for each option that `b` has otherwise than `a`; a list, and all that is in it, is one. */
void config_compare(const struct config *a, const struct config *b,
                    void (*differs)(void *context, const char *path, enum config_reload reload),
                    void *context);

/* The manual's reference, generated from the table (Markdown). */
void config_reference_write(struct buffer *out);

#endif
