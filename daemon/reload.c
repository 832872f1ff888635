/* SPDX-License-Identifier: Apache-2.0 */
#include "reload.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "broker.h"
#include "federation.h"
#include "settings.h"

/* What the workers are to go by. */
struct next {
    struct config *config;
    struct tls_context *clients; /* NULL: as they are, and so with the servers' */
    struct federation_tls servers;
    struct signatures signatures;
};

/* ---- making it ---- */

static bool is_moved(const char *old, const char *new)
{
    return old && (!new || strcmp(old, new) != 0);
}

/* Certificates stay where nothing in the new file needs them: then its listeners differ as well, and that takes a restart. */
static int tls_make(const struct broker *b, struct next *n, struct buffer *message)
{
    int error = 0;
    if (!n->config->tls.certificate || !n->config->tls.key)
        return 0;
    if (b->tls) {
        struct tls_settings settings = settings_of_tls(n->config, b->domains);
        settings.domain_count = b->config->domain_count;
        settings.client_authorities_path = b->config->tls.client_ca; /* whose content may be new */
        error = tls_context_renew(b->tls, &settings, &n->clients, message);
        if (error && is_moved(settings.client_authorities_path, n->config->tls.client_ca))
            buffer_literal(message,
                           "; a change of tls.client_ca needs a restart, until then its old file does");
    }
    if (!error && b->federation)
        error = federation_tls_renew(b->federation, n->config, &n->servers, message);
    return error;
}

static int next_make(struct broker *b, struct next *n, struct buffer *message)
{
    struct stat file;
    int error = stat(b->reload.path, &file) == 0 && !S_ISREG(file.st_mode) ? -EBADFD : 0;
    if (error)
        buffer_printf(message, "%s: is no regular file: what it had was read at the start", b->reload.path);
    if (!error)
        error = config_load(b->reload.path, environ, &n->config, message);
    if (!error)
        error = tls_make(b, n, message);
    if (!error)
        error = signatures_renew(b, n->config, &n->signatures, message);
    return error;
}

/* What was not taken over, or what was before. */
static void next_drop(struct broker *b, struct next *n)
{
    signatures_drop(b, &n->signatures);
    tls_context_unref(n->clients);
    federation_tls_unref(&n->servers);
    config_free(n->config);
}

/* ---- taking it over ---- */

static void ask_take(struct worker *w, void *context)
{
    const struct next *n = context;
    w->router_settings.e2e = n->signatures.rules;
    if (n->clients)
        w->stream_settings.tls = n->clients;
    if (n->servers.incoming)
        federation_worker_tls(w, &n->servers);
}

/* Behind this `n` has what was before, which nobody uses any more but who holds a reference. */
static void next_take(struct broker *b, struct next *n)
{
    struct reload *r = &b->reload;
    broker_ask(b, ask_take, n);
    struct tls_context *clients = b->tls;
    if (n->clients) {
        b->tls = n->clients;
        n->clients = clients;
    }
    if (n->servers.incoming)
        federation_tls_swap(b->federation, &n->servers);
    signatures_swap(b, &n->signatures);
    struct config *config = r->config == r->verified ? NULL : r->config;
    r->config = n->config;
    n->config = config;
    if (b->signatures.config == r->config)
        r->verified = r->config;
    log_level_set((enum log_level)r->config->log_level);
}

/* ---- telling ---- */

struct restarts {
    struct buffer *reply;
    uint32_t count;
};

static void restart_tell(struct restarts *t, const char *path)
{
    t->count++;
    log_warn("reload-needs-restart", "option=%s", path);
    buffer_printf(t->reply, "%s: needs a restart\n", path);
}

static void differs_from_start(void *context, const char *path, enum config_reload reload)
{
    if (reload == CONFIG_NEEDS_RESTART)
        restart_tell(context, path);
}

static void differs_from_verified(void *context, const char *path, enum config_reload reload)
{
    if (reload == CONFIG_RELOADS_BEFORE_SMIME)
        restart_tell(context, path);
}

static void success_tell(const struct broker *b, const char *by, struct buffer *reply)
{
    const struct config *c = b->reload.config;
    struct restarts t = {reply, 0};
    char until[32] = "none";
    time_t begin, end, now = time(NULL);
    struct tm utc;
    config_compare(b->config, c, differs_from_start, &t);
    if (b->signatures.config)
        config_compare(b->signatures.config, c, differs_from_verified, &t);
    bool has_dates = b->tls && tls_context_dates(b->tls, &begin, &end);
    if (has_dates)
        strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &utc));
    log_info("reloaded", "by=%s certificates_until=%s options_needing_restart=%u", by, until, t.count);
    if (!has_dates)
        buffer_literal(reply, "reloaded\n");
    else
        buffer_printf(reply, "reloaded; certificates %s %s%s\n",
                      end < now ? "have been out of date since" : "are good until", until,
                      begin > now ? ", but not yet" : "");
}

/* A log line for each of the message. */
static void lines_log(enum log_level level, const char *event, const char *by, struct span lines)
{
    while (lines.len) {
        const char *end = memchr(lines.ptr, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.ptr) : lines.len;
        log_event(level, event, "by=%s reason=\"%.*s\"", by, (int)len, lines.ptr);
        lines = span_skip(lines, end ? len + 1 : len);
    }
}

bool reload_run(struct broker *b, const char *by, struct buffer *reply)
{
    struct next n = {0};
    struct buffer message = {0};
    int error = next_make(b, &n, &message);
    if (error && !message.len)
        buffer_printf(&message, "%s", strerror(-error));
    if (error) {
        lines_log(LOG_LEVEL_ERROR, "reload-refused", by, buffer_span(&message));
        buffer_append(reply, buffer_span(&message));
    } else {
        lines_log(LOG_LEVEL_WARN, "reload-warning", by, buffer_span(&message));
        if (message.len && message.ptr[message.len - 1] != '\n')
            buffer_append_char(&message, '\n');
        buffer_append(reply, buffer_span(&message));
        next_take(b, &n);
        success_tell(b, by, reply);
    }
    next_drop(b, &n);
    buffer_fini(&message);
    return !error;
}

void reload_on_signal(struct broker *b)
{
    struct buffer reply = {0};
    pthread_mutex_lock(&b->commands);
    reload_run(b, "SIGHUP", &reply);
    pthread_mutex_unlock(&b->commands);
    buffer_fini(&reply);
}

void reload_close(struct broker *b)
{
    if (b->reload.verified != b->reload.config)
        config_free(b->reload.verified);
    b->reload.config = config_free(b->reload.config);
}
