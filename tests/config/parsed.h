/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration read from a text, for a test. */
#ifndef MUSTER_TESTS_CONFIG_PARSED_H
#define MUSTER_TESTS_CONFIG_PARSED_H

#include "config/config.h"

/* What no configuration can do without. */
#define MINIMAL                                                                                              \
    "domains: [localhost]\n"                                                                                 \
    "state: run\n"                                                                                           \
    "tls: {certificate: run/cert.pem, key: run/key.pem}\n"

/* The test fails unless the result is `expected`. NULL where that is an error; else to be freed. */
struct config *parse(const char *text, char **environment, struct buffer *message, int expected);

#endif
