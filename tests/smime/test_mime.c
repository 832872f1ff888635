/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "smime/mime.h"

static void test_canonical(void **unused)
{
    static const struct {
        const char *name, *text, *canonical;
    } rows[] = {
        {"nothing", "", ""},
        {"blank lines alone", "\n\r\n \t\n", ""},
        {"LF", "a\nb\n", "a\r\nb\r\n"},
        {"CR", "a\rb\r", "a\r\nb\r\n"},
        {"CRLF stays", "a\r\nb", "a\r\nb"},
        {"mixed", "a\r\r\n\n\rb", "a\r\n\r\n\r\n\r\nb"},
        {"leading blank lines (V11)", "\n \n\t\r\nA: b\n\n", "A: b\r\n\r\n"},
        {"white space of the first line stays", "\n  A: b", "  A: b"},
        {"UTF-8 (V12)", "Ô\n", "Ô\r\n"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = {0};
        buffer_literal(&out, ">");
        assert_int_equal(smime_canonical(span_of(rows[i].text), &out), 0);
        if (!span_equal(span_skip(buffer_span(&out), 1), span_of(rows[i].canonical)))
            fail_msg("%s: %.*s", rows[i].name, (int)out.len, out.ptr);
        buffer_fini(&out);
    }
}

/* An entity from a literal: its lines end in LF there. Freed by the caller. */
static int read_lines(const char *lines, struct buffer *canonical, struct mime_entity *ret)
{
    for (const char *p = lines; *p; p++) {
        if (*p == '\n')
            buffer_append_char(canonical, '\r');
        buffer_append_char(canonical, *p);
    }
    /* Exactly as long as it is, so that a byte too far is seen. */
    char *exact = malloc(canonical->len ? canonical->len : 1);
    if (canonical->len)
        memcpy(exact, canonical->ptr, canonical->len);
    free(canonical->ptr);
    canonical->ptr = exact;
    return mime_read(buffer_span(canonical), ret);
}

static void test_read(void **unused)
{
    static const struct {
        const char *name, *lines, *type, *body;
        enum mime_encoding encoding;
    } rows[] = {
        {"plain", "Content-Type: text/plain\n\nx\n", "text/plain", "x\r\n", MIME_ENCODING_IDENTITY},
        {"no body", "Content-Type: text/plain\n\n", "text/plain", "", MIME_ENCODING_IDENTITY},
        {"no type", "Subject: x\n\nx", "", "x", MIME_ENCODING_IDENTITY},
        {"any case", "CONTENT-type: Text/Plain; Charset=utf-8\nconTent-transfer-ENCODING: BASE64\n\n",
         "Text/Plain", "", MIME_ENCODING_BASE64},
        {"folded (V11)", "Content-Type:\n multipart/signed;\n\tboundary=next;\n   micalg=sha1\n\n",
         "multipart/signed", "", MIME_ENCODING_IDENTITY},
        {"7bit", "Content-Transfer-Encoding: 7bit\n\n", "", "", MIME_ENCODING_IDENTITY},
        {"8bit", "Content-Transfer-Encoding:8bit  \n\n", "", "", MIME_ENCODING_IDENTITY},
        {"binary", "Content-Transfer-Encoding: Binary\n\n", "", "", MIME_ENCODING_IDENTITY},
        {"another encoding", "Content-Transfer-Encoding: quoted-printable\n\n", "", "", MIME_ENCODING_OTHER},
        {"no encoding's name", "Content-Transfer-Encoding:\n\n", "", "", MIME_ENCODING_OTHER},
        {"backslash at a fold (RFC 3923 s. 3.2)",
         "Content-Type: a/b\nContent-Disposition: attachment;handling=required;\\\n   filename=smime.p7s\n\nx",
         "a/b", "x", MIME_ENCODING_IDENTITY},
        {"semicolon at the end", "Content-Type: a/b;\n\n", "a/b", "", MIME_ENCODING_IDENTITY},
        {"colon in a value", "X: a:b\n\n", "", "", MIME_ENCODING_IDENTITY},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer text = {0};
        struct mime_entity e;
        if (read_lines(rows[i].lines, &text, &e) != 0)
            fail_msg("%s: refused", rows[i].name);
        if (!span_equal(e.type, span_of(rows[i].type)) || !span_equal(e.body, span_of(rows[i].body)) ||
            e.encoding != rows[i].encoding)
            fail_msg("%s: %.*s, %.*s", rows[i].name, (int)e.type.len, e.type.ptr, (int)e.body.len,
                     e.body.ptr);
        assert_true(mime_is(&e, span_of(rows[i].type)));
        assert_false(mime_is(&e, SPAN("text/plai")));
        assert_true(e.whole.ptr == text.ptr && e.whole.len == text.len);
        buffer_fini(&text);
    }
}

static void test_read_bad(void **unused)
{
    static const struct {
        const char *name, *lines;
    } rows[] = {
        {"nothing", ""},
        {"no fields", "\nx"},
        {"bare base64", "MIIDQUJD\nREVG\n"},
        {"no blank line", "Content-Type: a/b\n"},
        {"no line end", "Content-Type: a/b"},
        {"a line that is no field", "Content-Type: a/b\nx\n\n"},
        {"no name", ": x\n\n"},
        {"a space in the name", "Content-Type : a/b\n\n"},
        {"a fold first", " Content-Type: a/b\n\n"},
        {"a fold of white space alone", "Content-Type: a/b\n  \nX: y\n\n"},
        {"a lone CR", "X: a\rContent-Type: a/b\n\n"},
        {"a control character", "X: a\x01\n\n"},
        {"two types", "Content-Type: a/b\nX: y\ncontent-type: a/b\n\n"},
        {"two encodings", "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n"},
        {"no type in its field", "Content-Type:\n\n"},
        {"no subtype", "Content-Type: text\n\n"},
        {"an empty subtype", "Content-Type: text/\n\n"},
        {"a space in the type", "Content-Type: text /plain\n\n"},
        {"a comment", "Content-Type: text/plain (x)\n\n"},
        {"a comment behind", "Content-Type: text/plain; a=b (;boundary=x)\n\n"},
        {"no semicolon", "Content-Type: text/plain charset=x\n\n"},
        {"two semicolons", "Content-Type: text/plain;;a=b\n\n"},
        {"no value", "Content-Type: text/plain; a=\n\n"},
        {"no equals sign", "Content-Type: text/plain; a\n\n"},
        {"space around it", "Content-Type: text/plain; a = b\n\n"},
        {"a quote without end", "Content-Type: text/plain; a=\"b\n\n"},
        {"an escape at the end", "Content-Type: text/plain; a=\"b\\\n\n"},
        {"an escaped line end", "Content-Type: text/plain; a=\"b\\\n c\"\n\n"},
        {"text behind a quote", "Content-Type: text/plain; a=\"b\"c\n\n"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer text = {0};
        struct mime_entity e;
        if (read_lines(rows[i].lines, &text, &e) != MIME_BAD)
            fail_msg("%s: accepted", rows[i].name);
        buffer_fini(&text);
    }
    /* A lone LF, which read_lines() would mend. */
    struct mime_entity e;
    assert_int_equal(mime_read(SPAN("Content-Type: a/b\n\r\n"), &e), MIME_BAD);
    assert_int_equal(mime_read(SPAN("Content-Type: a/b\r\n\nx"), &e), MIME_BAD);
    assert_int_equal(mime_read(SPAN("X: a\0b\r\n\r\n"), &e), MIME_BAD);
}

static int read_filled(uint32_t lines, uint32_t line_bytes, uint32_t body_bytes)
{
    struct buffer text = {0};
    struct mime_entity e;
    for (uint32_t i = 0; i < lines; i++)
        buffer_printf(&text, "X:%*s\r\n", (int)line_bytes - 2, "y");
    buffer_literal(&text, "\r\n");
    char *body = buffer_reserve(&text, body_bytes);
    memset(body, 'x', body_bytes);
    text.len += body_bytes;
    int r = mime_read(buffer_span(&text), &e);
    buffer_fini(&text);
    return r;
}

static void test_limits(void **unused)
{
    (void)unused;
    assert_int_equal(read_filled(MIME_HEADER_LINES_MAX, 10, 1), 0);
    assert_int_equal(read_filled(MIME_HEADER_LINES_MAX + 1, 10, 1), MIME_BAD);
    assert_int_equal(read_filled(1, MIME_HEADER_LINE_BYTES_MAX, 1), 0);
    assert_int_equal(read_filled(1, MIME_HEADER_LINE_BYTES_MAX + 1, 1), MIME_BAD);
    assert_int_equal(read_filled(1, 10, MIME_BYTES_MAX - 14), 0);
    assert_int_equal(read_filled(1, 10, MIME_BYTES_MAX - 13), MIME_BAD);
}

static void test_parameter(void **unused)
{
    static const struct {
        const char *name, *field, *value; /* NULL: MIME_BAD */
    } rows[] = {
        {"token", "; boundary=b1", "b1"},
        {"quoted", "; boundary=\"b 1;=\"", "b 1;="},
        {"escapes", "; boundary=\"b\\\"\\\\\\1\"", "b\"\\1"},
        {"any case", "; BounDary=b1", "b1"},
        {"unquoted protocol (V11)", "; boundary=application/pkcs7-signature", "application/pkcs7-signature"},
        {"behind others", "; a=b; c=\"boundary=x; boundary=y\";boundary=z; d=e", "z"},
        {"a fold within quotes", "; boundary=\"a\n b\"", "a b"},
        {"empty", "; boundary=\"\"", ""},
        {"as long as may be", "; boundary=123456789012345678901234567", "123456789012345678901234567"},
        {"too long", "; boundary=1234567890123456789012345678", NULL},
        {"absent", "; a=b", NULL},
        {"a longer name", "; boundaryx=b", NULL},
        {"a shorter name", "; boundar=b", NULL},
        {"twice", "; boundary=b; a=b; Boundary=b", NULL},
        {"in pieces", "; boundary*0=a; boundary*1=b", NULL},
        {"and in pieces", "; boundary=a; boundary*0=b", NULL},
        {"encoded beside", "; boundary*=utf-8''b; boundary=b", NULL},
        {"encoded", "; boundary*=utf-8''b", NULL},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer text = {0}, lines = {0};
        struct mime_entity e;
        struct span value;
        char *storage = malloc(27);
        buffer_printf(&lines, "Content-Type: a/b%s\n\n", rows[i].field);
        buffer_append_char(&lines, '\0');
        assert_int_equal(read_lines(lines.ptr, &text, &e), 0);
        int r = mime_parameter(&e, SPAN("boundary"), storage, 27, &value);
        if (r != (rows[i].value ? 0 : MIME_BAD) || (r == 0 && !span_equal(value, span_of(rows[i].value))))
            fail_msg("%s: %d", rows[i].name, r);
        buffer_fini(&text);
        buffer_fini(&lines);
        free(storage);
    }
    struct buffer text = {0};
    struct mime_entity e;
    struct span value;
    char storage[8];
    assert_int_equal(read_lines("X: y; boundary=a\n\n", &text, &e), 0);
    assert_int_equal(mime_parameter(&e, SPAN("boundary"), storage, sizeof storage, &value), MIME_BAD);
    buffer_fini(&text);
}

#define SEVENTY "1234567890123456789012345678901234567890123456789012345678901234567890"
#define SIGNATURE "S: s\n\nsignature"
#define READ_SIGNATURE "S: s\r\n\r\nsignature"

enum { STRICT = 1, LOOSE = 2, BOTH = 3 };

static const struct {
    const char *name, *boundary, *body;
    int accepted;        /* by which */
    const char *content; /* and what is signed */
} split_rows[] = {
    {"plain", "b", "--b\nX: y\n\nz\n--b\n" SIGNATURE "\n--b--\n", BOTH, "X: y\r\n\r\nz"},
    {"no line end behind it", "b", "--b\nz\n--b\n" SIGNATURE "\n--b--", BOTH, "z"},
    {"the last line end of what is signed", "b", "--b\nz\n\n--b\n" SIGNATURE "\n--b--\n", BOTH, "z\r\n"},
    {"nothing signed", "b", "--b\n\n--b\n" SIGNATURE "\n--b--\n", BOTH, ""},
    {"white space behind delimiters", "b", "--b \t\nz\n--b  \n" SIGNATURE "\n--b-- \t\n", BOTH, "z"},
    {"white space around", "b", "\n \n--b\nz\n--b\n" SIGNATURE "\n--b--\n \n\t\n", BOTH, "z"},
    {"any character", "\"'()+_,-./:=? a\"",
     "--'()+_,-./:=? a\nz\n--'()+_,-./:=? a\n" SIGNATURE "\n--'()+_,-./:=? a--\n", BOTH, "z"},
    {"seventy", SEVENTY, "--" SEVENTY "\nz\n--" SEVENTY "\n" SIGNATURE "\n--" SEVENTY "--\n", BOTH, "z"},
    {"another case", "b", "--b\n--B\nz\n--b\n" SIGNATURE "\n--b--\n", BOTH, "--B\r\nz"},
    {"not at the line's start", "b", "--b\n --b\nx--b\n--b\n" SIGNATURE "\n--b--\n", BOTH, " --b\r\nx--b"},
    {"a preamble", "b", "shown\n--b\nz\n--b\n" SIGNATURE "\n--b--\n", LOOSE, "z"},
    {"an epilogue", "b", "--b\nz\n--b\n" SIGNATURE "\n--b--\nshown\n", 0, NULL},
    {"text behind the end", "b", "--b\nz\n--b\n" SIGNATURE "\n--b--shown\n", 0, NULL},
    {"a third part", "b", "--b\nz\n--b\n" SIGNATURE "\n--b\nX: y\n\nz\n--b--\n", 0, NULL},
    {"one part", "b", "--b\nz\n--b--\n", 0, NULL},
    {"no part", "b", "--b--\n", 0, NULL},
    {"no delimiter", "b", "z\n", 0, NULL},
    {"nothing", "b", "", 0, NULL},
    {"no end", "b", "--b\nz\n--b\n" SIGNATURE "\n", 0, NULL},
    {"an end twice", "b", "--b\nz\n--b\n" SIGNATURE "\n--b--\n--b--\n", 0, NULL},
    {"a delimiter that goes on", "b", "--b\nz\n--bc\n--b\n" SIGNATURE "\n--b--\n", 0, NULL},
    {"a delimiter before the first that goes on", "b", "--b c\n--b\nz\n--b\n" SIGNATURE "\n--b--\n", 0, NULL},
    {"an end that goes on", "b", "--b\nz\n--b--c\n--b\n" SIGNATURE "\n--b--\n", 0, NULL},
    {"no line end behind the second", "b", "--b\nz\n--b", 0, NULL},
    {"parts without any line", "b", "--b\n--b\n" SIGNATURE "\n--b--\n", 0, NULL},
    {"a signature without fields", "b", "--b\nz\n--b\n\nsignature\n--b--\n", 0, NULL},
    {"a signature without blank line", "b", "--b\nz\n--b\nS: s\n--b--\n", 0, NULL},
    {"an empty boundary", "\"\"", "--\nz\n--\n" SIGNATURE "\n----\n", 0, NULL},
    {"seventy-one", SEVENTY "1", "--" SEVENTY "1\nz\n--" SEVENTY "1\n" SIGNATURE "\n--" SEVENTY "1--\n", 0,
     NULL},
    {"a blank at the end", "\"b \"", "--b \nz\n--b \n" SIGNATURE "\n--b --\n", 0, NULL},
    {"a character that no boundary has", "\"b*\"", "--b*\nz\n--b*\n" SIGNATURE "\n--b*--\n", 0, NULL},
    {"above ASCII", "\"ü\"", "--ü\nz\n--ü\n" SIGNATURE "\n--ü--\n", 0, NULL},
    {"no boundary", NULL, "--b\nz\n--b\n" SIGNATURE "\n--b--\n", 0, NULL},
};

static void test_split(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof split_rows / sizeof *split_rows; i++)
        for (int strict = 0; strict < 2; strict++) {
            struct buffer text = {0}, lines = {0};
            struct mime_entity e, signature;
            struct span content;
            buffer_literal(&lines, "Content-Type: multipart/signed");
            if (split_rows[i].boundary)
                buffer_printf(&lines, "; boundary=%s", split_rows[i].boundary);
            buffer_printf(&lines, "\n\n%s", split_rows[i].body);
            buffer_append_char(&lines, '\0');
            assert_int_equal(read_lines(lines.ptr, &text, &e), 0);
            int r = mime_split_signed(&e, strict, &content, &signature);
            if (r != (split_rows[i].accepted & (strict ? STRICT : LOOSE) ? 0 : MIME_BAD))
                fail_msg("%s, %s: %d", split_rows[i].name, strict ? "strict" : "loose", r);
            if (r == 0 && (!span_equal(content, span_of(split_rows[i].content)) ||
                           !span_equal(signature.whole, SPAN(READ_SIGNATURE))))
                fail_msg("%s: %.*s", split_rows[i].name, (int)content.len, content.ptr);
            buffer_fini(&text);
            buffer_fini(&lines);
        }
}

/* A delimiter behind a lone LF, as it may stand in an opaque object: it is one to some readers. */
static void test_split_lone_lf(void **unused)
{
    static const char head[] = "Content-Type: multipart/signed; boundary=b\r\n\r\n";
    static const char *const bodies[] = {
        "--b\r\nz\n--b\r\n--b\r\nS: s\r\n\r\n\r\n--b--",   "\n--b\r\nz\r\n--b\r\nS: s\r\n\r\n\r\n--b--",
        "--b\r\nz\r\n--b\r\nS: s\r\n\r\n\n--b--",          "--b\nz\r\n--b\r\nS: s\r\n\r\n\r\n--b--",
        "--b\r\nz\n--b--\r\n--b\r\nS: s\r\n\r\n\r\n--b--",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct buffer text = {0};
        struct mime_entity e, signature;
        struct span content;
        buffer_printf(&text, "%s%s", head, bodies[i]);
        assert_int_equal(mime_read(buffer_span(&text), &e), 0);
        if (mime_split_signed(&e, false, &content, &signature) != MIME_BAD)
            fail_msg("row %zu", i);
        buffer_fini(&text);
    }
}

/* Every prefix of an object is none. */
static void test_split_prefix(void **unused)
{
    static const char whole[] =
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nz\r\n--b\r\nS: s\r\n\r\nx\r\n--b--";
    (void)unused;
    for (size_t len = 0; len < sizeof whole; len++) {
        char *cut = malloc(len + 1);
        struct mime_entity e, signature;
        struct span content;
        memcpy(cut, whole, len);
        int r = mime_read(span_make(cut, len), &e);
        if (r == 0)
            r = mime_split_signed(&e, true, &content, &signature);
        assert_int_equal(r, len == sizeof whole - 1 ? 0 : MIME_BAD);
        free(cut);
    }
}

static void test_decode(void **unused)
{
    static const struct {
        const char *name, *encoding, *body, *decoded; /* NULL: MIME_BAD */
    } rows[] = {
        {"as it is", "8bit", "a\n=b\n", "a\r\n=b\r\n"},
        {"base64", "base64", "YWJj", "abc"},
        {"line ends within", "base64", "\nYW\nJjZA\n==\n\n", "abcd"},
        {"blanks within", "base64", " YW\tJj ", "abc"},
        {"nothing", "base64", "\n", ""},
        {"padding too short", "base64", "YWJjZA=", NULL},
        {"padding alone", "base64", "=", NULL},
        {"padding in the middle", "base64", "YQ==\nYQ==\n", NULL},
        {"unused bits", "base64", "YR==", NULL},
        {"another character", "base64", "YW-j", NULL},
        {"text behind it", "base64", "YWJj\n--\n", NULL},
        {"another encoding", "quoted-printable", "abc", NULL},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer text = {0}, lines = {0}, out = {0};
        struct mime_entity e;
        buffer_printf(&lines, "Content-Transfer-Encoding: %s\n\n%s", rows[i].encoding, rows[i].body);
        buffer_append_char(&lines, '\0');
        assert_int_equal(read_lines(lines.ptr, &text, &e), 0);
        buffer_literal(&out, ">");
        int r = mime_decode(&e, &out);
        if (r != (rows[i].decoded ? 0 : MIME_BAD) ||
            !span_equal(span_skip(buffer_span(&out), 1), span_of(r == 0 ? rows[i].decoded : "")))
            fail_msg("%s: %d, %.*s", rows[i].name, r, (int)out.len, out.ptr);
        buffer_fini(&text);
        buffer_fini(&lines);
        buffer_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical),     cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_bad),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_parameter),     cmocka_unit_test(test_split),
        cmocka_unit_test(test_split_lone_lf), cmocka_unit_test(test_split_prefix),
        cmocka_unit_test(test_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
