/* SPDX-License-Identifier: Apache-2.0 */
/* The library that does handshakes, and the kernel that may do the records. */
#include <errno.h>

#include "doctor/checks.h"

#define USER_RECORDS "musterd seals and opens the records itself, one copy more each"

void check_library(struct examination *x)
{
    finding_add(x->findings, "openssl", FINDING_OPTIONAL, FINDING_OK, "%s", tls_library_version());
    if (tls_library_takes_schedule())
        finding_add(x->findings, "openssl.key_schedule", FINDING_OPTIONAL, FINDING_OK,
                    "TLS 1.3's key schedule is musterd's own");
    else
        finding_change(
            finding_add(x->findings, "openssl.key_schedule", FINDING_OPTIONAL, FINDING_DEGRADED,
                        "the library takes only its own key schedule of TLS 1.3 (FIPS?): a log-in costs "
                        "about a fifth of a handshake more"),
            "unset OPENSSL_CONF (or take default_properties out of openssl.cnf)");
}

static const struct suite_row {
    const char *name, *title, *modules;
    enum tls_suite suite;
} suites[] = {
    {"ktls.aes_128_gcm", "AES-128-GCM", "gcm aesni_intel", TLS_AES_128_GCM},
    {"ktls.aes_256_gcm", "AES-256-GCM", "gcm aesni_intel", TLS_AES_256_GCM},
    {"ktls.chacha20_poly1305", "ChaCha20-Poly1305", "chacha20poly1305", TLS_CHACHA20_POLY1305},
};
enum { SUITE_ROWS = sizeof suites / sizeof suites[0] };

static void judge_suite(struct findings *f, const struct ktls_facts *k, const struct suite_row *row)
{
    if (k->abilities.tls13_suites >> row->suite & 1) {
        bool has_tls12 = k->abilities.tls12_suites >> row->suite & 1;
        finding_add(f, row->name, FINDING_OPTIONAL, FINDING_OK,
                    "%s both ways over a loopback connection, TLS 1.3%s", row->title,
                    has_tls12 ? " and 1.2" : " (not 1.2)");
        return;
    }
    int error = k->abilities.suite_errors[row->suite];
    struct finding *found = finding_add(f, row->name, FINDING_OPTIONAL, FINDING_MISSING,
                                        "the kernel does not do %s (%s): for sessions with it " USER_RECORDS,
                                        row->title, strerror(-error));
    finding_change(found, "modprobe -a %s", row->modules);
}

static void judge_rekey(struct findings *f, const struct ktls_facts *k)
{
    if (k->abilities.can_rekey)
        finding_add(f, "ktls.rekey", FINDING_OPTIONAL, FINDING_OK, "new keys (KeyUpdate) both ways");
    else
        finding_change(
            finding_add(f, "ktls.rekey", FINDING_OPTIONAL, FINDING_DEGRADED,
                        "this kernel takes no new keys: a client that asks for them (KeyUpdate) is "
                        "disconnected with <reset/> and comes back"),
            "boot Linux 6.14 or newer (or offload.tls: off)");
}

void judge_ktls(struct findings *f, const struct machine *m, const struct ktls_facts *k)
{
    const char *why = k->off;
    if (!why && k->ulp == 0) {
        /* Who insists on it gets it when there is any suite. */
        if (k->abilities.tls13_suites)
            finding_add(f, "ktls", k->need, FINDING_OK, "the kernel's TLS takes a connection");
        else
            finding_change(finding_add(f, "ktls", k->need, FINDING_MISSING,
                                       "the kernel's TLS takes a connection but no keys; %s",
                                       k->need == FINDING_NEEDED
                                           ? "musterd does not start, for the configuration "
                                             "insists on it"
                                           : USER_RECORDS),
                           "modprobe -a gcm aesni_intel chacha20poly1305");
        for (unsigned i = 0; i < SUITE_ROWS; i++)
            judge_suite(f, k, &suites[i]);
        if (k->abilities.tls13_suites)
            judge_rekey(f, k);
        else
            finding_add(f, "ktls.rekey", FINDING_OPTIONAL, FINDING_NOT_APPLICABLE, "no cipher works");
        return;
    }
    if (why)
        finding_add(f, "ktls", FINDING_OPTIONAL, FINDING_NOT_APPLICABLE, "%s", why);
    else
        finding_change(finding_add(f, "ktls", k->need, FINDING_MISSING, "the kernel offers no TLS (%s); %s",
                                   strerror(-k->ulp),
                                   k->need == FINDING_NEEDED
                                       ? "musterd does not start, for the configuration insists on it"
                                       : USER_RECORDS),
                       "%s",
                       k->has_module ? "modprobe tls"
                       : m->is_container
                           ? "modprobe tls (on the host; its kernel needs CONFIG_TLS=m)"
                           : "boot a kernel with CONFIG_TLS=m (Debian's have it), then: modprobe tls");
    for (unsigned i = 0; i < SUITE_ROWS; i++)
        finding_add(f, suites[i].name, FINDING_OPTIONAL, FINDING_NOT_APPLICABLE, "%s",
                    why ? why : "the kernel offers no TLS");
    finding_add(f, "ktls.rekey", FINDING_OPTIONAL, FINDING_NOT_APPLICABLE, "%s",
                why ? why : "the kernel offers no TLS");
}

/* What the configuration leaves to the kernel. */
static void wish_read(const struct config *c, struct ktls_facts *k)
{
    uint32_t wishes = 0, listeners = 0;
    if (!c)
        return;
    for (uint32_t i = 0; i < c->listener_count; i++) {
        const struct config_listener *l = &c->listeners[i];
        bool is_forced = l->records == CONFIG_RECORDS_KERNEL;
        if (l->tls == CONFIG_TLS_NONE)
            continue;
        listeners++;
        wishes += is_forced || (l->records == CONFIG_RECORDS_AUTO && c->offload.tls != CONFIG_OFFLOAD_OFF);
        if (is_forced)
            k->need = FINDING_NEEDED;
    }
    if (listeners && c->offload.tls == CONFIG_OFFLOAD_ON)
        k->need = FINDING_NEEDED;
    else if (!listeners)
        k->off = "no listener uses TLS";
    else if (!wishes)
        k->off = "the configuration leaves TLS records to musterd (offload.tls, listen[].records)";
}

void check_ktls(struct examination *x)
{
    struct ktls_facts facts = {.need = FINDING_OPTIONAL};
    wish_read(x->subject->config, &facts);
    if (!facts.off) {
        facts.has_module = machine_has_module(&x->machine, "tls");
        facts.ulp = record_kernel_probe_ulp();
        if (facts.ulp == 0)
            record_kernel_probe(&facts.abilities);
    }
    judge_ktls(x->findings, &x->machine, &facts);
}
