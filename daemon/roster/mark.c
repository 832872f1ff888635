/* SPDX-License-Identifier: Apache-2.0 */
#include "roster/mark.h"

#include <stdio.h>

struct span roster_mark_write(const struct roster_mark *m, char storage[ROSTER_MARK_BYTES])
{
    int len = snprintf(storage, ROSTER_MARK_BYTES, m->groups ? "%x-%llx-%llx" : "%x-%llx", m->epoch,
                       (unsigned long long)m->version, (unsigned long long)m->groups);
    return span_make(storage, (size_t)len);
}

/* Lower-case hex, no zero in front, up to `digits_max` digits; then the end or a '-', which is taken. */
static bool number_read(struct span *text, size_t digits_max, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t len = 0;
    for (; len < text->len && text->ptr[len] != '-'; len++) {
        char c = text->ptr[len];
        bool is_digit = c >= '0' && c <= '9';
        if (len == digits_max || !(is_digit || (c >= 'a' && c <= 'f')) || (len > 0 && number == 0))
            return false;
        number = number << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    bool has_more = len < text->len;
    if (len == 0 || (has_more && len + 1 == text->len))
        return false;
    *text = span_skip(*text, len + has_more);
    *ret_number = number;
    return true;
}

bool roster_mark_read(struct span text, struct roster_mark *ret_mark)
{
    uint64_t epoch, version, groups = 0;
    if (!number_read(&text, 8, &epoch) || !number_read(&text, 16, &version))
        return false;
    if (text.len && (!number_read(&text, 16, &groups) || text.len || !groups))
        return false;
    *ret_mark = (struct roster_mark){(uint32_t)epoch, version, groups};
    return true;
}
