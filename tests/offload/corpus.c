/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const char *const names[] = {"presence",
                                    "presence",
                                    "presence",
                                    "presence",
                                    "message",
                                    "iq",
                                    "r",
                                    "a",
                                    "active",
                                    "presences",
                                    "x:presence",
                                    "enable",
                                    "/stream:stream",
                                    "?xml version='1.0'?",
                                    "!--"};
static const char *const types[] = {"unavailable",  "probe",       "subscribe", "subscribed", "unsubscribe",
                                    "unsubscribed", "error",       "get",       "result",     "chat",
                                    "unavailable ", "Unavailable", "",          "invisible"};
static const char *const places[] = {
    "juliet@capulet.example",        "romeo@montague.example/orchard",   "a", "",
    "nurse@capulet.example/a&amp;b", "\xc3\xa9t\xc3\xa9@capulet.example"};
static const char *const namespaces[] = {"jabber:client", "jabber:server", "urn:xmpp:sm:3", "urn:xmpp:sm:2",
                                         ""};
static const char *const others[] = {"id",      "xml:lang", "from", "h",
                                     "xmlns:x", "typed",    "t",    "averyverylongattributename"};
static const char *const blanks[] = {" ", " ", " ", " ", " ", " ", "  ", "\n", "\r\n\t", ""};
static const char *const tails[] = {
    "/>",
    ">",
    "><show>away</show><status>\xe2\x98\x95 gone</status><priority>5</priority></presence>",
    " />",
    "\n>",
    "/ >",
    "",
    "><body>hello</body></message>"};

struct writer {
    char *bytes;
    size_t len;
    uint64_t random;
};

static uint32_t chance(struct writer *w, uint32_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)(w->random >> 33) % below;
}

static void put(struct writer *w, const char *text)
{
    size_t len = strlen(text);
    if (w->len + len > CORPUS_BYTES_MAX)
        len = CORPUS_BYTES_MAX - w->len;
    memcpy(w->bytes + w->len, text, len);
    w->len += len;
}

#define ONE_OF(w, list) (list)[chance(w, COUNT(list))]

/* `used`: the attributes that are there, which are seldom repeated. */
static void attribute_put(struct writer *w, uint32_t *used)
{
    char number[24];
    const char *quote = chance(w, 2) ? "'" : "\"";
    uint32_t which = chance(w, 8), kind = which < 3 ? 0 : which < 5 ? 1 : which < 6 ? 2 : 3;
    if (kind < 3 && *used & 1u << kind && chance(w, 16))
        return;
    *used |= 1u << kind;
    put(w, chance(w, 40) ? ONE_OF(w, blanks) : "");
    put(w, which < 3 ? "type" : which < 5 ? "to" : which < 6 ? "xmlns" : ONE_OF(w, others));
    put(w, chance(w, 20) ? "=" : " = ");
    put(w, quote);
    snprintf(number, sizeof number, "%.*u", 1 + (int)chance(w, 18), chance(w, 1u << 30));
    put(w, which < 3   ? ONE_OF(w, types)
           : which < 5 ? ONE_OF(w, places)
           : which < 6 ? ONE_OF(w, namespaces)
                       : number);
    put(w, quote);
}

/* What the names and values do not meet by chance often enough. */
static void ack_put(struct writer *w)
{
    put(w, chance(w, 2) ? "<r xmlns='urn:xmpp:sm:3'" : "<a h=\"7\" xmlns=\"urn:xmpp:sm:3\"");
    put(w, ONE_OF(w, tails));
}

static void mutate(struct writer *w)
{
    static const char telling[] = "<>/='\"& \n?!\0\xff:tp";
    for (uint32_t i = 1 + chance(w, 3); i && w->len; i--)
        w->bytes[chance(w, (uint32_t)w->len)] = telling[chance(w, sizeof telling - 1)];
}

size_t corpus_item(uint32_t number, char ret_bytes[CORPUS_BYTES_MAX])
{
    struct writer w = {ret_bytes, 0, (number + 1) * 0x9e3779b97f4a7c15u};
    for (uint32_t i = 0; i < 4; i++)
        chance(&w, 2);
    if (chance(&w, 8) == 0) {
        for (uint32_t i = 1 + chance(&w, chance(&w, 16) ? 4 : 400); i; i--)
            put(&w, ONE_OF(&w, blanks));
    }
    if (chance(&w, 30) == 0) {
        ack_put(&w);
    } else if (w.len == 0 || chance(&w, 2)) {
        put(&w, "<");
        put(&w, ONE_OF(&w, names));
        for (uint32_t used = 0, i = chance(&w, chance(&w, 16) ? 6 : 30); i; i--)
            attribute_put(&w, &used);
        put(&w, ONE_OF(&w, tails));
    }
    if (chance(&w, 3) == 0)
        mutate(&w);
    if (chance(&w, 4) == 0)
        w.len = 1 + chance(&w, (uint32_t)w.len);
    return w.len;
}

size_t corpus_recorded(FILE *file, char ret_bytes[CORPUS_BYTES_MAX])
{
    size_t len;
    int found = fscanf(file, "%*15s %zu", &len);
    if (found == EOF)
        return 0;
    if (found != 1 || len == 0 || len > CORPUS_BYTES_MAX || fgetc(file) != '\n' ||
        fread(ret_bytes, 1, len, file) != len || fgetc(file) != '\n')
        abort();
    return len;
}
