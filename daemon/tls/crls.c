/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/crls.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/log.h"
#include "base/watched.h"

/* A list of a million certificates is some 40 MB; this stops a wrong path (a disk image, a log) from being
 * read whole. */
#define FILE_BYTES_MAX (128u << 20)
/* Each authority has one, perhaps some for parts; a folder with more is not one of lists. */
#define FILES_MAX 1024

struct crls {
    char *path;
    struct watched files;
    pthread_mutex_t lock;
    struct crls_snapshot *snapshot; /* under `lock` */
};

struct reading {
    STACK_OF(X509_CRL) * lists;
    struct buffer *message;
};

static int complain(struct reading *r, const char *path, int error, const char *reason)
{
    buffer_printf(r->message, "revocation list %s: %s", path, reason);
    return error;
}

static int keep(struct reading *r, X509_CRL *list)
{
    if (sk_X509_CRL_push(r->lists, list) > 0)
        return 0;
    X509_CRL_free(list);
    return -ENOMEM;
}

static int pem_read(struct reading *r, BIO *in)
{
    int error = 0;
    for (X509_CRL *list; !error && (list = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL));)
        error = keep(r, list);
    if (!error && ERR_GET_REASON(ERR_peek_last_error()) !=
                      PEM_R_NO_START_LINE) /* which is how it says that this is all */
        error = -EINVAL;
    ERR_clear_error();
    return error;
}

static int file_read(struct reading *r, const char *path)
{
    struct stat status;
    int before = sk_X509_CRL_num(r->lists), error = 0;
    BIO *in = BIO_new_file(path, "rb");
    if (!in || stat(path, &status) < 0) {
        error = errno ? -errno : -EIO;
        BIO_free(in);
        ERR_clear_error();
        return complain(r, path, error, strerror(-error));
    }
    if (status.st_size > (off_t)FILE_BYTES_MAX)
        error = -EFBIG;
    if (!error)
        error = pem_read(r, in);
    if (!error && sk_X509_CRL_num(r->lists) == before) {
        X509_CRL *list = BIO_reset(in) == 0 ? d2i_X509_CRL_bio(in, NULL) : NULL;
        error = list ? keep(r, list) : -EINVAL;
    }
    BIO_free(in);
    ERR_clear_error();
    if (error)
        complain(r, path, error, error == -EINVAL ? "neither PEM nor DER of such a list" : strerror(-error));
    return error;
}

/* Each file at `path` is read into `r`, unless that is NULL; their digest, in whatever order they come. */
static int files_walk(const char *path, struct reading *r, uint64_t *ret_digest)
{
    uint64_t digest = watched_digest(path);
    DIR *folder = opendir(path);
    int error = 0;
    uint32_t count = 0;
    if (!folder) {
        *ret_digest = digest;
        return r ? file_read(r, path) : 0;
    }
    for (struct dirent *entry; !error && (entry = readdir(folder));) {
        char file[4096];
        struct stat status;
        if (entry->d_name[0] == '.' ||
            snprintf(file, sizeof file, "%s/%s", path, entry->d_name) >= (int)sizeof file ||
            stat(file, &status) < 0 || !S_ISREG(status.st_mode))
            continue;
        if (++count > FILES_MAX)
            error = r ? complain(r, path, -E2BIG, "too many files") : -E2BIG;
        digest += watched_digest(file);
        if (!error && r)
            error = file_read(r, file);
    }
    closedir(folder);
    *ret_digest = digest;
    return error;
}

static uint64_t stale_of(const X509_CRL *list)
{
    struct tm utc;
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
    time_t s = next && ASN1_TIME_to_tm(next, &utc) == 1 ? timegm(&utc) : 0;
    return !next ? UINT64_MAX : s > 0 ? (uint64_t)s : 0;
}

static struct crls_snapshot *snapshot_new(STACK_OF(X509_CRL) * lists, uint64_t generation)
{
    struct crls_snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    atomic_init(&s->references, 1);
    s->generation = generation;
    s->lists = lists;
    s->stale_s = UINT64_MAX;
    for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
        uint64_t stale_s = stale_of(sk_X509_CRL_value(lists, i));
        s->stale_s = stale_s < s->stale_s ? stale_s : s->stale_s;
    }
    if (s->stale_s <= (uint64_t)time(NULL))
        log_warn("crl-stale", "reason=\"a revocation list is out of date\"");
    return s;
}

/* Read everything; `c->snapshot` is another then, or stays as it is. The digest is of before, so that what
 * changes meanwhile is read again. */
static int snapshot_read(struct crls *c, uint64_t generation, struct buffer *message)
{
    struct reading r = {.lists = sk_X509_CRL_new_null(), .message = message};
    struct crls_snapshot *s = NULL;
    uint64_t unused;
    int error = r.lists ? files_walk(c->path, &r, &unused) : -ENOMEM;
    if (!error && sk_X509_CRL_num(r.lists) == 0)
        error = complain(&r, c->path, -ENOENT, "there is none");
    if (!error && !(s = snapshot_new(r.lists, generation)))
        error = -ENOMEM;
    if (error) {
        sk_X509_CRL_pop_free(r.lists, X509_CRL_free);
        return error;
    }
    pthread_mutex_lock(&c->lock);
    struct crls_snapshot *old = c->snapshot;
    c->snapshot = s;
    pthread_mutex_unlock(&c->lock);
    crls_give(old);
    return 0;
}

int crls_open(const char *path, struct crls **ret_crls, struct buffer *ret_message)
{
    struct crls *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    watched_init(&c->files);
    pthread_mutex_init(&c->lock, NULL);
    c->path = strdup(path);
    int error = c->path ? files_walk(path, NULL, &c->files.seen) : -ENOMEM;
    if (!error)
        error = snapshot_read(c, 1, ret_message);
    if (error) {
        crls_free(c);
        return error;
    }
    *ret_crls = c;
    return 0;
}

struct crls *crls_free(struct crls *c)
{
    if (!c)
        return NULL;
    crls_give(c->snapshot);
    watched_fini(&c->files);
    pthread_mutex_destroy(&c->lock);
    free(c->path);
    free(c);
    return NULL;
}

static void look(struct crls *c)
{
    uint64_t seen;
    struct buffer message = {0};
    if (files_walk(c->path, NULL, &seen) == 0 && seen == c->files.seen)
        return;
    int error = snapshot_read(c, c->snapshot->generation + 1, &message);
    bool is_news = watched_is_news(&c->files, seen, error);
    if (!error)
        log_info("crl-read", "lists=%d", sk_X509_CRL_num(c->snapshot->lists));
    else if (is_news)
        log_error("crl-unread", "reason=\"%.*s\" in_force=old", (int)message.len, message.ptr);
    buffer_fini(&message);
}

struct crls_snapshot *crls_take(struct crls *c)
{
    if (watched_begin(&c->files)) {
        look(c);
        watched_end(&c->files);
    }
    pthread_mutex_lock(&c->lock);
    struct crls_snapshot *s = c->snapshot;
    atomic_fetch_add(&s->references, 1);
    pthread_mutex_unlock(&c->lock);
    return s;
}

void crls_give(struct crls_snapshot *s)
{
    if (!s || atomic_fetch_sub(&s->references, 1) != 1)
        return;
    sk_X509_CRL_pop_free(s->lists, X509_CRL_free);
    free(s);
}

struct crls_counters crls_counters_read(struct crls *c)
{
    return (struct crls_counters){atomic_load(&c->files.read), atomic_load(&c->files.failed)};
}
