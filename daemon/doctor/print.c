/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/json.h"
#include "doctor/finding.h"

/* Terminals are at least this wide, mostly; lines to be copied are never broken. */
#define TABLE_COLUMNS 120
#define STATE_COLUMNS 14

/* Characters, not bytes: what goes on with 10xxxxxx belongs to the one before. */
static size_t columns_of(struct span s)
{
    size_t columns = 0;
    for (size_t i = 0; i < s.len; i++)
        columns += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return columns;
}

/* Words of `text` from column `indent` on, as many lines as it takes. */
static void words_write(struct buffer *out, struct span text, size_t indent)
{
    size_t column = indent;
    while (text.len) {
        const char *blank = memchr(text.ptr, ' ', text.len);
        struct span word = {text.ptr, blank ? (size_t)(blank - text.ptr) : text.len};
        if (column > indent && column + 1 + columns_of(word) > TABLE_COLUMNS) {
            buffer_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            buffer_append_char(out, ' ');
            column++;
        }
        buffer_append(out, word);
        column += columns_of(word);
        text = span_skip(text, word.len + (blank != NULL));
    }
    buffer_append_char(out, '\n');
}

void findings_write_table(const struct findings *all, struct buffer *out)
{
    uint32_t counts[FINDING_NOT_APPLICABLE + 1] = {0}, lacking = 0;
    size_t name_columns = strlen("NAME");
    for (uint32_t i = 0; i < all->count; i++)
        if (strlen(all->at[i].name) > name_columns)
            name_columns = strlen(all->at[i].name);
    size_t indent = name_columns + 2 + STATE_COLUMNS + 2;
    buffer_printf(out, "%-*s  %-*s  REASON, AND THE LINE THAT CHANGES IT\n", (int)name_columns, "NAME",
                  STATE_COLUMNS, "STATE");
    for (uint32_t i = 0; i < all->count; i++) {
        const struct finding *f = &all->at[i];
        counts[f->state]++;
        lacking += f->state == FINDING_MISSING && f->need == FINDING_NEEDED;
        buffer_printf(out, "%-*s  %-*s  ", (int)name_columns, f->name, STATE_COLUMNS,
                      finding_state_name(f->state));
        words_write(out, buffer_span(&f->reason), indent);
        if (f->change.len)
            buffer_printf(out, "%*s> %.*s\n", (int)indent, "", (int)f->change.len, f->change.ptr);
    }
    buffer_printf(out, "\n%s here: %u ok, %u degraded, %u missing",
                  lacking ? "musterd cannot run" : "musterd can run", counts[FINDING_OK],
                  counts[FINDING_DEGRADED], counts[FINDING_MISSING]);
    if (lacking)
        buffer_printf(out, " (%u of them needed)", lacking);
    buffer_printf(out, ", %u not applicable\n", counts[FINDING_NOT_APPLICABLE]);
}

static void member_write(struct buffer *out, const char *key, struct span value)
{
    buffer_printf(out, ", \"%s\": ", key);
    json_string(out, value);
}

void findings_write_json(const struct findings *all, struct buffer *out)
{
    buffer_printf(out, "{\"version\": \"%s\", \"can_run\": %s, \"findings\": [", MUSTER_VERSION,
                  findings_let_run(all) ? "true" : "false");
    for (uint32_t i = 0; i < all->count; i++) {
        const struct finding *f = &all->at[i];
        buffer_printf(out, "%s\n  {\"name\": ", i ? "," : "");
        json_string(out, span_of(f->name));
        member_write(out, "state", span_of(finding_state_name(f->state)));
        buffer_printf(out, ", \"needed\": %s", f->need == FINDING_NEEDED ? "true" : "false");
        member_write(out, "reason", buffer_span(&f->reason));
        member_write(out, "change", buffer_span(&f->change));
        buffer_append_char(out, '}');
    }
    buffer_literal(out, "\n]}\n");
}
