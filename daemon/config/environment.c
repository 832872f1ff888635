/* SPDX-License-Identifier: Apache-2.0 */
/* MUSTER_LIMITS_STANZA_BYTES=... overrides limits.stanza_bytes. An empty variable is as good as none:
 * container set-ups pass variables on whether they are set or not. */
#include "config/reader.h"
#include "config/value.h"

/* Not ours, and no mistake either: the tests' own. Documented in the reference. */
static const char *const ignored_prefixes[] = {"MUSTER_TEST_", "MUSTER_BPF_FAIL="};

static const struct config_row *row_of(struct span name)
{
    const struct config_row *found = NULL;
    struct buffer spelled;
    buffer_init(&spelled);
    for (unsigned i = 0; i < config_row_count && !found; i++) {
        buffer_clear(&spelled);
        config_environment_name(&config_rows[i], &spelled);
        if (config_row_has_variable(&config_rows[i]) && span_equal(buffer_span(&spelled), name))
            found = &config_rows[i];
    }
    buffer_fini(&spelled);
    return found;
}

/* "a.example,b.example" replaces the whole list. */
static bool list_set(struct config *c, const struct config_row *row, struct span text, struct buffer *why)
{
    config_list_free(c, row);
    for (;;) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma ? (size_t)(comma - text.ptr) : text.len;
        if (!config_list_add(c, row, span_make(text.ptr, len), why))
            return false;
        if (!comma)
            return true;
        text = span_skip(text, len + 1);
    }
}

static void variable_read(struct config_reader *r, struct span name, struct span value)
{
    struct buffer why;
    const struct config_row *row = row_of(name);
    if (!row) {
        buffer_printf(r->message, "environment: %.*s: no such setting, ignored\n", (int)name.len, name.ptr);
        return;
    }
    buffer_init(&why);
    bool is_good = config_row_is_list(row) ? list_set(r->config, row, value, &why)
                                           : config_value_set(row, r->config, value, &why);
    if (!is_good) {
        buffer_printf(r->message, "environment: %.*s: %.*s\n", (int)name.len, name.ptr, (int)why.len,
                      why.ptr);
        r->error_count++;
    }
    struct config_mark *mark = config_row_mark(r, row);
    if (mark->line == 0)
        *mark = (struct config_mark){1, 1}; /* given, though not in the file */
    buffer_fini(&why);
}

static bool is_ignored(struct span entry)
{
    for (size_t i = 0; i < sizeof ignored_prefixes / sizeof ignored_prefixes[0]; i++)
        if (span_starts(entry, span_of(ignored_prefixes[i])))
            return true;
    return false;
}

void config_environment_read(struct config_reader *r, char **environment)
{
    for (; environment && *environment; environment++) {
        struct span entry = span_of(*environment);
        const char *equals = memchr(entry.ptr, '=', entry.len);
        if (!equals || !span_starts(entry, SPAN("MUSTER_")) || is_ignored(entry))
            continue;
        size_t len = (size_t)(equals - entry.ptr);
        if (entry.len > len + 1)
            variable_read(r, span_make(entry.ptr, len), span_skip(entry, len + 1));
    }
}
