/* SPDX-License-Identifier: Apache-2.0 */
/* The mappings of PRECIS and the two profiles JIDs use. One application each: jid.c repeats them until
 * nothing changes any more, as RFC 8265 wants it. Needs memory only inside libunistring, for long
 * normalisations; without it the text is refused. */
#include <stdlib.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "jid/jid.h"
#include "jid/precis.h"

bool precis_decode(struct span in, struct code_points *ret)
{
    size_t count = PRECIS_INPUT_BYTES_MAX;

    if (in.len == 0 || in.len > PRECIS_INPUT_BYTES_MAX)
        return false;
    /* As many code points as bytes at most: it fits, so a different pointer can only be NULL. */
    if (u8_to_u32((const uint8_t *)in.ptr, in.len, ret->at, &count) != ret->at)
        return false;
    ret->count = count;
    return true;
}

bool precis_encode(const struct code_points *in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    size_t len = 0;

    for (size_t i = 0; i < in->count; i++) {
        int used = u8_uctomb((uint8_t *)storage + len, in->at[i], (ptrdiff_t)(storage_bytes - len));
        if (used <= 0)
            return false;
        len += (size_t)used;
    }
    *ret_len = len;
    return true;
}

/* Full-width and half-width forms become what they decompose to (RFC 8265 s. 3.3.2 (1)). */
bool precis_map_width(struct code_points *c)
{
    for (size_t i = 0; i < c->count; i++) {
        ucs4_t form[UC_DECOMPOSITION_MAX_LENGTH];
        int tag;
        int count = uc_decomposition(c->at[i], &tag, form);

        if (count < 0 || (tag != UC_DECOMP_WIDE && tag != UC_DECOMP_NARROW))
            continue;
        if (count != 1) /* none has more; a Unicode that brings one is not silently mangled */
            return false;
        c->at[i] = form[0];
    }
    return true;
}

/* Each code point by itself: RFC 7622 s. 3.5 leaves the final sigma's context out of the mapping, and a
 * mapping without context is the same for a name and for its beginning. */
bool precis_map_lower(struct code_points *c)
{
    struct code_points lower;

    lower.count = 0;
    for (size_t i = 0; i < c->count; i++) {
        uint32_t room[8]; /* U+0130 becomes two; no code point becomes more than three */
        size_t count = sizeof(room) / sizeof(room[0]);

        if (c->at[i] < 0x80) {
            room[0] = c->at[i] >= 'A' && c->at[i] <= 'Z' ? c->at[i] + ('a' - 'A') : c->at[i];
            count = 1;
        } else {
            uint32_t *form = u32_tolower(&c->at[i], 1, NULL, NULL, room, &count);
            if (form != room) {
                free(form);
                return false;
            }
        }
        if (count > PRECIS_INPUT_BYTES_MAX - lower.count)
            return false;
        memcpy(lower.at + lower.count, room, count * sizeof(room[0]));
        lower.count += count;
    }
    memcpy(c->at, lower.at, lower.count * sizeof(lower.at[0]));
    c->count = lower.count;
    return true;
}

/* RFC 8265 s. 4.2.2 (2): any other space becomes U+0020. */
void precis_map_spaces(struct code_points *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->at[i] >= 0x80 && uc_is_general_category(c->at[i], UC_CATEGORY_Zs))
            c->at[i] = ' ';
}

bool precis_compose(struct code_points *c)
{
    struct code_points out;
    size_t count = PRECIS_INPUT_BYTES_MAX;
    uint32_t *form = u32_normalize(UNINORM_NFC, c->at, c->count, out.at, &count);

    if (form != out.at) { /* longer than any part may be, or without memory */
        free(form);
        return false;
    }
    memcpy(c->at, out.at, count * sizeof(out.at[0]));
    c->count = count;
    return true;
}

int precis_username(struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    struct code_points c;

    if (!precis_decode(in, &c) || !precis_map_width(&c))
        return JID_BAD;
    /* The class is asked before the mapping, where the RFC puts it, and after it, so that the result is good
     * by itself. */
    if (!precis_class_holds(PRECIS_IDENTIFIER, c.at, c.count, false))
        return JID_BAD;
    if (!precis_map_lower(&c) || !precis_compose(&c))
        return JID_BAD;
    if (!precis_class_holds(PRECIS_IDENTIFIER, c.at, c.count, true))
        return JID_BAD;
    if (precis_has_right_to_left(c.at, c.count) && !precis_bidi_holds(c.at, c.count))
        return JID_BAD;
    return precis_encode(&c, storage, storage_bytes, ret_len) ? 0 : JID_BAD;
}

int precis_opaque(struct span in, char *storage, size_t storage_bytes, size_t *ret_len)
{
    struct code_points c;

    if (!precis_decode(in, &c))
        return JID_BAD;
    if (!precis_class_holds(PRECIS_FREEFORM, c.at, c.count, false))
        return JID_BAD;
    precis_map_spaces(&c);
    if (!precis_compose(&c))
        return JID_BAD;
    if (!precis_class_holds(PRECIS_FREEFORM, c.at, c.count, true))
        return JID_BAD;
    return precis_encode(&c, storage, storage_bytes, ret_len) ? 0 : JID_BAD;
}
