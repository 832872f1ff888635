/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as certificates and signed texts write them (im:, pres:, xmpp:), and whose JID they are. */
#ifndef MUSTER_SMIME_ADDRESS_H
#define MUSTER_SMIME_ADDRESS_H

#include "base/span.h"
#include "jid/jid.h"

enum { ADDRESS_BAD = 1 };

/* RFC 3859, 3860, 5122: scheme off, query and fragment off, percent-decoded once. The bare JID, in comparable form, borrowed from `storage`. 0 or ADDRESS_BAD:
 * another scheme; octets beyond ASCII as they stand; a control character; a second '@'; xmpp://, whose authority names another account than its path. */
int address_uri_read(struct span uri, char storage[static JID_BYTES_MAX], struct jid *ret_bare);
/* The same of a JID as it stands (id-on-xmppAddr). */
int address_jid_read(struct span text, char storage[static JID_BYTES_MAX], struct jid *ret_bare);

#endif
