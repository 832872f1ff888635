/* SPDX-License-Identifier: Apache-2.0 */
#include "parsed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct config *parse(const char *text, char **environment, struct buffer *message, int expected)
{
    struct config *c = NULL;
    int result = config_parse("f", span_of(text), environment, &c, message);
    if (result != expected)
        fail_msg("%d instead of %d for:\n%s\n%.*s", result, expected, text, (int)message->len,
                 message->ptr ? message->ptr : "");
    return c;
}
