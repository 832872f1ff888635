/* SPDX-License-Identifier: Apache-2.0 */
/* What the words behind muster-smime say: a command and its options, each of them from one table. */
#ifndef MUSTER_TOOLS_SMIME_OPTIONS_H
#define MUSTER_TOOLS_SMIME_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* EXIT_REFUSED: what was asked for cannot be done, or what was to be verified does not hold. EXIT_USAGE: the words are wrong, or a file
 * that they name cannot be used: nothing was done, and nothing judged. */
enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE };

enum command_id {
    COMMAND_SIGN,
    COMMAND_VERIFY,
    COMMAND_ENCRYPT,
    COMMAND_DECRYPT,
    COMMAND_INSPECT,
    COMMAND_CERTREQ,
    COMMAND_COUNT
};

enum option_id {
    OPTION_AS,
    OPTION_FROM,
    OPTION_TO,
    OPTION_KEY,
    OPTION_CERT,
    OPTION_CHAIN,
    OPTION_RECIP,
    OPTION_SIGN,
    OPTION_OPAQUE,
    OPTION_NO_CERTS,
    OPTION_PSS,
    OPTION_BASIC,
    OPTION_BARE,
    OPTION_IN,
    OPTION_BODY,
    OPTION_OBJECT,
    OPTION_CA,
    OPTION_INTERMEDIATES,
    OPTION_CRL,
    OPTION_MODE,
    OPTION_STATE,
    OPTION_JID,
    OPTION_LEGACY_ALGORITHMS,
    OPTION_NOW,
    OPTION_COUNT
};

/* More files of one kind belong into one file, or a folder. */
#define OPTION_VALUES_MAX 16

struct option_values {
    const char *values[OPTION_VALUES_MAX];
    uint32_t count;
};

struct options {
    enum command_id command;
    struct option_values given[OPTION_COUNT];
};

/* -1: `ret_options` is read; else the exit status: help or a mistake was told. */
int options_read(int argc, char **argv, struct options *ret_options);

static inline bool option_is_given(const struct options *o, enum option_id id)
{
    return o->given[id].count > 0;
}
/* NULL: not given. */
static inline const char *option_value(const struct options *o, enum option_id id)
{
    return option_is_given(o, id) ? o->given[id].values[0] : NULL;
}

/* A line on standard error: "muster-smime: about: what". Returns the status given. */
int fail(int status, const char *about, struct span what);
int fail_errno(int status, const char *about, int error);
/* The same with a pointer to --help: EXIT_USAGE. */
int fail_usage(const char *what, const char *word);

#endif
