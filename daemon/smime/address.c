/* SPDX-License-Identifier: Apache-2.0 */
#include "smime/address.h"

#include <strings.h>

/* A JID of 3,071 octets with each of them percent-encoded is nobody's. */
#define ADDRESS_BYTES_MAX 4096

/* "example.com/@example.net": whose that is depends on where one begins to read. */
static bool is_ambiguous(struct span text)
{
    const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
    return slash && memchr(slash, '@', text.len - (size_t)(slash - text.ptr));
}

/* Control characters, a second '@' and a JID without a domain (as of "//authority/...") are refused with what else no JID has. */
int address_jid_read(struct span text, char storage[static JID_BYTES_MAX], struct jid *ret_bare)
{
    struct jid jid;
    if (is_ambiguous(text) || jid_parse(text, storage, &jid) != 0)
        return ADDRESS_BAD;
    jid.resource_len = 0;
    *ret_bare = jid;
    return 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool percent_decode(struct span in, char *out, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < in.len; i++) {
        if ((unsigned char)in.ptr[i] >= 0x80)
            return false;
        if (in.ptr[i] != '%') {
            out[len++] = in.ptr[i];
            continue;
        }
        int high = i + 2 < in.len ? hex_digit(in.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(in.ptr[i + 2]) : -1;
        if (low < 0)
            return false;
        char c = (char)(high << 4 | low);
        if (c == '@' || c == '/') /* no part of a JID has these: they would only move the parts' limits */
            return false;
        out[len++] = c;
        i += 2;
    }
    *ret_len = len;
    return true;
}

/* The scheme's length with its colon; 0: none of ours. */
static size_t scheme_len(struct span uri)
{
    static const char *const schemes[] = {"im:", "pres:", "xmpp:"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i]);
        if (uri.len > len && strncasecmp(uri.ptr, schemes[i], len) == 0)
            return len;
    }
    return 0;
}

int address_uri_read(struct span uri, char storage[static JID_BYTES_MAX], struct jid *ret_bare)
{
    char decoded[ADDRESS_BYTES_MAX];
    size_t skip = scheme_len(uri), len = 0;
    if (skip == 0 || uri.len > sizeof decoded)
        return ADDRESS_BAD;
    struct span rest = span_skip(uri, skip);
    while (len < rest.len && rest.ptr[len] != '?' && rest.ptr[len] != '#')
        len++;
    if (!percent_decode(span_make(rest.ptr, len), decoded, &len))
        return ADDRESS_BAD;
    return address_jid_read(span_make(decoded, len), storage, ret_bare);
}
