/* SPDX-License-Identifier: Apache-2.0 */
/* What a code point is to PRECIS: the derived property of RFC 8264 s. 8, the contextual rules of RFC 5892
 * appendix A and the Bidi Rule of RFC 5893. The Unicode tables are libunistring's. */
#include <stdlib.h>

#include <unictype.h>
#include <uninorm.h>

#include "jid/precis.h"

/* Unicode's combining class of a virama: the sign after which the joiners are meaningful. */
#define CANONICAL_CLASS_VIRAMA 9

enum derived {
    VALID,
    IDENTIFIER_DISALLOWED, /* good in the FreeformClass only */
    CONTEXT,               /* good where RFC 5892 appendix A says so */
    DISALLOWED,
};

enum {
    ZERO_WIDTH_NON_JOINER = 0x200C,
    ZERO_WIDTH_JOINER = 0x200D,
    MIDDLE_DOT = 0x00B7,
    GREEK_KERAIA = 0x0375,
    HEBREW_GERESH = 0x05F3,
    HEBREW_GERSHAYIM = 0x05F4,
    KATAKANA_MIDDLE_DOT = 0x30FB,
};

static bool in_range(uint32_t c, uint32_t from, uint32_t to)
{
    return c >= from && c <= to;
}

static bool is_arabic_indic_digit(uint32_t c)
{
    return in_range(c, 0x0660, 0x0669);
}

static bool is_extended_arabic_indic_digit(uint32_t c)
{
    return in_range(c, 0x06F0, 0x06F9);
}

/* RFC 5892 s. 2.6, which RFC 8264 s. 9.6 takes over. Returns false when `c` is no exception. */
static bool exception_find(uint32_t c, enum derived *ret_derived)
{
    switch (c) {
    case 0x00DF: /* sharp s */
    case 0x03C2: /* final sigma */
    case 0x06FD:
    case 0x06FE:
    case 0x0F0B:
    case 0x3007:
        *ret_derived = VALID;
        return true;
    case MIDDLE_DOT:
    case GREEK_KERAIA:
    case HEBREW_GERESH:
    case HEBREW_GERSHAYIM:
    case KATAKANA_MIDDLE_DOT:
        *ret_derived = CONTEXT;
        return true;
    case 0x0640:
    case 0x07FA:
    case 0x302E:
    case 0x302F:
    case 0x3031:
    case 0x3032:
    case 0x3033:
    case 0x3034:
    case 0x3035:
    case 0x303B:
        *ret_derived = DISALLOWED;
        return true;
    default:
        if (!is_arabic_indic_digit(c) && !is_extended_arabic_indic_digit(c))
            return false;
        *ret_derived = CONTEXT;
        return true;
    }
}

/* Hangul_Syllable_Type L, V or T (RFC 8264 s. 9.9). */
static bool is_old_hangul_jamo(uint32_t c)
{
    return in_range(c, 0x1100, 0x11FF) || in_range(c, 0xA960, 0xA97C) || in_range(c, 0xD7B0, 0xD7C6) ||
           in_range(c, 0xD7CB, 0xD7FB);
}

/* NFKC changes it (RFC 8264 s. 9.17). */
static bool has_compatibility_form(uint32_t c)
{
    uint32_t room[32]; /* the longest compatibility form is 18 code points (U+FDFA) */
    size_t count = sizeof(room) / sizeof(room[0]);
    uint32_t *form = u32_normalize(UNINORM_NFKC, &c, 1, room, &count);

    if (form != room) { /* without memory, or a longer form than any known: then it is one */
        free(form);
        return true;
    }
    return count != 1 || room[0] != c;
}

/* The order of the questions is RFC 8264 s. 8's. */
static enum derived derived_property(uint32_t c)
{
    const uc_general_category_t letter_digits = uc_general_category_or(
        uc_general_category_or(UC_CATEGORY_Ll, uc_general_category_or(UC_CATEGORY_Lu, UC_CATEGORY_Lo)),
        uc_general_category_or(uc_general_category_or(UC_CATEGORY_Nd, UC_CATEGORY_Lm),
                               uc_general_category_or(UC_CATEGORY_Mn, UC_CATEGORY_Mc)));
    const uc_general_category_t freeform_only = uc_general_category_or(
        uc_general_category_or(uc_general_category_or(UC_CATEGORY_Lt, UC_CATEGORY_Nl),
                               uc_general_category_or(UC_CATEGORY_No, UC_CATEGORY_Me)),
        uc_general_category_or(UC_CATEGORY_Zs, uc_general_category_or(UC_CATEGORY_S, UC_CATEGORY_P)));
    enum derived derived;

    if (exception_find(c, &derived))
        return derived;
    if (in_range(c, 0x21, 0x7E))
        return VALID;
    if (c == ZERO_WIDTH_NON_JOINER || c == ZERO_WIDTH_JOINER)
        return CONTEXT;
    if (is_old_hangul_jamo(c) || uc_is_property_default_ignorable_code_point(c) ||
        uc_is_property_not_a_character(c))
        return DISALLOWED;
    if (uc_is_general_category(c, UC_CATEGORY_Cn) || uc_is_general_category(c, UC_CATEGORY_Cc))
        return DISALLOWED;
    if (has_compatibility_form(c))
        return IDENTIFIER_DISALLOWED;
    if (uc_is_general_category(c, letter_digits))
        return VALID;
    if (uc_is_general_category(c, freeform_only))
        return IDENTIFIER_DISALLOWED;
    return DISALLOWED; /* private use, format controls */
}

static bool is_script(uint32_t c, const char *name)
{
    const uc_script_t *script = uc_script(c);

    return script && strcmp(script->name, name) == 0;
}

/* RFC 5892 A.1: (L or D), T*, ZWNJ, T*, (R or D). */
static bool is_between_joining(const uint32_t *at, size_t count, size_t i)
{
    size_t before = i, after = i + 1;
    int type = UC_JOINING_TYPE_U;

    while (before > 0 && (type = uc_joining_type(at[before - 1])) == UC_JOINING_TYPE_T)
        before--;
    if (before == 0 || (type != UC_JOINING_TYPE_L && type != UC_JOINING_TYPE_D))
        return false;
    while (after < count && (type = uc_joining_type(at[after])) == UC_JOINING_TYPE_T)
        after++;
    return after < count && (type == UC_JOINING_TYPE_R || type == UC_JOINING_TYPE_D);
}

/* What the rules ask of the whole text, looked up once: asked for every code point the work would grow with
 * the square of what a peer sends. */
struct context_facts {
    bool is_known;
    bool has_japanese; /* Hiragana, Katakana or Han */
    bool has_arabic_indic_digit;
    bool has_extended_arabic_indic_digit;
};

static void facts_find(struct context_facts *facts, const uint32_t *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        facts->has_japanese |=
            is_script(at[i], "Hiragana") || is_script(at[i], "Katakana") || is_script(at[i], "Han");
        facts->has_arabic_indic_digit |= is_arabic_indic_digit(at[i]);
        facts->has_extended_arabic_indic_digit |= is_extended_arabic_indic_digit(at[i]);
    }
    facts->is_known = true;
}

/* RFC 5892 appendix A, rule by rule. */
static bool context_holds(const uint32_t *at, size_t count, size_t i, struct context_facts *facts)
{
    uint32_t c = at[i];

    if (!facts->is_known)
        facts_find(facts, at, count);
    switch (c) {
    case ZERO_WIDTH_NON_JOINER: /* A.1 */
        return (i > 0 && uc_combining_class(at[i - 1]) == CANONICAL_CLASS_VIRAMA) ||
               is_between_joining(at, count, i);
    case ZERO_WIDTH_JOINER: /* A.2 */
        return i > 0 && uc_combining_class(at[i - 1]) == CANONICAL_CLASS_VIRAMA;
    case MIDDLE_DOT: /* A.3: Catalan l.l */
        return i > 0 && i + 1 < count && at[i - 1] == 'l' && at[i + 1] == 'l';
    case GREEK_KERAIA: /* A.4 */
        return i + 1 < count && is_script(at[i + 1], "Greek");
    case HEBREW_GERESH:    /* A.5 */
    case HEBREW_GERSHAYIM: /* A.6 */
        return i > 0 && is_script(at[i - 1], "Hebrew");
    case KATAKANA_MIDDLE_DOT: /* A.7 */
        return facts->has_japanese;
    default: /* A.8, A.9: the two rows of digits do not mix */
        return !(facts->has_arabic_indic_digit && facts->has_extended_arabic_indic_digit);
    }
}

bool precis_class_holds(enum precis_class class, const uint32_t *at, size_t count, bool with_context)
{
    struct context_facts facts = {0};

    for (size_t i = 0; i < count; i++) {
        if (in_range(at[i], 0x21, 0x7E) || (class == PRECIS_FREEFORM && at[i] == ' '))
            continue;
        switch (derived_property(at[i])) {
        case VALID:
            break;
        case IDENTIFIER_DISALLOWED:
            if (class == PRECIS_IDENTIFIER)
                return false;
            break;
        case CONTEXT:
            if (with_context && !context_holds(at, count, i, &facts))
                return false;
            break;
        case DISALLOWED:
            return false;
        }
    }
    return true;
}

bool precis_is_mark(uint32_t code_point)
{
    return uc_is_general_category(code_point, UC_CATEGORY_M);
}

bool precis_has_right_to_left(const uint32_t *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int bidi = uc_bidi_category(at[i]);
        if (bidi == UC_BIDI_R || bidi == UC_BIDI_AL || bidi == UC_BIDI_AN)
            return true;
    }
    return false;
}

/* What may stand in a text of either direction (rules 2 and 5). */
static bool is_bidi_neutral(int bidi)
{
    return bidi == UC_BIDI_EN || bidi == UC_BIDI_ES || bidi == UC_BIDI_CS || bidi == UC_BIDI_ET ||
           bidi == UC_BIDI_ON || bidi == UC_BIDI_BN || bidi == UC_BIDI_NSM;
}

bool precis_bidi_holds(const uint32_t *at, size_t count)
{
    if (count == 0)
        return false;

    int first = uc_bidi_category(at[0]);
    bool is_rtl = first == UC_BIDI_R || first == UC_BIDI_AL; /* rule 1 */
    bool has_en = false, has_an = false;
    int last = first;

    if (!is_rtl && first != UC_BIDI_L)
        return false;
    for (size_t i = 0; i < count; i++) {
        int bidi = uc_bidi_category(at[i]);
        bool is_own =
            is_rtl ? bidi == UC_BIDI_R || bidi == UC_BIDI_AL || bidi == UC_BIDI_AN : bidi == UC_BIDI_L;

        if (!is_own && !is_bidi_neutral(bidi)) /* rules 2, 5 */
            return false;
        has_en |= bidi == UC_BIDI_EN;
        has_an |= bidi == UC_BIDI_AN;
        if (bidi != UC_BIDI_NSM)
            last = bidi;
    }
    if (is_rtl && has_en && has_an) /* rule 4 */
        return false;
    if (is_rtl) /* rule 3 */
        return last == UC_BIDI_R || last == UC_BIDI_AL || last == UC_BIDI_EN || last == UC_BIDI_AN;
    return last == UC_BIDI_L || last == UC_BIDI_EN; /* rule 6 */
}
