/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/directory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/input.h"
#include "base/log.h"
#include "base/watched.h"
#include "tls/crls.h"

/* Some thousand authorities; this stops a wrong path (a disk image, a log) from being read whole. */
#define FILE_BYTES_MAX (16u << 20)

struct directory {
    struct directory_settings settings;
    struct crls *lists;
    struct watched files;
    pthread_mutex_t lock;
    struct smime_trust *trust;                   /* under `lock` */
    uint64_t anchors_expire_s, between_expire_s; /* under `lock` */
};

/* What was read at one time. */
struct reading {
    struct buffer anchors, between;
    uint64_t anchors_expire_s, between_expire_s;
};

static void reading_fini(struct reading *r)
{
    buffer_fini(&r->anchors);
    buffer_fini(&r->between);
}

/* ---- files ---- */

static int complain(struct buffer *message, const char *path, int error, const char *reason)
{
    buffer_printf(message, "%s: %s", path, reason);
    return error;
}

static int file_read(const char *path, struct buffer *out, struct buffer *message)
{
    int fd = input_open(path);
    if (fd < 0)
        return complain(message, path, fd, input_error(fd));
    int error = input_read_all(fd, FILE_BYTES_MAX, out);
    close(fd);
    return error ? complain(message, path, error, strerror(-error)) : 0;
}

static uint64_t expiry_of(const X509 *certificate)
{
    struct tm utc;
    time_t s = ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &utc) == 1 ? timegm(&utc) : 0;
    return s > 0 ? (uint64_t)s : 0;
}

/* The first of its certificates to expire; UINT64_MAX: there is none. */
static uint64_t expiry_read(struct span pem)
{
    uint64_t first = UINT64_MAX;
    BIO *in = BIO_new_mem_buf(pem.ptr ? pem.ptr : "", (int)pem.len);
    for (X509 *c; in && (c = PEM_read_bio_X509(in, NULL, NULL, NULL)); X509_free(c)) {
        uint64_t expires_s = expiry_of(c);
        first = expires_s < first ? expires_s : first;
    }
    BIO_free(in);
    ERR_clear_error();
    return first;
}

static int reading_fill(const struct directory *d, struct reading *r, struct buffer *message)
{
    int error = file_read(d->settings.anchors, &r->anchors, message);
    if (!error && d->settings.intermediates)
        error = file_read(d->settings.intermediates, &r->between, message);
    r->anchors_expire_s = expiry_read(buffer_span(&r->anchors));
    r->between_expire_s = expiry_read(buffer_span(&r->between));
    return error;
}

static uint64_t files_digest(const struct directory *d)
{
    uint64_t digest = watched_digest(d->settings.anchors) + 3 * watched_digest(d->settings.intermediates);
    if (d->lists) {
        struct crls_snapshot *now = crls_take(d->lists);
        digest += 5 * now->generation;
        crls_give(now);
    }
    return digest;
}

/* ---- what is believed ---- */

static void warn_of_expiry(const struct reading *r)
{
    uint64_t now_s = (uint64_t)time(NULL);
    if (r->anchors_expire_s <= now_s || r->between_expire_s <= now_s)
        log_warn("smime-expired", "reason=\"a certificate of an authority is out of date\"");
}

/* Read everything; what is believed is another then, or stays as it is. */
static int directory_read(struct directory *d, struct buffer *message)
{
    struct reading r = {0};
    struct smime_trust *trust = NULL;
    struct crls_snapshot *lists = d->lists ? crls_take(d->lists) : NULL;
    int error = reading_fill(d, &r, message);
    if (!error)
        error = smime_trust_new_openssl(&d->settings.trust, buffer_span(&r.anchors), buffer_span(&r.between),
                                        lists ? lists->lists : NULL, d->settings.hook, &trust, message);
    crls_give(lists);
    if (!error) {
        warn_of_expiry(&r);
        pthread_mutex_lock(&d->lock);
        struct smime_trust *old = d->trust;
        d->trust = trust;
        d->anchors_expire_s = r.anchors_expire_s;
        d->between_expire_s = r.between_expire_s;
        pthread_mutex_unlock(&d->lock);
        smime_trust_unref(old);
        d->settings.changed(d->settings.context);
    }
    reading_fini(&r);
    return error;
}

static void look(struct directory *d)
{
    struct buffer message = {0};
    uint64_t seen = files_digest(d);
    if (seen == d->files.seen)
        return;
    int error = directory_read(d, &message);
    bool is_news = watched_is_news(&d->files, seen, error);
    if (!error)
        log_info("smime-read", "anchors=\"%s\"", d->settings.anchors);
    else if (is_news)
        log_error("smime-unread", "reason=\"%.*s\" in_force=old", (int)message.len, message.ptr);
    buffer_fini(&message);
}

int directory_open(const struct directory_settings *settings, struct directory **ret_directory,
                   struct buffer *ret_message)
{
    struct directory *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    watched_init(&d->files);
    pthread_mutex_init(&d->lock, NULL);
    d->settings = *settings;
    int error = settings->lists ? crls_open(settings->lists, &d->lists, ret_message) : 0;
    d->files.seen = files_digest(d); /* of before, so that what changes meanwhile is read again */
    if (!error)
        error = directory_read(d, ret_message);
    if (error) {
        directory_free(d);
        return error;
    }
    *ret_directory = d;
    return 0;
}

struct directory *directory_free(struct directory *d)
{
    if (!d)
        return NULL;
    smime_trust_unref(d->trust);
    crls_free(d->lists);
    watched_fini(&d->files);
    pthread_mutex_destroy(&d->lock);
    free(d);
    return NULL;
}

struct smime_trust *directory_take(struct directory *d)
{
    if (watched_begin(&d->files)) {
        look(d);
        watched_end(&d->files);
    }
    pthread_mutex_lock(&d->lock);
    struct smime_trust *trust = smime_trust_ref(d->trust);
    pthread_mutex_unlock(&d->lock);
    return trust;
}

struct directory_facts directory_facts_read(struct directory *d)
{
    struct directory_facts facts = {.read = atomic_load(&d->files.read),
                                    .failed = atomic_load(&d->files.failed),
                                    .lists_stale_s = UINT64_MAX};
    pthread_mutex_lock(&d->lock);
    facts.anchors_expire_s = d->anchors_expire_s;
    facts.between_expire_s = d->between_expire_s;
    pthread_mutex_unlock(&d->lock);
    if (d->lists) {
        struct crls_snapshot *now = crls_take(d->lists);
        facts.lists_stale_s = now->stale_s;
        crls_give(now);
    }
    return facts;
}
