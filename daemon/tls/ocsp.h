/* SPDX-License-Identifier: Apache-2.0 */
/* Asking an authority's responder about a certificate (RFC 6960, over HTTP as in its appendix A). With
 * OpenSSL's types: inside this room only. Any thread that may wait for the network: never a worker, nor one
 * that others' handshakes wait for. */
#ifndef MUSTER_TLS_OCSP_H
#define MUSTER_TLS_OCSP_H

#include <stdatomic.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/buffer.h"
#include "tls/client.h"

struct ocsp;

/* `responder`: an http:// URL to ask instead of the one that certificates name; or NULL. 0, or negative errno
 * with one line in `ret_message`. */
int ocsp_open(const char *responder, struct ocsp **ret_ocsp, struct buffer *ret_message);
struct ocsp *ocsp_free(struct ocsp *o); /* takes NULL, returns NULL */
/* What is known without asking anybody, answers and that there were none; true: it is as ocsp_ask would answer. Else *ret_responder is whom it would
 * ask, the same number for the same one. */
bool ocsp_look(struct ocsp *o, X509 *certificate, X509 *issuer, enum tls_client_status *ret_status,
               uint64_t *ret_until_s, uint64_t *ret_responder);
/* What is known of `certificate`, signed by `issuer`; TLS_CLIENT_UNKNOWN when nobody answers. The answer
 * counts until *ret_until_s, since 1970: the same question is not sent before. `authorities` verify who
 * signed the answer. */
enum tls_client_status ocsp_ask(struct ocsp *o, X509 *certificate, X509 *issuer, X509_STORE *authorities,
                                uint64_t *ret_until_s);
/* Nothing is sent any more. */
void ocsp_stop(struct ocsp *o);

struct ocsp_counters {
    uint64_t asked, failed; /* questions sent; such as had no answer that counts */
};
struct ocsp_counters ocsp_counters_read(struct ocsp *o);

#endif
