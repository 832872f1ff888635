/* SPDX-License-Identifier: Apache-2.0 */
/* The tables and how they came to be: one SQL step for each schema version. Private to the room (and its
 * tests). */
#ifndef MUSTER_STORE_SCHEMA_H
#define MUSTER_STORE_SCHEMA_H

/* Step i brings PRAGMA user_version from i to i + 1. Steps that were released never change: new ones are
 * appended. */
extern const char *const store_schema_steps[];
extern const int store_schema_version;

#endif
