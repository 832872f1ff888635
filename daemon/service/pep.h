/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that answer for what accounts publish. Within service/ only. */
#ifndef MUSTER_SERVICE_PEP_H
#define MUSTER_SERVICE_PEP_H

#include "base/buffer.h"
#include "route/service.h"
#include "store/avatar.h"
#include "xml/tree.h"

#define PUBSUB "http://jabber.org/protocol/pubsub"
#define PUBSUB_OWNER PUBSUB "#owner"
#define DATA_FORM "jabber:x:data"

/* Names of nodes and items: what a resource may have. */
#define PEP_NAME_BYTES_MAX 1023
/* One answer: what the default limit lets a client say, and twice the largest item. The rest is asked for by
 * the last item (XEP-0059). */
#define PEP_ANSWER_BYTES_MAX 262144
/* Items that one query may name. */
#define PEP_IDS_MAX 256

/* A query under way. Everything it points to is on work.request.arena. */
struct pep_work {
    struct service_work work;
    struct span node;
    struct pep_item item;
    struct pep_options options;
    struct pep_limits limits;
    struct pep_wanted wanted;
    enum pep_access rank;
    bool is_notified; /* whatever the node says */
    bool has_set;     /* asked with XEP-0059 */
    /* from the store */
    struct pep_config config;
    struct pep_items items;
    struct pep_node *nodes;
    uint32_t total;
    struct store_avatar avatar; /* is_told: it may have changed */
};
static inline struct pep_work *pep_work_of(struct store_request *r)
{
    return container_of(container_of(r, struct service_work, request), struct pep_work, work);
}
/* NULL: refused already. */
struct pep_work *pep_work_new(const struct service_query *q, void (*finish)(struct service_work *w));
/* The node that `element` names. False: refused, and the work is given up. */
bool pep_work_take_node(struct pep_work *p, const struct service_query *q, const struct xml_node *element);
/* What the store says, if it is not 0: answered. */
bool pep_work_is_refused(struct pep_work *p);
/* Whom the asker is to the account. */
enum pep_access pep_rank(const struct service_query *q);

/* ---- forms (pep_form.c) ---- */

enum { PEP_FORM_BAD = 1 }; /* a value that is none, or that is not offered here */
/* What the form (NULL: none) asks for. Fields that are not known here are passed over. */
int pep_form_read(const struct xml_node *form, const struct pep_limits *limits, struct pep_options *ret);
/* The form within `element`, or NULL. */
const struct xml_node *pep_form_in(const struct xml_node *element);
enum pep_form { PEP_FORM_CONFIG, PEP_FORM_META };
void pep_form_write(struct buffer *out, enum pep_form kind, const struct pep_config *config);

/* ---- what others are told (pep_event.c) ---- */

void pep_tell_item(const struct pep_work *p);
void pep_tell_retracted(const struct pep_work *p);
/* <purge/>, <delete/> or <configuration/> */
void pep_tell_node(const struct pep_work *p, const char *what);

/* ---- avatars (pep_avatar.c) ---- */

enum pep_change { PEP_PUBLISHED, PEP_CHANGED /* otherwise */ };
/* On the store thread, after a change of the node: if it is one of the avatar's, what that is now. 0 or
 * negative errno. */
int pep_avatar_follow(struct store_db *db, struct pep_work *p, enum pep_change what);
/* Back on the worker: presence says so. */
void pep_avatar_tell(const struct pep_work *p);

/* ---- the parts of service_pep ---- */
void pep_publish(const struct service_query *q, const struct xml_node *publish);
void pep_retract(const struct service_query *q, const struct xml_node *retract);
void pep_items(const struct service_query *q, const struct xml_node *items);
void pep_create(const struct service_query *q, const struct xml_node *create);
void pep_affiliations(const struct service_query *q, const struct xml_node *affiliations);

#endif
