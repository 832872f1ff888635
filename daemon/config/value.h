/* SPDX-License-Identifier: Apache-2.0 */
/* One value: text to the field that a row describes. Private to the room. */
#ifndef MUSTER_CONFIG_VALUE_H
#define MUSTER_CONFIG_VALUE_H

#include "config/schema.h"

/* Set the row's field in `base` (struct config, or the struct of what a list holds). False: `why` says what
 * is wrong and what is allowed. Not for what is a list. */
bool config_value_set(const struct config_row *row, void *base, struct span text, struct buffer *why);
/* Every field of `base` that has a default: of the rows under `prefix`, or when it is empty, those of struct
 * config. */
void config_defaults_set(void *base, const char *prefix);
/* Add one to a list. False: `why` says what is wrong. */
bool config_list_add(struct config *c, const struct config_row *row, struct span text, struct buffer *why);
/* Make the list empty. */
void config_list_free(struct config *c, const struct config_row *row);
/* A new listener with the defaults, borrowed until the next; NULL without memory. */
struct config_listener *config_listener_add(struct config *c);

/* Append what is allowed: "a whole number from 1 to 256, or auto". */
void config_value_describe(const struct config_row *row, struct buffer *out);
/* Append 'text', cut to a sensible length, with control characters as '?'. */
void config_value_quote(struct buffer *out, struct span text);
/* What a group may be called. */
bool config_is_group_name(struct span text);
bool config_address_is_loopback(const char *address);

#endif
