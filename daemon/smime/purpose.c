/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/purpose.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/objects.h>
#include <openssl/x509v3.h>

/* Beyond the library's own numbers, which end at 10 or so. */
#define PURPOSE_ID_FIRST 1000

static int im_nid; /* written once, by purpose_register() */

static uint32_t purpose_bit(const ASN1_OBJECT *purpose)
{
    int nid = OBJ_obj2nid(purpose);
    if (nid == NID_undef)
        return PURPOSE_OTHER;
    if (nid == im_nid)
        return PURPOSE_IM;
    switch (nid) {
    case NID_anyExtendedKeyUsage:
        return PURPOSE_ANY;
    case NID_email_protect:
        return PURPOSE_EMAIL;
    case NID_client_auth:
    case NID_server_auth:
        return PURPOSE_TLS;
    default:
        return PURPOSE_OTHER;
    }
}

struct purposes purpose_read(const X509 *certificate)
{
    struct purposes found = {0};
    int critical; /* -1: the extension is absent; -2: it stands there twice */
    EXTENDED_KEY_USAGE *all = X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
    found.is_present = all || critical != -1;
    if (!all && found.is_present)
        found.set = PURPOSE_OTHER;
    /* X509_get_extended_key_usage() has no bit for ours. */
    for (int i = 0; i < sk_ASN1_OBJECT_num(all); i++)
        found.set |= purpose_bit(sk_ASN1_OBJECT_value(all, i));
    EXTENDED_KEY_USAGE_free(all);
    return found;
}

enum smime_reason purpose_judge(struct purposes p, enum smime_purpose mode, enum smime_eku *ret_eku)
{
    *ret_eku = SMIME_EKU_LEGACY;
    if (p.set & PURPOSE_IM) {
        /* Who may do anything may do TLS. */
        bool is_mixed = p.set & (PURPOSE_TLS | PURPOSE_ANY);
        *ret_eku = is_mixed ? SMIME_EKU_IM_MIXED : SMIME_EKU_IM;
        return is_mixed && mode == SMIME_PURPOSE_STRICT ? SMIME_EKU_MIXED : SMIME_OK;
    }
    if (mode == SMIME_PURPOSE_LEGACY && (!p.is_present || (p.set & (PURPOSE_ANY | PURPOSE_EMAIL))))
        return SMIME_OK;
    return p.is_present ? SMIME_EKU_WRONG : SMIME_EKU_MISSING;
}

static int judge(const X509 *certificate, int is_ca, enum smime_purpose mode)
{
    struct purposes p = purpose_read(certificate);
    enum smime_eku unused;
    if (!is_ca)
        return purpose_judge(p, mode, &unused) == SMIME_OK;
    /* An authority is kept within its purposes as practice has it; RFC 5280 leaves that open. */
    if (p.is_present && !(p.set & (PURPOSE_IM | PURPOSE_ANY)))
        return 0;
    int kind = X509_check_ca((X509 *)certificate);
    return kind == 1 ||
           kind == 3; /* says so, or is an anchor from before version 3: never what Netscape made of it */
}

static int check_require(const X509_PURPOSE *unused, const X509 *certificate, int is_ca)
{
    (void)unused;
    return judge(certificate, is_ca, SMIME_PURPOSE_REQUIRE);
}

static int check_strict(const X509_PURPOSE *unused, const X509 *certificate, int is_ca)
{
    (void)unused;
    return judge(certificate, is_ca, SMIME_PURPOSE_STRICT);
}

static int check_legacy(const X509_PURPOSE *unused, const X509 *certificate, int is_ca)
{
    (void)unused;
    return judge(certificate, is_ca, SMIME_PURPOSE_LEGACY);
}

int purpose_id(enum smime_purpose mode)
{
    return PURPOSE_ID_FIRST + (int)mode;
}

static bool purpose_add(enum smime_purpose mode, int (*check)(const X509_PURPOSE *, const X509 *, int),
                        const char *name)
{
    char copy[32];
    snprintf(copy, sizeof copy, "%s", name); /* the library takes what it does not change as char * */
    return X509_PURPOSE_add(purpose_id(mode), X509_TRUST_EMAIL, 0, check, copy, copy, NULL) == 1;
}

int purpose_register(void)
{
    if (im_nid != NID_undef)
        return 0;
    int nid = OBJ_txt2nid(PURPOSE_IM_OID); /* newer libraries know it */
    if (nid == NID_undef)
        nid = OBJ_create(PURPOSE_IM_OID, "id-kp-imUri", "IM URI");
    if (nid == NID_undef || !purpose_add(SMIME_PURPOSE_REQUIRE, check_require, "muster-im") ||
        !purpose_add(SMIME_PURPOSE_STRICT, check_strict, "muster-im-strict") ||
        !purpose_add(SMIME_PURPOSE_LEGACY, check_legacy, "muster-im-legacy"))
        return -EIO;
    im_nid = nid;
    return 0;
}
