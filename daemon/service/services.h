/* SPDX-License-Identifier: Apache-2.0 */
/* The services that answer queries, one file each or a file for those that are a line or two. */
#ifndef MUSTER_SERVICE_SERVICES_H
#define MUSTER_SERVICE_SERVICES_H

#include "route/service.h"

struct service_list {
    char *const *texts;
    uint32_t count;
};

#define SERVICE_CONTACTS 7

struct service_settings {
    uint64_t started_ms;
    struct service_list admins; /* bare JIDs */
    /* What they order, on a job thread: a command as musterctl sends it. False: refused, `reply` says why. */
    struct jobs *jobs;
    bool (*run)(void *context, struct span command, struct span body, struct buffer *reply);
    void *run_context;
    uint32_t sasl_iterations;    /* of the passwords they set */
    uint32_t password_chars_min; /* of those that accounts set themselves */
    bool tells_version, tells_os;
    struct service_list
        contacts[SERVICE_CONTACTS]; /* of abuse, admin, feedback, sales, security, status, support */
    uint32_t private_item_bytes_max,
        private_bytes_max; /* of an account's private elements; of all together */
    uint32_t vcard_bytes_max;
    bool allow_password_change, allow_registration, allow_removal; /* XEP-0077 */
    bool has_archive;
};

/* For router_settings.services. */
extern const struct service services[];

/* ---- for the table, within the room ---- */
void service_ping(const struct service_query *q);      /* XEP-0199 */
void service_session(const struct service_query *q);   /* RFC 3921 s. 3, a no-op since */
void service_blocklist(const struct service_query *q); /* XEP-0191 */
void service_block(const struct service_query *q);
void service_unblock(const struct service_query *q);
void service_invisible(const struct service_query *q); /* XEP-0186 */
void service_visible(const struct service_query *q);
void service_version(const struct service_query *q); /* XEP-0092 */
void service_time(const struct service_query *q);    /* XEP-0202 */
void service_uptime(const struct service_query *q);  /* XEP-0012 */
void service_last(const struct service_query *q);
void service_disco_info(const struct service_query *q); /* XEP-0030 */
/* Append those of the features that are on. */
void service_features_write(const struct service_query *q, struct buffer *out, const char *const *features,
                            size_t count);
void service_disco_items(const struct service_query *q);
void service_command(const struct service_query *q); /* XEP-0050 */
bool service_is_admin(const struct service_query *q);
/* Discovery of nodes: false: there is none of that name for who asks. Append the query's content. */
bool service_command_info(const struct service_query *q, struct span node, struct buffer *out);
bool service_command_items(const struct service_query *q, struct span node, struct buffer *out);
void service_private_get(const struct service_query *q); /* XEP-0049 */
void service_private_set(const struct service_query *q);
void service_forbidden(const struct service_query *q);
void service_vcard_get(const struct service_query *q); /* XEP-0054 */
void service_vcard_set(const struct service_query *q);
void service_register_get(const struct service_query *q); /* XEP-0077 */
void service_register_set(const struct service_query *q);
bool service_register_is_on(const struct service_settings *s);
void service_account_info(const struct service_query *q); /* XEP-0030 of an account */
void service_account_items(const struct service_query *q);
void service_pep(const struct service_query *q); /* XEP-0163 */
void service_pep_owner(const struct service_query *q);
void service_carbons_enable(const struct service_query *q); /* XEP-0280 */
void service_carbons_disable(const struct service_query *q);
void service_marks_enable(const struct service_query *q); /* docs/smime.md */
void service_marks_disable(const struct service_query *q);
void service_archive_query(const struct service_query *q); /* XEP-0313 */
void service_archive_form(const struct service_query *q);
void service_archive_metadata(const struct service_query *q);
void service_archive_preferences_get(const struct service_query *q); /* XEP-0441 */
void service_archive_preferences_set(const struct service_query *q);

#endif
