/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

#define PROGRESS_EVERY_MS 200

void report_init(struct report *r, bool as_json, const char *scenario)
{
    r->as_json = as_json;
    buffer_init(&r->text);
    if (as_json)
        buffer_printf(&r->text, "{\"scenario\": \"%s\"", scenario);
    else
        buffer_printf(&r->text, "%s", scenario);
}

static void report_name(struct report *r, const char *name)
{
    if (r->as_json)
        buffer_printf(&r->text, ", \"%s\": ", name);
    else
        buffer_printf(&r->text, "\n  %-32s ", name);
}

void report_number(struct report *r, const char *name, double value)
{
    report_name(r, name);
    buffer_printf(&r->text, "%.3f", value);
}

void report_count(struct report *r, const char *name, uint64_t value)
{
    report_name(r, name);
    buffer_printf(&r->text, "%llu", (unsigned long long)value);
}

void report_text(struct report *r, const char *name, const char *value)
{
    report_name(r, name);
    if (r->as_json)
        json_string(&r->text, span_of(value));
    else
        buffer_append(&r->text, span_of(value));
}

void report_times(struct report *r, const char *name, const struct histogram *h)
{
    static const struct {
        const char *suffix;
        double percent;
    } rows[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}};
    char full[96];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(full, sizeof full, "%s_%s_ms", name, rows[i].suffix);
        report_number(r, full, (double)histogram_percentile(h, rows[i].percent) / 1e6);
    }
    snprintf(full, sizeof full, "%s_max_ms", name);
    report_number(r, full, (double)h->max / 1e6);
}

void report_list(struct report *r, const char *name)
{
    report_name(r, name);
    if (r->as_json)
        buffer_append_char(&r->text, '[');
}

void report_list_item(struct report *r, const char *value)
{
    if (!r->as_json) {
        buffer_printf(&r->text, "\n    %s", value);
        return;
    }
    if (r->text.ptr[r->text.len - 1] != '[')
        buffer_literal(&r->text, ", ");
    json_string(&r->text, span_of(value));
}

void report_list_end(struct report *r)
{
    if (r->as_json)
        buffer_append_char(&r->text, ']');
}

void report_finish(struct report *r)
{
    progress_clear();
    printf("%.*s%s\n", (int)r->text.len, r->text.ptr, r->as_json ? "}" : "");
    fflush(stdout);
    buffer_fini(&r->text);
}

void progress_show(const char *what, uint64_t done, uint64_t total)
{
    static uint64_t shown_ms; /* the terminal is one, too */
    uint64_t now = clock_now_ms();
    if (now - shown_ms < PROGRESS_EVERY_MS || !isatty(STDERR_FILENO))
        return;
    shown_ms = now;
    if (total > 0)
        fprintf(stderr, "\r\033[K%s: %llu of %llu", what, (unsigned long long)done,
                (unsigned long long)total);
    else
        fprintf(stderr, "\r\033[K%s: %llu", what, (unsigned long long)done);
    fflush(stderr);
}

void progress_clear(void)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
}
