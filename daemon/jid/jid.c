/* SPDX-License-Identifier: Apache-2.0 */
/* JIDs (RFC 7622): cut at the separators, each part checked and mapped. Nearly every JID is ASCII and goes by
 * one table look-up a byte; the rest goes to precis.c and domain.c. Values in, values out. */
#include <assert.h>

#include "jid/jid.h"
#include "jid/precis.h"

/* RFC 8265 s. 3.3.2 and 4.2.2: the rules are applied until nothing changes; what has not settled after three
 * more rounds is refused. */
#define ROUNDS_MAX 4

/* What each ASCII byte is to a localpart: itself in lower case, or 0 when it is forbidden (RFC 7622 s. 3.3.1:
 * " & ' / : < > @, and what the IdentifierClass leaves out: space and controls). */
static const char local_map[128] = {
    [0x21] = '!', [0x23] = '#',  [0x24] = '$', [0x25] = '%', [0x28] = '(', [0x29] = ')', [0x2A] = '*',
    [0x2B] = '+', [0x2C] = ',',  [0x2D] = '-', [0x2E] = '.', [0x3B] = ';', [0x3D] = '=', [0x3F] = '?',
    [0x5B] = '[', [0x5C] = '\\', [0x5D] = ']', [0x5E] = '^', [0x5F] = '_', [0x60] = '`', [0x7B] = '{',
    [0x7C] = '|', [0x7D] = '}',  [0x7E] = '~', ['0'] = '0',  ['1'] = '1',  ['2'] = '2',  ['3'] = '3',
    ['4'] = '4',  ['5'] = '5',   ['6'] = '6',  ['7'] = '7',  ['8'] = '8',  ['9'] = '9',  ['A'] = 'a',
    ['B'] = 'b',  ['C'] = 'c',   ['D'] = 'd',  ['E'] = 'e',  ['F'] = 'f',  ['G'] = 'g',  ['H'] = 'h',
    ['I'] = 'i',  ['J'] = 'j',   ['K'] = 'k',  ['L'] = 'l',  ['M'] = 'm',  ['N'] = 'n',  ['O'] = 'o',
    ['P'] = 'p',  ['Q'] = 'q',   ['R'] = 'r',  ['S'] = 's',  ['T'] = 't',  ['U'] = 'u',  ['V'] = 'v',
    ['W'] = 'w',  ['X'] = 'x',   ['Y'] = 'y',  ['Z'] = 'z',  ['a'] = 'a',  ['b'] = 'b',  ['c'] = 'c',
    ['d'] = 'd',  ['e'] = 'e',   ['f'] = 'f',  ['g'] = 'g',  ['h'] = 'h',  ['i'] = 'i',  ['j'] = 'j',
    ['k'] = 'k',  ['l'] = 'l',   ['m'] = 'm',  ['n'] = 'n',  ['o'] = 'o',  ['p'] = 'p',  ['q'] = 'q',
    ['r'] = 'r',  ['s'] = 's',   ['t'] = 't',  ['u'] = 'u',  ['v'] = 'v',  ['w'] = 'w',  ['x'] = 'x',
    ['y'] = 'y',  ['z'] = 'z',
};

typedef int part_rules(struct span in, char *storage, size_t storage_bytes, size_t *ret_len);

static bool is_ascii(struct span s)
{
    unsigned char all = 0;

    for (size_t i = 0; i < s.len; i++)
        all |= (unsigned char)s.ptr[i];
    return all < 0x80;
}

static int local_ascii(struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    if (in.len == 0 || in.len > storage_bytes)
        return JID_BAD;
    for (size_t i = 0; i < in.len; i++) {
        char mapped = local_map[(unsigned char)in.ptr[i]];
        if (!mapped)
            return JID_BAD;
        storage[i] = mapped;
    }
    *ret_len = in.len;
    return 0;
}

static int opaque_ascii(struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    if (in.len == 0 || in.len > storage_bytes)
        return JID_BAD;
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] < 0x20 || in.ptr[i] > 0x7E)
            return JID_BAD;
        storage[i] = in.ptr[i];
    }
    *ret_len = in.len;
    return 0;
}

static int local_round(struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    size_t len;

    if (is_ascii(in))
        return local_ascii(in, storage, storage_bytes, ret_len);
    if (precis_username(in, storage, storage_bytes, &len) != 0)
        return JID_BAD;
    /* The profile lets through what RFC 7622 s. 3.3.1 takes away, and a full-width '@' has become a plain
     * one. */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)storage[i] < 0x80 && !local_map[(unsigned char)storage[i]])
            return JID_BAD;
    *ret_len = len;
    return 0;
}

static int opaque_round(struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    return is_ascii(in) ? opaque_ascii(in, storage, storage_bytes, ret_len)
                        : precis_opaque(in, storage, storage_bytes, ret_len);
}

/* Apply `rules` until the text stays as it is: what comes out is then its own mapping. ASCII settles at
 * once. */
static int prepare(part_rules *rules, struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    char again[PRECIS_INPUT_BYTES_MAX];
    size_t len, again_len;

    if (storage_bytes > sizeof(again))
        storage_bytes = sizeof(again);
    if (rules(in, storage, storage_bytes, &len) != 0)
        return JID_BAD;
    if (is_ascii(in)) {
        *ret_len = len;
        return 0;
    }
    for (int round = 1; round < ROUNDS_MAX; round++) {
        if (rules(span_make(storage, len), again, storage_bytes, &again_len) != 0)
            return JID_BAD;
        if (span_equal(span_make(storage, len), span_make(again, again_len))) {
            *ret_len = len;
            return 0;
        }
        memcpy(storage, again, again_len);
        len = again_len;
    }
    return JID_BAD;
}

static int prepare_local(struct span in, char *storage, size_t *ret_len)
{
    return prepare(local_round, in, storage, JID_PART_BYTES_MAX, ret_len);
}

static int prepare_domain(struct span in, char *storage, size_t *ret_len)
{
    return prepare(domain_prepare, in, storage, JID_PART_BYTES_MAX, ret_len);
}

static int prepare_resource(struct span in, char *storage, size_t *ret_len)
{
    size_t len;

    /* A space in front: RFC 7622 s. 3.5, example 18. The profile alone would take it. */
    if (prepare(opaque_round, in, storage, JID_PART_BYTES_MAX, &len) != 0 || storage[0] == ' ')
        return JID_BAD;
    *ret_len = len;
    return 0;
}

int jid_parse(struct span in, char storage[static JID_BYTES_MAX], struct jid *ret_jid)
{
    /* The separators are found before any mapping, the '/' first (RFC 7622 s. 3.1, 3.2). */
    const char *slash = in.len ? memchr(in.ptr, '/', in.len) : NULL;
    struct span bare = slash ? span_make(in.ptr, (size_t)(slash - in.ptr)) : in;
    const char *at = bare.len ? memchr(bare.ptr, '@', bare.len) : NULL;
    struct span domain = at ? span_skip(bare, (size_t)(at - bare.ptr) + 1) : bare;
    size_t local_len = 0, domain_len, resource_len = 0, used = 0;

    if (at) {
        if (prepare_local(span_make(bare.ptr, (size_t)(at - bare.ptr)), storage, &local_len) != 0)
            return JID_BAD;
        used = local_len;
        storage[used++] = '@';
    }
    if (prepare_domain(domain, storage + used, &domain_len) != 0)
        return JID_BAD;
    used += domain_len;
    if (slash) {
        storage[used++] = '/';
        if (prepare_resource(span_skip(in, bare.len + 1), storage + used, &resource_len) != 0)
            return JID_BAD;
    }
    *ret_jid = (struct jid){
        .text = storage,
        .local_len = (uint16_t)local_len,
        .domain_len = (uint16_t)domain_len,
        .resource_len = (uint16_t)resource_len,
    };
    return 0;
}

int jid_prepare_local(struct span in, char storage[static JID_PART_BYTES_MAX], struct span *ret_part)
{
    size_t len;

    if (prepare_local(in, storage, &len) != 0)
        return JID_BAD;
    *ret_part = span_make(storage, len);
    return 0;
}

int jid_prepare_domain(struct span in, char storage[static JID_PART_BYTES_MAX], struct span *ret_part)
{
    size_t len;

    if (prepare_domain(in, storage, &len) != 0)
        return JID_BAD;
    *ret_part = span_make(storage, len);
    return 0;
}

int jid_prepare_resource(struct span in, char storage[static JID_PART_BYTES_MAX], struct span *ret_part)
{
    size_t len;

    if (prepare_resource(in, storage, &len) != 0)
        return JID_BAD;
    *ret_part = span_make(storage, len);
    return 0;
}

int jid_prepare_password(struct span in, char *storage, size_t storage_bytes, struct span *ret_password)
{
    size_t len;

    if (prepare(opaque_round, in, storage, storage_bytes, &len) != 0)
        return JID_BAD;
    *ret_password = span_make(storage, len);
    return 0;
}

struct jid jid_of_prepared(struct span text)
{
    const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
    size_t bare_len = slash ? (size_t)(slash - text.ptr) : text.len;
    const char *at = bare_len ? memchr(text.ptr, '@', bare_len) : NULL;
    size_t local_len = at ? (size_t)(at - text.ptr) : 0;

    assert(text.len <= JID_BYTES_MAX);
    return (struct jid){
        .text = text.ptr,
        .local_len = (uint16_t)local_len,
        .domain_len = (uint16_t)(bare_len - local_len - (at ? 1 : 0)),
        .resource_len = (uint16_t)(slash ? text.len - bare_len - 1 : 0),
    };
}
