/* SPDX-License-Identifier: Apache-2.0 */
/* The commands; each returns the exit status and has told what went wrong. */
#ifndef MUSTER_TOOLS_SMIME_COMMANDS_H
#define MUSTER_TOOLS_SMIME_COMMANDS_H

#include "options.h"

/* sign and encrypt: content or an object becomes a signed, encrypted, or signed and encrypted one. */
int command_make(const struct options *o);
int command_decrypt(const struct options *o);
int command_verify(const struct options *o);
int command_inspect(const struct options *o);
int command_certreq(const struct options *o);

#endif
