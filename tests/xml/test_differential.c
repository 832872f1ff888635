/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner against expat, on generated and damaged streams: they accept and refuse the same bytes and see
 * stanzas end at the same places, except where a named rule below says that and why they differ. Every stream
 * is also scanned cut at random, and without the vector code, with the same result.
 *
 * MUSTER_DIFFERENTIAL_INPUTS, or an argument, sets the number of streams; a second argument the seed. */
#include <stdio.h>

#include "generate.h"
#include "oracle.h"
#include "xml/feed.h"

/* The suite's share: a few seconds. */
#define INPUTS_DEFAULT 100000
_Static_assert(FEED_ENDS_MAX == ORACLE_ENDS_MAX, "both keep the same ends");

/* One stream and both verdicts. */
struct trial {
    struct span in;
    struct feed feed;
    struct oracle oracle;
};

static bool is_refused(const struct trial *t)
{
    return t->feed.outcome == XML_BAD;
}

/* expat looks at a token when it is whole; the scanner refuses as soon as the bytes prove it. So expat must
 * still be waiting within a token. */
static bool rule_expat_waits(const struct trial *t)
{
    return is_refused(t) && t->oracle.is_waiting;
}

/* RFC 6120 s. 11.1. A comment that expat is still reading counts too. */
static bool rule_restricted(const struct trial *t)
{
    return is_refused(t) && t->feed.error == XML_RESTRICTED &&
           (t->oracle.restricted_at >= t->feed.used && t->oracle.restricted_at != SIZE_MAX);
}

/* expat reads a DTD declaration by declaration and tells at its end. */
static bool rule_doctype(const struct trial *t)
{
    return is_refused(t) && t->feed.error == XML_RESTRICTED && t->feed.items == 0 &&
           memmem(t->in.ptr, t->in.len, "<!D", 3);
}

static bool rule_text_between_stanzas(const struct trial *t)
{
    return is_refused(t) && t->feed.error == XML_BAD_FORMAT && t->oracle.stray_text_at >= t->feed.used &&
           t->oracle.stray_text_at != SIZE_MAX;
}

/* A namespace is a URI to us, and any text to expat. */
static bool rule_namespace(const struct trial *t)
{
    return is_refused(t) && t->feed.error == XML_NOT_WELL_FORMED &&
           t->oracle.strange_namespace_at >= t->feed.used && t->oracle.strange_namespace_at != SIZE_MAX;
}

/* A prefix that only the stream header declares: the scanner wants every stanza to stand for itself. */
static bool rule_prefix_of_root(const struct trial *t)
{
    struct span rest = span_skip(t->in, t->feed.used);
    if (!is_refused(t) || t->feed.error != XML_BAD_NAMESPACE_PREFIX || t->feed.items == 0)
        return false;
    for (uint32_t i = 0; i < t->oracle.prefixes_count; i++)
        if (memmem(rest.ptr, rest.len, t->oracle.prefixes[i], strlen(t->oracle.prefixes[i])))
            return true;
    return false;
}

/* XMPP is XML 1.x in UTF-8; expat reads on. */
static bool rule_declaration(const struct trial *t)
{
    return is_refused(t) && t->feed.items == 0 && t->oracle.is_declaration_refused;
}

/* expat follows a BOM, and UTF-16 without one; RFC 6120 s. 11.6 knows neither. */
static bool rule_byte_order(const struct trial *t)
{
    const char *p = t->in.ptr;
    return is_refused(t) && t->feed.items == 0 && t->in.len >= 2 &&
           (memcmp(p, "\xEF\xBB", 2) == 0 || memcmp(p, "\xFE\xFF", 2) == 0 || memcmp(p, "\xFF\xFE", 2) == 0 ||
            p[0] == '\0' || p[1] == '\0');
}

static bool has_wide_name(const struct trial *t)
{
    char quote = 0;
    bool is_markup = false;
    for (size_t i = 0; i < t->in.len; i++) {
        char c = t->in.ptr[i];
        if (is_markup && !quote && (c & 0x80))
            return true;
        if (quote)
            quote = c == quote ? 0 : quote;
        else if (is_markup && (c == '\'' || c == '"'))
            quote = c;
        else if (c == '<' || c == '>')
            is_markup = c == '<';
    }
    return false;
}

/* The scanner takes the names of XML 1.0's fifth edition, expat those of the fourth, which are fewer. */
static bool rule_fifth_edition_names(const struct trial *t)
{
    return !is_refused(t) && t->oracle.is_invalid_token && has_wide_name(t);
}

static const struct {
    const char *name;
    bool (*holds)(const struct trial *t);
} rules[] = {
    {"expat waits for the whole token", rule_expat_waits},
    {"comment, instruction or DTD", rule_restricted},
    {"DTD", rule_doctype},
    {"text between stanzas", rule_text_between_stanzas},
    {"namespace that is no URI", rule_namespace},
    {"prefix declared on the root only", rule_prefix_of_root},
    {"declaration of another version or encoding", rule_declaration},
    {"byte order mark", rule_byte_order},
    {"names of the fifth edition", rule_fifth_edition_names},
};

#define RULES (sizeof rules / sizeof *rules)

struct tally {
    uint64_t inputs, accepted, refused, stanzas, excused[RULES];
};

static void print_input(struct span in)
{
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = (unsigned char)in.ptr[i];
        printf(c >= 0x20 && c < 0x7F && c != '\\' ? "%c" : "\\x%02x", c);
    }
    printf("\n");
}

static void disagree(const struct trial *t, const char *what)
{
    printf("%s: scanner outcome %d error %d used %zu ends %u, expat refused %d waiting %d ends %u\n", what,
           t->feed.outcome, t->feed.error, t->feed.used, t->feed.ends_count, t->oracle.is_refused,
           t->oracle.is_waiting, t->oracle.ends_count);
    print_input(t->in);
    exit(1);
}

/* The stanzas both saw are the same; when `all`, neither saw more. */
static void compare_ends(const struct trial *t, bool all)
{
    const struct feed *f = &t->feed;
    const struct oracle *o = &t->oracle;
    uint32_t common = f->ends_count < o->ends_count ? f->ends_count : o->ends_count;
    if (memcmp(f->ends, o->ends, common * sizeof *f->ends) != 0 || (all && f->ends_count != o->ends_count))
        disagree(t, "stanzas end elsewhere");
    if (all && !is_refused(t) && (f->is_closed != o->is_closed || (f->is_closed && f->used != o->closed_at)))
        disagree(t, "the stream ends elsewhere");
}

static void compare(struct trial *t, struct tally *tally)
{
    tally->stanzas += t->feed.ends_count;
    tally->accepted += !is_refused(t);
    tally->refused += is_refused(t);
    if (is_refused(t) == t->oracle.is_refused) {
        bool is_malformed = t->feed.error == XML_NOT_WELL_FORMED || t->feed.error == XML_UNSUPPORTED_ENCODING;
        /* Refused for XMPP's reasons, the stream may go on for expat until it finds one of its own. */
        bool is_other = rule_byte_order(t) || rule_declaration(t) || rule_namespace(t) || has_wide_name(t);
        compare_ends(t, !is_refused(t) || (is_malformed && !is_other));
        return;
    }
    oracle_ask_end(&t->oracle);
    for (size_t i = 0; i < RULES; i++) {
        if (rules[i].holds(t)) {
            tally->excused[i]++;
            compare_ends(t, false);
            return;
        }
    }
    disagree(t, is_refused(t) ? "only the scanner refuses" : "only expat refuses");
}

/* The same stream, otherwise: without the vector code, or cut up to eight times. */
static void check_same(struct generator *g, const struct trial *t)
{
    struct xml_scan *scan = t->feed.scan;
    for (int way = 0; way < 4; way++) {
        struct feed f;
        uint32_t cuts = way < 2 ? 0 : generate_below(g, 9);
        size_t at = 0;
        xml_scan_use_plain(way & 1);
        feed_init(&f, scan, t->in.ptr, NULL);
        for (; cuts > 0; cuts--) {
            at += generate_below(g, (uint32_t)(t->in.len - at) + 1);
            feed_to(&f, at);
        }
        feed_to(&f, t->in.len);
        if (!feed_equal(&f, &t->feed))
            disagree(t, way == 1 ? "otherwise without vector code" : "otherwise when cut");
    }
    xml_scan_use_plain(false);
}

/* White space before a declaration is the scanner's kindness; expat is asked without. */
static struct span without_lead(struct span in)
{
    size_t n = 0;
    while (n < in.len && strchr(" \t\r\n", in.ptr[n]) && in.ptr[n])
        n++;
    bool is_declared = in.len - n > 5 && memcmp(in.ptr + n, "<?xml", 5) == 0;
    return is_declared ? span_skip(in, n) : in;
}

static void print_tally(const struct tally *t, uint64_t seed)
{
    uint64_t excused = 0;
    for (size_t i = 0; i < RULES; i++)
        excused += t->excused[i];
    printf(
        "differential: %llu streams (seed %llu), %llu accepted, %llu refused, %llu stanzas, 0 disagreements, "
        "%llu differences by rule:",
        (unsigned long long)t->inputs, (unsigned long long)seed, (unsigned long long)t->accepted,
        (unsigned long long)t->refused, (unsigned long long)t->stanzas, (unsigned long long)excused);
    for (size_t i = 0; i < RULES; i++)
        printf("%s %s %llu", i ? "," : "", rules[i].name, (unsigned long long)t->excused[i]);
    printf("\n");
}

int main(int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : getenv("MUSTER_DIFFERENTIAL_INPUTS");
    uint64_t inputs = wanted ? strtoull(wanted, NULL, 10) : INPUTS_DEFAULT;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct tally tally = {0};
    struct xml_scan *scan = xml_scan_new(&xml_limits_default);
    void *parser = oracle_parser_new();
    if (!scan || !parser)
        return 1;
    for (; tally.inputs < inputs; tally.inputs++) {
        /* Each stream by its own seed, so that one can be had again. */
        struct generator g = {.state = (seed << 32) + tally.inputs * 2654435761u};
        generate_stream(&g);
        struct trial t = {.in = without_lead(buffer_span(&g.out))};
        feed_init(&t.feed, scan, t.in.ptr, NULL);
        feed_to(&t.feed, t.in.len);
        t.oracle = oracle_ask(parser, t.in);
        compare(&t, &tally);
        check_same(&g, &t);
        buffer_fini(&g.out);
    }
    print_tally(&tally, seed);
    oracle_parser_free(parser);
    xml_scan_free(scan);
    return 0;
}
