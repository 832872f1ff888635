/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, keys and revocation lists for tests: authorities and people, right ones and every kind of wrong one. What cannot
 * be made is a defect of the test: a line on stderr, and abort. */
#ifndef MUSTER_TESTS_SMIME_CA_H
#define MUSTER_TESTS_SMIME_CA_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/span.h"

/* What times are when a recipe names none: 2020 to 2049, so that a test may take any "now" it likes, the clock's included. */
#define CA_STARTS_S INT64_C(1577836800)
#define CA_ENDS_S INT64_C(2493072000)

struct ca_made {
    X509 *certificate;
    EVP_PKEY *key;
    struct span pem;     /* the certificate, and its key; both end in NUL behind their length */
    struct span key_pem; /* empty where there is no private key */
};

struct ca_recipe {
    /* "P-256" (also NULL), "P-384", "RSA-2048" or another size, "ED25519"; "BARE-RSA-16384": only a public key with a modulus that nobody
     * knows the factors of, made at once; "FIXED-P-256-7", "FIXED-ED25519-7": the same one each time, one for each number to 255. */
    const char *key;
    const struct ca_made *same_key; /* take this one's key instead */
    const char *common_name;        /* NULL: "test" */
    bool has_empty_subject;         /* as a certificate that has its names in subjectAltName only */
    /* subjectAltName, separated by spaces: "im:a@b", "pres:a@b", "xmpp:a@b" and any other URI as it stands; "xmppaddr=a@b" (otherName,
     * UTF8String), "xmppaddr-ia5=a@b" (the wrong type), "email=a@b", "dns=b". "\0" two characters, is a NUL; "\s" a space. NULL: no extension. */
    const char *names;
    /* Separated by spaces: "imUri", "any", or as OpenSSL names them ("clientAuth", "emailProtection"), or dotted. NULL: none. */
    const char *eku;
    bool eku_is_critical;
    const char *key_usage;    /* as OpenSSL's configuration has it: "critical,digitalSignature"; NULL: none */
    bool is_ca;               /* basicConstraints, critical */
    int path_length;          /* of an authority: 0 is none given, 1 means 0, 2 means 1, ... */
    int64_t starts_s, ends_s; /* since 1970; 0: as above */
    uint64_t serial;          /* 0: the next one */
    const char
        *hash; /* of the issuer's signature; NULL: "SHA256"; not looked at when the issuer's key is Ed25519 */
    const char *ocsp_url; /* authorityInfoAccess; NULL: none */
};

/* `issuer` NULL: signed by itself. Never NULL. */
struct ca_made *ca_issue(const struct ca_recipe *recipe, const struct ca_made *issuer);
struct ca_made *ca_free(struct ca_made *made); /* takes NULL, returns NULL */

/* A list (PEM, to be freed with free()) of `count` serial numbers that `issuer` takes back; the times since 1970. */
char *ca_crl(const struct ca_made *issuer, const uint64_t *serials, uint32_t count, int64_t this_update_s,
             int64_t next_update_s);
/* The serial number it got. */
uint64_t ca_serial(const struct ca_made *made);

/* An authority of P-256 with keyUsage of one. */
struct ca_made *ca_authority(const char *common_name);
/* Somebody it vouches for: every name form of `jid`, digitalSignature, id-kp-imUri. */
struct ca_made *ca_person(const struct ca_made *issuer, const char *key, const char *jid);

#endif
