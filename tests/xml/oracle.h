/* SPDX-License-Identifier: Apache-2.0 */
/* What expat says of a stream, in the scanner's terms: the second opinion of test_differential.c. Apart from
 * the scanner's headers, whose names meet expat's. */
#ifndef MUSTER_TESTS_XML_ORACLE_H
#define MUSTER_TESTS_XML_ORACLE_H

#include <stdint.h>

#include "base/span.h"

#define ORACLE_ENDS_MAX 256
#define ORACLE_PREFIXES_MAX 8

struct oracle {
    void *parser;
    struct span in;
    bool is_refused;
    bool is_invalid_token; /* that is why */
    bool is_waiting;       /* not refused, but within a token at the end; see oracle_ask_end */
    uint32_t depth;
    uint32_t ends_count;
    size_t ends[ORACLE_ENDS_MAX]; /* of stanzas */
    bool is_closed;
    size_t closed_at;
    size_t restricted_at;        /* the first comment, instruction or DTD; SIZE_MAX: none */
    size_t strange_namespace_at; /* the first that has a character no URI has; SIZE_MAX: none */
    size_t stray_text_at;        /* the first text between stanzas; SIZE_MAX: none */
    bool is_declaration_refused; /* by XMPP: version not 1.x, encoding not UTF-8 */
    uint32_t prefixes_count;
    char prefixes[ORACLE_PREFIXES_MAX][16]; /* declared on the root, each with its colon */
};

/* NULL without memory. */
void *oracle_parser_new(void);
void oracle_parser_free(void *parser);

struct oracle oracle_ask(void *parser, struct span in);
/* Set is_waiting: costs a second reading. */
void oracle_ask_end(struct oracle *o);

#endif
