/* SPDX-License-Identifier: Apache-2.0 */
/* make_ca FOLDER [OCSP-URL]: every certificate that the tests of other programs need, one table; make_ca --help lists them. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ca.h"

#define JULIET                                                                                               \
    "xmppaddr=juliet@example.com im:juliet@example.com pres:juliet@example.com xmpp:juliet@example.com"
#define ROMEO "xmppaddr=romeo@example.net im:romeo@example.net pres:romeo@example.net xmpp:romeo@example.net"
#define SIGNING "critical,digitalSignature"
#define AUTHORITY "critical,keyCertSign,cRLSign"
/* 2021 and 2048: the whole life of one lies before what the clock says, the other's behind it. */
#define PAST_S INT64_C(1609459200)
#define FUTURE_S INT64_C(2461449600)
/* Two certificates with one number: what one signed can be shown with the other. */
#define TWIN_SERIAL 4711
#define REVOKED_SERIAL 4712
/* Each shorter than a usual name, and all together larger than any object may be. */
#define NAMES_MANY 10000

static char names_many[NAMES_MANY * 16];
static const char *ocsp_url;

/* Of juliet@example.com, signed by root, with P-256, id-kp-imUri and digitalSignature, where the row says nothing else. */
static const struct row {
    const char *name, *what;
    struct ca_recipe recipe;
    const char *issuer;   /* NULL: root; "": itself */
    const char *same_key; /* of a row above */
    bool has_no_names, has_no_eku, has_no_usage, is_at_responder;
} rows[] = {
    {"root",
     "the authority that is trusted",
     {.is_ca = true, .common_name = "Root", .key_usage = AUTHORITY},
     "",
     NULL,
     true,
     true},
    {"other-root",
     "one that is not",
     {.is_ca = true, .common_name = "Other root", .key_usage = AUTHORITY},
     "",
     NULL,
     true,
     true},
    {"root-plain",
     "one without keyUsage, as openssl req makes them",
     {.is_ca = true, .common_name = "Plain root"},
     "",
     NULL,
     true,
     true,
     true},
    {"intermediate",
     "an authority below root",
     {.is_ca = true, .common_name = "Intermediate", .key_usage = AUTHORITY},
     NULL,
     NULL,
     true,
     true},
    {"intermediate-im",
     "one below root for id-kp-imUri only",
     {.is_ca = true, .common_name = "Intermediate IM", .eku = "imUri", .key_usage = AUTHORITY},
     NULL,
     NULL,
     true},
    {"intermediate-tls",
     "one below root for TLS only",
     {.is_ca = true,
      .common_name = "Intermediate TLS",
      .eku = "serverAuth clientAuth",
      .key_usage = AUTHORITY},
     NULL,
     NULL,
     true},
    {"juliet", "juliet@example.com, P-256", {0}},
    {"juliet-rsa", "RSA-2048", {.key = "RSA-2048"}},
    {"juliet-ed25519", "Ed25519", {.key = "ED25519"}},
    {"juliet-p384", "P-384", {.key = "P-384"}},
    {"juliet-below", "by the intermediate", {0}, "intermediate", "juliet"},
    {"juliet-below-im", "by intermediate-im", {0}, "intermediate-im", "juliet"},
    {"juliet-below-tls", "by intermediate-tls", {0}, "intermediate-tls", "juliet"},
    {"juliet-stranger", "by other-root", {0}, "other-root", "juliet"},
    {"juliet-plain", "by root-plain", {0}, "root-plain", "juliet"},
    {"revoked-plain", "in root-plain.crl", {.serial = REVOKED_SERIAL}, "root-plain", "juliet"},
    {"juliet-self", "signed by itself", {0}, "", "juliet"},
    {"romeo",
     "romeo@example.net, P-256, signs and reads",
     {.common_name = "Romeo", .names = ROMEO, .key_usage = "digitalSignature,keyAgreement"}},
    {"romeo-rsa",
     "RSA-2048, signs and reads",
     {.key = "RSA-2048",
      .common_name = "Romeo",
      .names = ROMEO,
      .key_usage = "digitalSignature,keyEncipherment"}},
    {"juliet-reads", "juliet, reads as well", {.key_usage = "digitalSignature,keyAgreement"}, NULL, "juliet"},
    {"tybalt",
     "tybalt@example.org",
     {.common_name = "Tybalt", .names = "xmppaddr=tybalt@example.org im:tybalt@example.org"}},
    {"eku-none", "no purpose", {0}, NULL, "juliet", false, true},
    {"eku-any", "anyExtendedKeyUsage", {.eku = "any"}, NULL, "juliet"},
    {"eku-client", "clientAuth", {.eku = "clientAuth"}, NULL, "juliet"},
    {"eku-server", "serverAuth", {.eku = "serverAuth"}, NULL, "juliet"},
    {"eku-email", "emailProtection", {.eku = "emailProtection"}, NULL, "juliet"},
    {"eku-im-client", "imUri and clientAuth", {.eku = "imUri clientAuth"}, NULL, "juliet"},
    {"eku-im-server", "imUri and serverAuth", {.eku = "imUri serverAuth"}, NULL, "juliet"},
    {"eku-im-email", "imUri and emailProtection", {.eku = "imUri emailProtection"}, NULL, "juliet"},
    {"eku-critical", "imUri, critical", {.eku_is_critical = true}, NULL, "juliet"},
    {"ku-encipher",
     "keyUsage without digitalSignature",
     {.key_usage = "critical,keyAgreement"},
     NULL,
     "juliet"},
    {"ku-repudiate",
     "keyUsage nonRepudiation only",
     {.key_usage = "critical,nonRepudiation"},
     NULL,
     "juliet"},
    {"ku-none", "no keyUsage", {0}, NULL, "juliet", false, false, true},
    {"expired", "of 2020", {.ends_s = PAST_S}, NULL, "juliet"},
    {"not-yet", "from 2048 on", {.starts_s = FUTURE_S}, NULL, "juliet"},
    {"revoked", "in root.crl", {.serial = REVOKED_SERIAL}, NULL, "juliet"},
    {"ca-leaf",
     "juliet as an authority: CA:TRUE",
     {.is_ca = true, .key_usage = "critical,digitalSignature,keyCertSign"},
     NULL,
     "juliet"},
    {"name-xmppaddr", "only id-on-xmppAddr", {.names = "xmppaddr=juliet@example.com"}, NULL, "juliet"},
    {"name-im", "only im:", {.names = "im:juliet@example.com"}, NULL, "juliet"},
    {"name-pres", "only pres:", {.names = "pres:juliet@example.com"}, NULL, "juliet"},
    {"name-xmpp", "only xmpp:", {.names = "xmpp:juliet@example.com"}, NULL, "juliet"},
    {"name-full", "a full JID", {.names = "xmppaddr=juliet@example.com/balcony"}, NULL, "juliet"},
    {"name-mixed", "another case, and IM: as the scheme", {.names = "IM:Juliet@Example.COM"}, NULL, "juliet"},
    {"name-idn",
     "juliet@b\xc3\xbc"
     "cher.example",
     {.names = "xmppaddr=juliet@b\xc3\xbc"
               "cher.example"},
     NULL,
     "juliet"},
    {"name-email", "only rfc822Name", {.names = "email=juliet@example.com"}, NULL, "juliet"},
    {"name-dns", "only dNSName", {.names = "dns=example.com"}, NULL, "juliet"},
    {"name-cn",
     "only the subject's common name",
     {.common_name = "juliet@example.com"},
     NULL,
     "juliet",
     true},
    {"name-nul",
     "id-on-xmppAddr with a NUL",
     {.names = "xmppaddr=juliet@example.com\\0.example.org"},
     NULL,
     "juliet"},
    {"name-nul-im", "im: with a NUL", {.names = "im:juliet@example.com\\0.example.org"}, NULL, "juliet"},
    {"name-ia5", "id-on-xmppAddr as IA5String", {.names = "xmppaddr-ia5=juliet@example.com"}, NULL, "juliet"},
    {"name-authority",
     "xmpp://authority/",
     {.names = "xmpp://guest@example.com/juliet@example.com"},
     NULL,
     "juliet"},
    {"name-high", "im: with octets above 0x7f", {.names = "im:juli\xc3\xa9t@example.com"}, NULL, "juliet"},
    {"rsa-1024", "RSA-1024", {.key = "RSA-1024"}},
    {"rsa-twin", "RSA-2048, the same number as rsa-16384", {.serial = TWIN_SERIAL}, NULL, "juliet-rsa"},
    {"rsa-16384", "RSA-16384, no private key", {.key = "BARE-RSA-16384", .serial = TWIN_SERIAL}},
    {"san-10000", "10,000 names", {.names = names_many}, NULL, "juliet"},
    {"sha1", "signed by root with SHA-1", {.hash = "SHA1"}, NULL, "juliet"},
    {"ocsp-good", "with OCSP-URL; good in index.txt", {0}, NULL, "juliet", .is_at_responder = true},
    {"ocsp-revoked", "with OCSP-URL; revoked in index.txt", {0}, NULL, "juliet", .is_at_responder = true},
    {"responder",
     "answers for root (OCSPSigning)",
     {.common_name = "Responder", .eku = "OCSPSigning"},
     NULL,
     NULL,
     true},
};

#define ROW_COUNT (sizeof rows / sizeof *rows)

static struct ca_made *made[ROW_COUNT];
static const char *folder;

static struct ca_made *made_find(const char *name)
{
    size_t i = 0;
    while (i < ROW_COUNT && strcmp(rows[i].name, name) != 0)
        i++;
    if (i == ROW_COUNT || !made[i])
        abort();
    return made[i];
}

static void file_write(const char *name, const char *end, struct span text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, end);
    FILE *file = fopen(path, "w");
    if (!file || fwrite(text.ptr, 1, text.len, file) != text.len || fclose(file) != 0) {
        fprintf(stderr, "make_ca: %s: %s\n", path, strerror(errno));
        exit(1);
    }
}

static struct ca_made *row_make(const struct row *row)
{
    struct ca_recipe recipe = row->recipe;
    if (!recipe.common_name)
        recipe.common_name = "Juliet";
    if (!recipe.names && !row->has_no_names)
        recipe.names = JULIET;
    if (!recipe.eku && !row->has_no_eku)
        recipe.eku = "imUri";
    if (!recipe.key_usage && !row->has_no_usage)
        recipe.key_usage = SIGNING;
    if (row->same_key)
        recipe.same_key = made_find(row->same_key);
    if (row->is_at_responder)
        recipe.ocsp_url = ocsp_url;
    const char *issuer = row->issuer ? row->issuer : "root";
    return ca_issue(&recipe, *issuer ? made_find(issuer) : NULL);
}

static void lists_write(void)
{
    static const uint64_t revoked[] = {REVOKED_SERIAL};
    static const char *const authorities[] = {"root", "root-plain", "intermediate", "other-root"};
    for (size_t i = 0; i < sizeof authorities / sizeof *authorities; i++) {
        char *list = ca_crl(made_find(authorities[i]), revoked, i < 2, CA_STARTS_S, CA_ENDS_S);
        file_write(authorities[i], ".crl", span_of(list));
        free(list);
    }
    char *list = ca_crl(made_find("root"), revoked, 1, CA_STARTS_S, PAST_S);
    file_write("root-old", ".crl", span_of(list));
    free(list);
    char text[512];
    snprintf(
        text, sizeof text,
        "V\t490101000000Z\t\t%04llX\tunknown\t/CN=Juliet\nR\t490101000000Z\t210101000000Z\t%04llX\tunknown\t/CN=Juliet\n",
        (unsigned long long)ca_serial(made_find("ocsp-good")),
        (unsigned long long)ca_serial(made_find("ocsp-revoked")));
    file_write("index", ".txt", span_of(text));
}

static int help(void)
{
    printf(
        "Usage: make_ca FOLDER [OCSP-URL]\n\n"
        "Writes NAME.pem and NAME.key (PEM, no passphrase). Of juliet@example.com, by root, with P-256, id-kp-imUri and\n"
        "digitalSignature, from 2020 to 2049, in every form of name, where nothing else is said:\n\n");
    for (size_t i = 0; i < ROW_COUNT; i++)
        printf("  %-18s %s\n", rows[i].name, rows[i].what);
    printf(
        "\nAnd root.crl, root-plain.crl, intermediate.crl, other-root.crl; root-old.crl, whose time is over; index.txt for openssl ocsp.\n");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return help();
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "make_ca: FOLDER [OCSP-URL] (make_ca --help shows more)\n");
        return 2;
    }
    folder = argv[1];
    ocsp_url = argc == 3 ? argv[2] : NULL;
    if (mkdir(folder, 0700) && errno != EEXIST) {
        fprintf(stderr, "make_ca: %s: %s\n", folder, strerror(errno));
        return 1;
    }
    for (size_t i = 0, len = 0; i < NAMES_MANY; i++)
        len += (size_t)snprintf(names_many + len, sizeof names_many - len, "im:%zu@b.c ", i);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        made[i] = row_make(&rows[i]);
        file_write(rows[i].name, ".pem", made[i]->pem);
        if (made[i]->key_pem.len)
            file_write(rows[i].name, ".key", made[i]->key_pem);
    }
    lists_write();
    for (size_t i = 0; i < ROW_COUNT; i++)
        made[i] = ca_free(made[i]);
    return 0;
}
