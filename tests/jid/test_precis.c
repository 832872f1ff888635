/* SPDX-License-Identifier: Apache-2.0 */
/* Code points beyond ASCII: what RFC 8264's classes, RFC 5892's contexts and RFC 5893's Bidi Rule let
 * through, and what the mappings make of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "jid/jid.h"

struct part_row {
    const char *name;
    const char *in;
    const char *out; /* NULL: refused */
};

static const struct part_row local_rows[] = {
    /* Mappings */
    {"upper case", "\u00C9\u0416", "\u00E9\u0436"},
    {"decomposed", "e\u0301", "\u00E9"},
    {"decomposed upper case", "E\u0301", "\u00E9"},
    {"full-width", "\uFF21\uFF42\uFF11", "ab1"},
    {"half-width katakana", "\uFF76\uFF9E", "\u30AC"},
    {"full-width at", "a\uFF20b", NULL},
    {"full-width slash", "a\uFF0Fb", NULL},
    {"full-width quotation mark", "a\uFF02b", NULL},
    {"dotted capital I", "\u0130", "i\u0307"},
    {"sigma at the end of a word", "\u0391\u03A3", "\u03B1\u03C3"},
    {"capital sharp s", "\u1E9E", "\u00DF"},
    /* IdentifierClass */
    {"han", "\u4E2D\u6587", "\u4E2D\u6587"},
    {"hangul", "\uD55C", "\uD55C"},
    {"old hangul jamo", "\u1112\u1161", NULL},
    {"devanagari with signs", "\u0939\u093F\u0928\u094D\u0926\u0940", "\u0939\u093F\u0928\u094D\u0926\u0940"},
    {"deseret, beyond the first plane", "\U00010400", "\U00010428"},
    {"no-break space", "a\u00A0b", NULL},
    {"ideographic space", "a\u3000b", NULL},
    {"symbol", "a\u20AC", NULL},
    {"emoji", "\U0001F600", NULL},
    {"punctuation", "a\u2014b", NULL},
    {"title-case letter", "\u01C5", NULL},
    {"superscript", "m\u00B2", NULL},
    {"ligature", "\uFB01n", NULL},
    {"kelvin sign", "\u212A", NULL},
    {"soft hyphen", "a\u00ADb", NULL},
    {"zero width space", "a\u200Bb", NULL},
    {"left-to-right mark", "a\u200Eb", NULL},
    {"variation selector", "a\uFE0F", NULL},
    {"combining grapheme joiner", "a\u034F", NULL},
    {"byte order mark",
     "\uFEFF"
     "a",
     NULL},
    {"C1 control", "a\xC2\x85", NULL},
    {"private use", "\uE000", NULL},
    {"noncharacter", "\uFFFE", NULL},
    {"unassigned", "\u0378", NULL},
    {"tag", "\U000E0041", NULL},
    /* Exceptions of RFC 5892 s. 2.6 */
    {"arabic tatweel", "\u0628\u0640", NULL},
    {"vertical kana repeat mark", "\u3031", NULL},
    {"ideographic zero", "\u3007", "\u3007"},
    {"sindhi ampersand", "\u0628\u06FD", "\u0628\u06FD"},
    /* Contexts of RFC 5892 appendix A */
    {"ZWNJ after virama", "\u0915\u094D\u200C\u0937", "\u0915\u094D\u200C\u0937"},
    {"ZWNJ between joining letters", "\u0628\u200C\u0628", "\u0628\u200C\u0628"},
    {"ZWNJ with a mark between", "\u0628\u064B\u200C\u0628", "\u0628\u064B\u200C\u0628"},
    {"ZWNJ after a letter joining right only", "\u0627\u200C\u0628", NULL},
    {"ZWNJ in latin", "a\u200Cb", NULL},
    {"ZWNJ first", "\u200C\u0628", NULL},
    {"ZWNJ last", "\u0628\u200C", NULL},
    {"ZWJ after virama", "\u0915\u094D\u200D\u0937", "\u0915\u094D\u200D\u0937"},
    {"ZWJ between joining letters", "\u0628\u200D\u0628", NULL},
    {"ZWJ in latin", "a\u200Db", NULL},
    {"middle dot between l", "l\u00B7l", "l\u00B7l"},
    {"middle dot between L", "L\u00B7L", "l\u00B7l"},
    {"middle dot elsewhere", "a\u00B7l", NULL},
    {"middle dot last", "l\u00B7", NULL},
    {"greek keraia before greek", "\u0375\u03B1", "\u0375\u03B1"},
    {"greek keraia before latin", "\u0375a", NULL},
    {"geresh after hebrew", "\u05D0\u05F3", "\u05D0\u05F3"},
    {"geresh first", "\u05F3\u05D0", NULL},
    {"gershayim after hebrew", "\u05D0\u05F4\u05D1", "\u05D0\u05F4\u05D1"},
    {"gershayim after latin", "a\u05F4", NULL},
    {"katakana middle dot with kana", "\u30A2\u30FB\u30A2", "\u30A2\u30FB\u30A2"},
    {"katakana middle dot with han", "\u30FB\u4E2D", "\u30FB\u4E2D"},
    {"katakana middle dot in latin", "a\u30FBb", NULL},
    {"arabic-indic digits", "\u0628\u0660\u0661", "\u0628\u0660\u0661"},
    {"extended arabic-indic digits", "\u0628\u06F0\u06F1", "\u0628\u06F0\u06F1"},
    {"both rows of digits", "\u0628\u0660\u06F1", NULL},
    /* The Bidi Rule of RFC 5893 */
    {"hebrew", "\u05D0\u05D1", "\u05D0\u05D1"},
    {"hebrew with latin", "\u05D0a", NULL},
    {"latin with hebrew", "a\u05D0", NULL},
    {"hebrew after a digit", "1\u05D0", NULL},
    {"hebrew before a digit",
     "\u05D0"
     "1",
     "\u05D0"
     "1"},
    {"hebrew with a dot inside", "\u05D0.\u05D1", "\u05D0.\u05D1"},
    {"hebrew with a dot at the end", "\u05D0.", NULL},
    {"european and arabic digits",
     "\u0628"
     "1\u0661",
     NULL},
    {"arabic with a mark at the end", "\u0628\u064B", "\u0628\u064B"},
};

static const struct part_row resource_rows[] = {
    {"case is kept", "\u00C9A", "\u00C9A"},
    {"width is kept", "\uFF21", "\uFF21"},
    {"decomposed", "e\u0301", "\u00E9"},
    {"no-break space", "a\u00A0b", "a b"},
    {"leading ideographic space", "\u3000a", NULL},
    {"symbol", "\u265A", "\u265A"},
    {"emoji", "\U0001F600", "\U0001F600"},
    {"roman numeral", "\u2163", "\u2163"},
    {"angstrom sign", "\u212B", "\u00C5"},
    {"mixed directions",
     "a\u05D0"
     "1",
     "a\u05D0"
     "1"},
    {"soft hyphen", "a\u00ADb", NULL},
    {"emoji joined", "\U0001F468\u200D\U0001F469", NULL},
    {"variation selector", "\u2764\uFE0F", NULL},
    {"old hangul jamo", "\u1112\u1161", NULL},
    {"private use", "\uE000", NULL},
    {"control", "a\xC2\x85", NULL},
    {"line separator", "a\u2028b", NULL},
    {"katakana middle dot in latin", "a\u30FBb", NULL},
};

static const struct part_row domain_rows[] = {
    {"umlaut", "B\u00DCCHER.example", "b\u00FCcher.example"},
    {"decomposed", "bu\u0308cher.example", "b\u00FCcher.example"},
    {"sharp s", "fa\u00DF.example", "fa\u00DF.example"},
    {"full-width", "\uFF45\uFF58.\uFF45", "ex.e"},
    {"full-width full stop", "a\uFF0Eb", "a.b"},
    {"ideographic full stop", "\u4E2D\u3002\u6587", "\u4E2D.\u6587"},
    {"half-width ideographic full stop", "a\uFF61b", "a.b"},
    {"ideographic full stop at the end", "\u4E2D\u3002", "\u4E2D"},
    {"two of them at the end", "\u4E2D\u3002\u3002", NULL},
    {"full-width slash", "a\uFF0Fb", NULL},
    {"full-width brackets", "\uFF3B::1\uFF3D", NULL},
    {"combining mark first", "\u0301a.example", NULL},
    {"hyphen first", "-\u00FC.example", NULL},
    {"hyphen last", "\u00FC-.example", NULL},
    {"hyphens third and fourth", "ab--\u00FC.example", NULL},
    {"underscore beside a U-label", "a_b.\u00FC.example", NULL},
    {"symbol", "\u2603.example", NULL},
    {"hebrew", "\u05D0\u05D1.example", "\u05D0\u05D1.example"},
    {"hebrew and a label of digits", "\u05D0.1", NULL},
    {"katakana middle dot", "\u30A2\u30FB\u30A2.example", "\u30A2\u30FB\u30A2.example"},
    {"zero width space", "a\u200B.example", NULL},
    {"not UTF-8", "a\xFF.example", NULL},
};

typedef int prepare_part(struct span in, char storage[static JID_PART_BYTES_MAX], struct span *ret_part);

static void check_rows(const struct part_row *rows, size_t count, prepare_part *prepare)
{
    for (size_t i = 0; i < count; i++) {
        char storage[JID_PART_BYTES_MAX], again[JID_PART_BYTES_MAX];
        struct span part, same;
        int rc = prepare(span_of(rows[i].in), storage, &part);

        if (!rows[i].out) {
            if (rc != JID_BAD)
                fail_msg("%s: taken", rows[i].name);
            continue;
        }
        if (rc != 0 || !span_equal(part, span_of(rows[i].out)))
            fail_msg("%s: %s", rows[i].name, rc == 0 ? "mapped to something else" : "refused");
        if (prepare(part, again, &same) != 0 || !span_equal(part, same))
            fail_msg("%s: does not map to itself", rows[i].name);
    }
}

static void test_locals(void **state)
{
    (void)state;
    check_rows(local_rows, sizeof(local_rows) / sizeof(local_rows[0]), jid_prepare_local);
}

static void test_resources(void **state)
{
    (void)state;
    check_rows(resource_rows, sizeof(resource_rows) / sizeof(resource_rows[0]), jid_prepare_resource);
}

static void test_domains(void **state)
{
    (void)state;
    check_rows(domain_rows, sizeof(domain_rows) / sizeof(domain_rows[0]), jid_prepare_domain);
}

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char heads[] = {0, 0xC0, 0xE0, 0xF0};

    out[0] = (char)(heads[more] | c >> (6 * more));
    for (int i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (c >> (6 * (more - i)) & 0x3F));
    return (size_t)more + 1;
}

/* Every code point there is, alone and between letters: what is taken maps to itself, and what a local part
 * takes a resource takes, too. */
static void test_every_code_point(void **state)
{
    static prepare_part *const parts[] = {jid_prepare_local, jid_prepare_domain, jid_prepare_resource};
    size_t taken[3] = {0};

    (void)state;
    for (uint32_t c = 1; c <= 0x10FFFF; c++) {
        char text[8] = "x", storage[JID_PART_BYTES_MAX], again[JID_PART_BYTES_MAX];
        size_t len = put_utf8(c, text + 1);
        struct span forms[] = {span_make(text + 1, len), span_make(text, len + 1)};
        struct span part, same;

        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        for (size_t p = 0; p < 3; p++) {
            for (size_t f = 0; f < 2; f++) {
                if (parts[p](forms[f], storage, &part) != 0)
                    continue;
                taken[p]++;
                if (parts[p](part, again, &same) != 0 || !span_equal(part, same))
                    fail_msg("U+%04X does not map to itself in part %zu", (unsigned)c, p);
                if (p == 0 && jid_prepare_resource(part, again, &same) != 0)
                    fail_msg("U+%04X is good in a local part only", (unsigned)c);
            }
        }
    }
    /* Unicode grows: only the order of size is fixed. */
    assert_in_range(taken[0], 200000, 400000);
    assert_in_range(taken[2], taken[0], 500000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locals),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_every_code_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
