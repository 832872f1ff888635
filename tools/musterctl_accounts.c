/* SPDX-License-Identifier: Apache-2.0 */
#include "musterctl_accounts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "jid/jid.h"
#include "sasl/sasl.h"
#include "store/command.h"

/* RFC 7613 sets none; a longer line is a wrong file. */
#define PASSWORD_BYTES_MAX 1023
#define THREADS_MAX 64

struct account {
    struct span jid;      /* prepared, in struct batch's text; empty for an empty line */
    struct span password; /* prepared, likewise */
    struct sasl_credentials credentials;
};

struct batch {
    const struct config *config;
    struct account *accounts; /* one a line */
    size_t count;
    struct buffer text;
    atomic_size_t next;
    atomic_bool is_failed;
};

static void quote(struct buffer *out, struct span text)
{
    const size_t quoted_max = 100;
    for (size_t i = 0; i < text.len && i < quoted_max; i++)
        buffer_append_char(out, (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? '?' : text.ptr[i]);
}

bool account_prepare(const struct config *config, struct span in, struct buffer *out, struct buffer *why)
{
    char storage[JID_BYTES_MAX];
    struct jid jid;
    quote(why, in);
    if (jid_parse(in, storage, &jid) != 0 || jid.local_len == 0 || jid.resource_len != 0) {
        buffer_literal(why, ": not an account's address (local@domain)");
        return false;
    }
    for (uint32_t i = 0; i < config->domain_count; i++) {
        if (span_equal(jid_domain(&jid), span_of(config->domains[i]))) {
            buffer_append(out, jid_bare(&jid));
            buffer_clear(why);
            return true;
        }
    }
    buffer_literal(why, ": not one of the domains of the configuration");
    return false;
}

/* "jid TAB password" to the batch's text; spans are lengths until the text has stopped moving. */
static bool line_read(struct batch *b, struct account *account, struct span line, struct buffer *why)
{
    char storage[PASSWORD_BYTES_MAX + 1];
    const char *tab = memchr(line.ptr, '\t', line.len);
    if (!tab) {
        buffer_literal(why, "expected jid, TAB, password");
        return false;
    }
    size_t jid_len = (size_t)(tab - line.ptr);
    uint32_t before = b->text.len;
    if (!account_prepare(b->config, span_make(line.ptr, jid_len), &b->text, why))
        return false;
    account->jid.len = b->text.len - before;
    struct span password = span_skip(line, jid_len + 1);
    if (password.len > PASSWORD_BYTES_MAX ||
        jid_prepare_password(password, storage, sizeof storage, &password) != 0) {
        quote(why, span_make(line.ptr, jid_len));
        buffer_printf(why, ": the password is %s",
                      password.len == 0 ? "empty" : "too long or has forbidden characters");
        return false;
    }
    buffer_append(&b->text, password);
    account->password.len = password.len;
    explicit_bzero(storage, sizeof storage);
    return true;
}

static int lines_read(struct batch *b, struct span lines, struct buffer *why)
{
    struct buffer what;
    size_t count = 1;
    for (size_t i = 0; i < lines.len; i++)
        count += lines.ptr[i] == '\n';
    b->accounts = calloc(count, sizeof *b->accounts);
    /* jids and passwords hardly grow when they are prepared: no copies of passwords are left behind by
     * growing */
    if (!b->accounts || !buffer_reserve(&b->text, lines.len + lines.len / 2 + 1)) {
        buffer_literal(why, "no memory");
        return -1;
    }
    buffer_init(&what);
    while (lines.len && what.len == 0) {
        const char *end = memchr(lines.ptr, '\n', lines.len);
        struct span line = span_make(lines.ptr, end ? (size_t)(end - lines.ptr) : lines.len);
        lines = span_skip(lines, line.len + (end ? 1 : 0));
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        b->count++;
        if (line.len && !line_read(b, &b->accounts[b->count - 1], line, &what))
            buffer_printf(why, "line %zu: %.*s", b->count, (int)what.len, what.ptr);
    }
    int error = what.len ? -1 : 0;
    buffer_fini(&what);
    const char *at = b->text.ptr;
    for (size_t i = 0; i < b->count; i++) {
        b->accounts[i].jid.ptr = at;
        at += b->accounts[i].jid.len;
        b->accounts[i].password.ptr = at;
        at += b->accounts[i].password.len;
    }
    return error;
}

static void *keys_main(void *context)
{
    struct batch *b = context;
    for (;;) {
        size_t i = atomic_fetch_add(&b->next, 1);
        if (i >= b->count || b->is_failed)
            return NULL;
        struct account *account = &b->accounts[i];
        if (account->jid.len &&
            sasl_credentials_make(account->password, b->config->sasl.iterations, &account->credentials) != 0)
            b->is_failed = true;
    }
}

/* This thread works, too: a thread that cannot be started costs only time. */
static void keys_make(struct batch *b)
{
    pthread_t threads[THREADS_MAX];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int wanted = processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : (int)processors, started = 0;
    while (started < wanted - 1 && (size_t)started + 1 < b->count &&
           pthread_create(&threads[started], NULL, keys_main, b) == 0)
        started++;
    keys_main(b);
    while (started)
        pthread_join(threads[--started], NULL);
}

int accounts_encode(const struct config *config, struct span lines, struct buffer *body, struct buffer *why)
{
    struct batch b = {.config = config};
    int error = lines_read(&b, lines, why);
    if (!error) {
        keys_make(&b);
        if (b.is_failed) {
            buffer_literal(why, "the keys could not be made");
            error = -1;
        }
    }
    for (size_t i = 0; !error && i < b.count; i++) {
        if (b.accounts[i].jid.len) {
            buffer_append(body, b.accounts[i].jid);
            buffer_append_char(body, '\t');
            store_command_keys_write(&b.accounts[i].credentials, body);
        }
        buffer_append_char(body, '\n');
    }
    if (b.text.ptr)
        explicit_bzero(b.text.ptr, b.text.cap);
    buffer_fini(&b.text);
    free(b.accounts);
    if (!error && !buffer_ok(body)) {
        buffer_literal(why, "no memory");
        error = -1;
    }
    return error;
}
