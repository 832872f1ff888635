/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, as little of it as the protocol needs. */
#include "strophe_lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned hex4(const char *text)
{
    char digits[5] = {0};

    memcpy(digits, text, 4);
    return (unsigned)strtoul(digits, NULL, 16);
}

static char *utf8_put(char *out, unsigned point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xC0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *out++ = (char)(0xE0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
        *out++ = (char)(0x80 | (point & 0x3F));
    } else {
        *out++ = (char)(0xF0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3F));
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
        *out++ = (char)(0x80 | (point & 0x3F));
    }
    return out;
}

/* Decode the string that starts after the quote at *at, in place; *at moves behind its end. The driver writes
 * no surrogates. */
static char *json_string(char **at)
{
    char *in = *at, *start = in, *out = in;

    while (*in != '\0' && *in != '"') {
        if (*in != '\\') {
            *out++ = *in++;
            continue;
        }
        in++;
        switch (*in) {
        case 'n':
            *out++ = '\n';
            break;
        case 't':
            *out++ = '\t';
            break;
        case 'u':
            out = utf8_put(out, hex4(in + 1));
            in += 4;
            break;
        default:
            *out++ = *in;
        }
        in++;
    }
    *at = *in != '\0' ? in + 1 : in;
    *out = '\0';
    return start;
}

void command_decode(char *line, struct command *c)
{
    memset(c, 0, sizeof(*c));
    while (c->count < FIELDS_MAX && (line = strchr(line, '"')) != NULL) {
        line++;
        c->keys[c->count] = json_string(&line);
        line = strchr(line, '"');
        if (line == NULL)
            return;
        line++;
        c->values[c->count++] = json_string(&line);
    }
}

const char *field(const struct command *c, const char *key)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (strcmp(c->keys[i], key) == 0)
            return c->values[i];
    }
    return NULL;
}

static void json_put(const char *text)
{
    putchar('"');
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

void emit(const char *event, ...)
{
    va_list pairs;

    printf("{\"event\":");
    json_put(event);
    va_start(pairs, event);
    for (const char *key; (key = va_arg(pairs, const char *)) != NULL;) {
        putchar(',');
        json_put(key);
        putchar(':');
        json_put(va_arg(pairs, const char *));
    }
    va_end(pairs);
    printf("}\n");
    fflush(stdout);
}
