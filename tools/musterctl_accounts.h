/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and passwords to what the daemon stores: it never sees a password. */
#ifndef MUSTER_TOOLS_MUSTERCTL_ACCOUNTS_H
#define MUSTER_TOOLS_MUSTERCTL_ACCOUNTS_H

#include "base/buffer.h"
#include "base/span.h"
#include "config/config.h"

/* Check and prepare an account's address; `out` gets the bare JID. False: `why` says what is wrong. */
bool account_prepare(const struct config *config, struct span jid, struct buffer *out, struct buffer *why);

/* `lines`: jid TAB password. `body` gets what `user put` takes, line by line (an empty line stays one, so
 * that line numbers agree). The keys are made by one thread for each processor. 0, or -1: `why` says what is
 * wrong in which line. */
int accounts_encode(const struct config *config, struct span lines, struct buffer *body, struct buffer *why);

#endif
