/* SPDX-License-Identifier: Apache-2.0 */
/* The XML declaration before a stream's root (XML 1.0 s. 2.8): <?xml version='1.0' encoding='UTF-8'?> */
#include <strings.h>

#include "xml/scan.h"

static bool take_space(struct span *text)
{
    size_t n = 0;
    while (n < text->len && (chars_class[(uint8_t)text->ptr[n]] & CHAR_SPACE))
        n++;
    *text = span_skip(*text, n);
    return n > 0;
}

/* Take S name Eq quoted-value off `text` when it stands there. */
static bool take_setting(struct span *text, struct span name, struct span *ret_value)
{
    struct span t = *text;
    if (!take_space(&t) || !span_starts(t, name))
        return false;
    t = span_skip(t, name.len);
    take_space(&t);
    if (t.len == 0 || t.ptr[0] != '=')
        return false;
    t = span_skip(t, 1);
    take_space(&t);
    if (t.len == 0 || (t.ptr[0] != '\'' && t.ptr[0] != '"'))
        return false;
    const char *end = memchr(t.ptr + 1, t.ptr[0], t.len - 1);
    if (!end)
        return false;
    *ret_value = span_make(t.ptr + 1, (size_t)(end - t.ptr) - 1);
    *text = span_skip(t, ret_value->len + 2);
    return true;
}

/* 1.x: a later minor version is read as 1.0 (XML 1.0 fifth edition, s. 2.8). */
static bool is_version(struct span value)
{
    if (value.len < 3 || !span_starts(value, SPAN("1.")))
        return false;
    for (size_t i = 2; i < value.len; i++)
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
    return true;
}

static bool is_encoding_name(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t b = (uint8_t)value.ptr[i];
        if (b >= 0x80 || !(chars_class[b] & CHAR_NAME) ||
            (i == 0 && (!(chars_class[b] & CHAR_NAME_START) || b == '_')))
            return false;
    }
    return value.len > 0;
}

int scan_declaration(struct xml_scan *s, const uint8_t *ptr, size_t len)
{
    struct span text = span_make((const char *)ptr, len - 2), value;
    text = span_skip(text, sizeof "<?xml" - 1);
    if (!take_setting(&text, SPAN("version"), &value) || !is_version(value))
        return scan_refuse(s, XML_NOT_WELL_FORMED);
    if (take_setting(&text, SPAN("encoding"), &value)) {
        if (!is_encoding_name(value))
            return scan_refuse(s, XML_NOT_WELL_FORMED);
        if (value.len != 5 || strncasecmp(value.ptr, "UTF-8", 5) != 0)
            return scan_refuse(s, XML_UNSUPPORTED_ENCODING);
    }
    if (take_setting(&text, SPAN("standalone"), &value) && !span_is(value, "yes") && !span_is(value, "no"))
        return scan_refuse(s, XML_NOT_WELL_FORMED);
    take_space(&text);
    return text.len == 0 ? SCAN_ON : scan_refuse(s, XML_NOT_WELL_FORMED);
}
