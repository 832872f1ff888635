/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration names: the file itself, the database's folder, the control socket's, certificates. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor/checks.h"

/* SQLite's log alone grows to a few MiB; a table that is made anew needs as much as it has. */
#define FREE_WANTED (UINT64_C(64) << 20)
/* Whoever has to renew by hand wants to know this early. */
#define CERTIFICATE_WARN_DAYS 14
#define DAY_S (24 * 60 * 60)

void check_config(struct examination *x)
{
    const struct doctor_subject *s = x->subject;
    const char *end =
        s->config_message.len ? memchr(s->config_message.ptr, '\n', s->config_message.len) : NULL;
    size_t first = end ? (size_t)(end - s->config_message.ptr) : s->config_message.len;
    if (!s->config_error)
        finding_add(x->findings, "configuration", FINDING_NEEDED, FINDING_OK, "%s", s->config_path);
    else if (s->config_error == -ENOENT)
        finding_change(
            finding_add(
                x->findings, "configuration", FINDING_OPTIONAL, FINDING_DEGRADED,
                "%s is not there: the rows hold for the defaults, and musterd does not start without one",
                s->config_path),
            "musterd --doctor --config FILE");
    else
        finding_change(finding_add(x->findings, "configuration", FINDING_NEEDED, FINDING_MISSING,
                                   "musterd does not start: %.*s", first ? (int)first : INT_MAX,
                                   first ? s->config_message.ptr : strerror(-s->config_error)),
                       "musterd --config %s --check", s->config_path);
}

/* ---- folders ---- */

void judge_folder(struct findings *f, const struct folder_facts *d)
{
    if (!d->path)
        finding_add(f, d->name, FINDING_NEEDED, FINDING_NOT_APPLICABLE, "no configuration says where it is");
    else if (d->error == -ENOENT)
        finding_change(finding_add(f, d->name, FINDING_NEEDED, FINDING_MISSING,
                                   "%s is not there, nor the folder above it", d->path),
                       "install -d -m 700 -o muster -g muster %s", d->path);
    else if (d->error)
        finding_change(finding_add(f, d->name, FINDING_NEEDED, FINDING_MISSING, "%s cannot be written to: %s",
                                   d->tested, strerror(-d->error)),
                       d->error == -EROFS ? "ReadWritePaths=%s" : "chown -R muster:muster %s", d->path);
    else if (d->free_bytes < FREE_WANTED)
        finding_change(
            finding_add(f, d->name, FINDING_NEEDED, d->free_bytes ? FINDING_DEGRADED : FINDING_MISSING,
                        "%s: %llu MiB are free; when it is full, nothing is acknowledged that must be kept",
                        d->path, (unsigned long long)d->free_bytes >> 20),
            "df -h %s", d->path);
    else if (d->free_bytes == MACHINE_UNLIMITED)
        finding_add(f, d->name, FINDING_NEEDED, FINDING_OK, "%s: writable", d->path);
    else
        finding_add(f, d->name, FINDING_NEEDED, FINDING_OK, "%s: %s, %llu MiB free", d->path,
                    strcmp(d->path, d->tested) == 0 ? "writable" : "can be made",
                    (unsigned long long)d->free_bytes >> 20);
}

/* The folder above `path`. */
static void parent_of(const char *path, char ret_parent[PATH_MAX])
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    snprintf(ret_parent, PATH_MAX, "%.*s", len ? (int)len : 1, len ? path : ".");
}

static int folder_test(struct folder_facts *d)
{
    struct statvfs space;
    /* With the effective user: that is who would write. */
    if (faccessat(AT_FDCWD, d->tested, W_OK | X_OK, AT_EACCESS) != 0 || statvfs(d->tested, &space) != 0)
        return -errno;
    d->free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    return space.f_flag & ST_RDONLY ? -EROFS : 0;
}

void check_state(struct examination *x)
{
    const struct config *c = x->subject->config;
    char parent[PATH_MAX], database[PATH_MAX];
    struct folder_facts facts = {.name = "state", .path = c ? c->state : NULL};
    if (facts.path) {
        facts.tested = facts.path;
        facts.error = folder_test(&facts);
        snprintf(database, sizeof database, "%s/muster.db", facts.path);
        if (facts.error == -ENOENT) { /* the daemon makes it, but not what is above it */
            parent_of(facts.path, parent);
            facts.tested = parent;
            facts.error = folder_test(&facts);
        } else if (!facts.error && faccessat(AT_FDCWD, database, R_OK | W_OK, AT_EACCESS) != 0 &&
                   errno != ENOENT) {
            facts.error = -errno;
            facts.tested = database;
        }
    }
    judge_folder(x->findings, &facts);
}

void check_control(struct examination *x)
{
    const struct config *c = x->subject->config;
    char folder[PATH_MAX];
    struct folder_facts facts = {.name = "admin.socket", .path = c ? c->admin.socket : NULL};
    if (facts.path) {
        parent_of(facts.path, folder);
        bool is_made = c->state && strcmp(folder, c->state) == 0 && access(folder, F_OK) != 0;
        if (is_made) { /* with the state, whose row says how that stands */
            finding_add(x->findings, facts.name, FINDING_NEEDED, FINDING_OK, "%s: with the state's folder",
                        facts.path);
            return;
        }
        facts.path = facts.tested = folder;
        facts.error = folder_test(&facts);
        facts.free_bytes = MACHINE_UNLIMITED; /* a socket takes none */
    }
    judge_folder(x->findings, &facts);
}

/* ---- certificates ---- */

void judge_certificates(struct findings *f, const struct certificate_facts *c)
{
    char until[32] = "";
    struct tm date;
    if (c->error) {
        finding_change(finding_add(f, c->name, FINDING_NEEDED, FINDING_MISSING,
                                   "musterd does not start: %.*s",
                                   c->message.len ? (int)c->message.len : INT_MAX,
                                   c->message.len ? c->message.ptr : strerror(-c->error)),
                       "%s",
                       c->error == -EACCES ? "setfacl -m u:muster:r CERTIFICATE KEY"
                                           : "openssl x509 -noout -subject -dates -in CERTIFICATE");
        return;
    }
    if (!c->is_dated) {
        finding_add(f, c->name, FINDING_NEEDED, FINDING_OK, "certificates and keys can be used");
        return;
    }
    if (gmtime_r(&c->end, &date))
        strftime(until, sizeof until, "%Y-%m-%d", &date);
    if (c->now >= c->begin && c->end - c->now > CERTIFICATE_WARN_DAYS * DAY_S) {
        finding_add(f, c->name, FINDING_NEEDED, FINDING_OK, "certificates and keys can be used, until %s",
                    until);
        return;
    }
    /* Loaded all the same, as the daemon does it: clients judge the date for themselves. */
    struct finding *row = finding_add(
        f, c->name, FINDING_NEEDED, FINDING_DEGRADED,
        c->now < c->begin  ? "a certificate is not good yet (see the row clock): clients refuse it; until %s"
        : c->now >= c->end ? "a certificate has expired on %s: clients refuse it"
                           : "a certificate is good until %s only: from then on clients refuse it",
        until);
    finding_change(row, "certbot renew");
}

static void certificates_add(struct examination *x, const char *name, const struct tls_settings *settings)
{
    struct buffer message = {0};
    struct tls_context *context = NULL;
    struct certificate_facts facts = {.name = name, .now = time(NULL)};
    facts.error = tls_context_new(settings, &context, &message);
    facts.message = buffer_span(&message);
    facts.is_dated = !facts.error && tls_context_dates(context, &facts.begin, &facts.end);
    judge_certificates(x->findings, &facts);
    tls_context_unref(context);
    buffer_fini(&message);
}

void check_certificates(struct examination *x)
{
    const char *unnamed = x->subject->config ? NULL : "no configuration names any";
    if (x->subject->tls)
        certificates_add(x, "tls.certificate", x->subject->tls);
    else
        finding_add(x->findings, "tls.certificate", FINDING_NEEDED, FINDING_NOT_APPLICABLE, "%s",
                    unnamed ? unnamed : "no listener uses TLS");
    if (x->subject->servers)
        certificates_add(x, "federation.certificate", x->subject->servers);
    else
        finding_add(x->findings, "federation.certificate", FINDING_NEEDED, FINDING_NOT_APPLICABLE, "%s",
                    unnamed ? unnamed : "no other server is spoken to");
}
