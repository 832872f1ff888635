/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stanza/delay.h"

#define MESSAGE "<message from='a@b/c' to='d@e'><body>x</body>"
#define DELAY "<delay xmlns='urn:xmpp:delay' from='e' stamp='2002-09-10T23:08:25Z'/>"
#define AT 1031699305

static void test_delay(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {MESSAGE "</message>", MESSAGE DELAY "</message>"},
        {MESSAGE DELAY "</message>", MESSAGE DELAY "</message>"}, /* kept twice: since the first time */
        {MESSAGE "<delay xmlns='urn:xmpp:delay' from='z'/></message>",
         MESSAGE "<delay xmlns='urn:xmpp:delay' from='z'/>" DELAY "</message>"},
        {"<message></message>", "<message>" DELAY "</message>"},
        {"<message from='a@b/c' to='d@e'/>", "<message from='a@b/c' to='d@e'/>"},
        {"<m/>", "<m/>"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct frame *in = frame_new(span_of(rows[i].text), FRAME_NO_HEAD, FRAME_MESSAGE);
        struct frame *out = stanza_delay_frame(in, SPAN("e"), AT + (time_t)i * (i == 1));
        assert_non_null(out);
        assert_int_equal(out->len, strlen(rows[i].expected));
        assert_memory_equal(out->bytes, rows[i].expected, out->len);
        assert_int_equal(out->kind, FRAME_MESSAGE);
        frame_unref(out);
        frame_unref(in);
    }
}

static void test_stamp(void **state)
{
    (void)state;
    char stamp[STANZA_STAMP_BYTES];
    stanza_stamp_write(0, stamp);
    assert_string_equal(stamp, "1970-01-01T00:00:00Z");
    stanza_stamp_write(AT, stamp);
    assert_string_equal(stamp, "2002-09-10T23:08:25Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_delay), cmocka_unit_test(test_stamp)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
