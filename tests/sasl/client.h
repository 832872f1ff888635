/* SPDX-License-Identifier: Apache-2.0 */
/* The client's part of SCRAM, computed apart from the code under test. */
#ifndef MUSTER_TESTS_SASL_CLIENT_H
#define MUSTER_TESTS_SASL_CLIENT_H

#include "base/buffer.h"
#include "base/span.h"

enum client_hash { CLIENT_SHA_256, CLIENT_SHA_1 };

/* What the server answered: cut from "r=...,s=...,i=...". */
struct client_challenge {
    struct span nonce, salt_text;
    unsigned iterations;
};
bool client_challenge_cut(struct span challenge, struct client_challenge *ret);

/* client-final-message for `password`: cbind_input is what goes into c= before base64, `extensions` "" or
 * ",x=...". Also the server-final-message that must come back. */
void client_final(enum client_hash hash, const char *password, struct span client_first_bare,
                  struct span challenge, struct span cbind_input, const char *extensions,
                  struct buffer *final, struct buffer *server_final);

#endif
