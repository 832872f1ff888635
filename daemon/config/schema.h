/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of everything that can be configured: reading, checking, the environment and the manual's
 * reference all go by it. Private to the room (and its tests). */
#ifndef MUSTER_CONFIG_SCHEMA_H
#define MUSTER_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

enum config_type {
    CONFIG_TEXT,        /* char * */
    CONFIG_ADDRESS,     /* char *: numeric IPv4 or IPv6 */
    CONFIG_ENDPOINT,    /* char *: address:port */
    CONFIG_BOOL,        /* bool */
    CONFIG_NUMBER,      /* uint32_t from min to max */
    CONFIG_NUMBER_AUTO, /* the same, or "auto", which is 0 */
    CONFIG_PORT,        /* uint16_t */
    CONFIG_CHOICE,      /* an enum: the position among `names` */
    CONFIG_DOMAINS,     /* config.domains */
    CONFIG_JIDS,        /* struct config_list, of bare JIDs in prepared form */
    CONFIG_URIS,        /* struct config_list */
    CONFIG_HOSTS,       /* struct config_list, of "domain=address:port", the domain in prepared form */
    CONFIG_NAMES,       /* struct config_list, of domains and bare JIDs, prepared */
    CONFIG_MODES,       /* struct config_list, of "name=mode", with such a name and one of `names` */
    CONFIG_LISTENERS,   /* config.listeners; the keys of one are the rows under "listen[]." */
    CONFIG_GROUPS,      /* config.groups; the keys of one are the rows under "groups[]." */
    CONFIG_GROUP_NAME,  /* char * */
    CONFIG_TITLE,       /* char * */
    CONFIG_VISIBILITY,  /* enum config_visibility: the position among `names`; or a list, to
                           config_group.viewers */
    CONFIG_MEMBERS,     /* config_group.members */
};

struct config_row {
    const char *path; /* sections and key, joined by '.' */
    enum config_type type;
    size_t offset;            /* in struct config; of a key in a list, in the struct of what the list holds */
    const char *default_text; /* as one would write it; NULL: none */
    bool is_required;
    enum config_reload reload; /* of a key in a list: as its list */
    uint32_t min, max;
    const char *const *names; /* CONFIG_CHOICE, CONFIG_VISIBILITY, CONFIG_MODES; NULL at the end */
    const char *without;      /* what happens without it, for rows that have no default text */
    const char *reason;       /* for the manual: what it is for, and why this default */
};

static inline bool config_row_is_list(const struct config_row *row)
{
    return row->type == CONFIG_DOMAINS || row->type == CONFIG_JIDS || row->type == CONFIG_URIS ||
           row->type == CONFIG_HOSTS || row->type == CONFIG_NAMES || row->type == CONFIG_MODES;
}

extern const char *const config_smime_modes[];
#define CONFIG_ROWS_MAX 160
extern const struct config_row config_rows[];
extern const unsigned config_row_count;

/* The keys of what lists hold: set in a struct config_listener, config_group. */
#define CONFIG_LISTENER_PREFIX "listen[]."
#define CONFIG_GROUP_PREFIX "groups[]."
/* Is it one of these? */
bool config_row_is_in_list(const struct config_row *row);
/* Has it a variable in the environment? Lists of listeners and groups have none. */
bool config_row_has_variable(const struct config_row *row);

/* The row of `path`, or NULL. */
const struct config_row *config_row_find(struct span path);
/* Is there any row under `path` + "."? */
bool config_is_section(struct span path);
/* The full path (or the section) that was most likely meant by the unknown `path`; empty when nothing is
 * near. */
struct span config_nearest(struct span path);
/* Append "MUSTER_LIMITS_STANZA_BYTES". */
void config_environment_name(const struct config_row *row, struct buffer *out);

#endif
