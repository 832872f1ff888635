/* SPDX-License-Identifier: Apache-2.0 */
/* The way from a file to a configuration: defaults, file, environment, checks. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/input.h"
#include "config/reader.h"
#include "config/value.h"

/* Far more than every key with every comment; the wrong file (a log, a disk image) is refused instead of
 * read. */
#define CONFIG_BYTES_MAX (1024 * 1024)

void config_complain(struct config_reader *r, struct config_mark mark, const char *path, const char *format,
                     ...)
{
    char what[512];
    va_list args;
    if (++r->error_count > CONFIG_ERRORS_MAX)
        return;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    bool has_path = path && *path;
    buffer_printf(r->message, "%s:%u:%u: %s%s%s\n", r->name, mark.line, mark.column, has_path ? path : "",
                  has_path ? ": " : "", what);
}

struct config_mark *config_row_mark(struct config_reader *r, const struct config_row *row)
{
    return &r->marks[row - config_rows];
}

/* What has no default text because it depends on other rows. 0 or -ENOMEM. */
static int derived_set(struct config_reader *r)
{
    struct config *c = r->config;
    if (!c->admin.socket && c->state && asprintf(&c->admin.socket, "%s/admin.sock", c->state) < 0) {
        c->admin.socket = NULL;
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < c->group_count; i++) {
        struct config_group *group = &c->groups[i];
        if (!group->title && group->name && !(group->title = strdup(group->name)))
            return -ENOMEM;
    }
    if (config_row_mark(r, config_row_find(SPAN("listen")))->line == 0) {
        struct config_listener *first = config_listener_add(c);
        struct config_listener *second = first ? config_listener_add(c) : NULL;
        if (!second)
            return -ENOMEM;
        second->port = 5223;
        second->tls = CONFIG_TLS_DIRECT;
    }
    return 0;
}

int config_parse(const char *name, struct span text, char **environment, struct config **ret_config,
                 struct buffer *ret_message)
{
    struct config_reader r = {.name = name, .message = ret_message};
    r.config = calloc(1, sizeof *r.config);
    if (!r.config)
        return -ENOMEM;
    config_defaults_set(r.config, "");
    config_read(&r, text);
    bool is_read = r.error_count == 0;
    config_environment_read(&r, environment);
    int error = derived_set(&r);
    if (!error && is_read) /* else it would complain of what is missing only because it was not understood */
        config_check(&r);
    free(r.listener_marks);
    config_group_marks_free(&r);
    if (!error && r.error_count) {
        if (r.error_count > CONFIG_ERRORS_MAX)
            buffer_printf(ret_message, "%s: and more\n", name);
        error = -EINVAL;
    }
    if (error) {
        config_free(r.config);
        return error;
    }
    *ret_config = r.config;
    return 0;
}

/* The whole file into `text`. 0 or negative errno. */
static int file_read(const char *path, struct buffer *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC); /* at the start it may be what a shell has made, too */
    if (fd < 0)
        return -errno;
    int error = input_read_all(fd, CONFIG_BYTES_MAX, text);
    close(fd);
    return error;
}

int config_load(const char *path, char **environment, struct config **ret_config, struct buffer *ret_message)
{
    struct buffer text;
    buffer_init(&text);
    int error = file_read(path, &text);
    if (error)
        buffer_printf(ret_message, "%s: %s\n", path, strerror(-error));
    else
        error = config_parse(path, buffer_span(&text), environment, ret_config, ret_message);
    buffer_fini(&text);
    return error;
}

enum config_smime_mode config_smime_mode_read(const char *entry, struct span *ret_name)
{
    const char *equals = strrchr(entry, '=');
    uint32_t mode = 0;
    *ret_name = span_make(entry, (size_t)(equals - entry));
    while (strcmp(config_smime_modes[mode], equals + 1) != 0) /* it was accepted */
        mode++;
    return (enum config_smime_mode)mode;
}

static bool has_mode_on(const struct config_list *entries)
{
    struct span name;
    for (uint32_t i = 0; i < entries->count; i++)
        if (config_smime_mode_read(entries->texts[i], &name) != CONFIG_SMIME_OFF)
            return true;
    return false;
}

bool config_smime_is_on(const struct config *c)
{
    return c->smime.mode != CONFIG_SMIME_OFF || c->smime.must_sign.count || has_mode_on(&c->smime.domains) ||
           has_mode_on(&c->smime.peers);
}

struct config *config_free(struct config *c)
{
    if (!c)
        return NULL;
    for (unsigned i = 0; i < config_row_count; i++)
        if (config_row_is_list(&config_rows[i]))
            config_list_free(c, &config_rows[i]);
    for (uint32_t i = 0; i < c->listener_count; i++)
        free(c->listeners[i].address);
    free(c->listeners);
    config_groups_free(c);
    free(c->state);
    free(c->tls.certificate);
    free(c->tls.key);
    free(c->tls.certificates);
    free(c->tls.client_ca);
    free(c->tls.client_crls);
    free(c->tls.client_ocsp_responder);
    free(c->federation.address);
    free(c->federation.ca);
    free(c->smime.anchors);
    free(c->smime.intermediates);
    free(c->smime.crls);
    free(c->smime.ocsp_responder);
    free(c->admin.socket);
    free(c->admin.http);
    free(c);
    return NULL;
}
