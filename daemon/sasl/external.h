/* SPDX-License-Identifier: Apache-2.0 */
/* EXTERNAL (RFC 4422 appendix A) for accounts that a certificate names (XEP-0178). Inside this room only. */
#ifndef MUSTER_SASL_EXTERNAL_H
#define MUSTER_SASL_EXTERNAL_H

#include "sasl/sasl.h"

/* Whom is the client in as? `locals`: of the certificate's accounts at `domain`, each followed by a NUL. `message`: the authorisation
 * identity, empty for the only one there is. SASL_ERROR_NONE, with a local part in `storage`, or SASL_INVALID_AUTHZID. */
enum sasl_error external_choose(struct span locals, struct span domain, struct span message, char *storage,
                                struct span *ret_local);

#endif
