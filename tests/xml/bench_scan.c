/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the scanner is: a long run of stanzas of one shape, scanned whole, in gigabytes a second (the
 * median of several runs) and nanoseconds a stanza, with the vector code and without. Judges nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buffer.h"
#include "xml/scan.h"
#include "xml/write.h"

/* Bytes of each stream: beyond the first cache, within the second. */
#define STREAM_BYTES (256 * 1024)
/* Each run scans the stream this many times; the median of RUNS is printed. */
#define ROUNDS 20
#define RUNS 21

static uint32_t seed = 1;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static void word(struct buffer *b, uint32_t min, uint32_t max)
{
    for (uint32_t n = min + random_below(max - min + 1); n > 0; n--)
        buffer_append_char(b, "abcdefghijklmnopqrstuvwxyz0123456789"[random_below(36)]);
}

static void address(struct buffer *b, const char *name)
{
    buffer_printf(b, " %s='", name);
    word(b, 4, 12);
    buffer_literal(b, "@example.org/");
    word(b, 4, 16);
    buffer_literal(b, "'");
}

/* The client's caps and idle time, as they go with most presence. */
static void extensions(struct buffer *b)
{
    buffer_literal(b, "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.");
    word(b, 3, 8);
    buffer_literal(b, ".org' ver='");
    word(b, 27, 27);
    buffer_literal(b, "='/>");
    if (random_below(4) > 0)
        buffer_literal(b, "<idle xmlns='urn:xmpp:idle:1' since='2026-02-03T04:05:06Z'/>");
}

static void presence(struct buffer *b)
{
    static const char *const shows[] = {"away", "xa", "dnd", "chat"};
    buffer_literal(b, "<presence");
    address(b, "from");
    address(b, "to");
    buffer_literal(b, " id='");
    word(b, 5, 12);
    buffer_literal(b, "'>");
    if (random_below(3) > 0)
        buffer_printf(b, "<show>%s</show>", shows[random_below(4)]);
    if (random_below(3) > 0) {
        buffer_literal(b, "<status>");
        word(b, 0, 40);
        buffer_literal(b, "</status>");
    }
    buffer_printf(b, "<priority>%u</priority>", random_below(20));
    extensions(b);
    buffer_literal(b, "</presence>");
}

static void same_presence(struct buffer *b)
{
    seed = 7;
    presence(b);
}

static void unavailable(struct buffer *b)
{
    buffer_literal(b, "<presence");
    address(b, "from");
    address(b, "to");
    buffer_literal(b, " type='unavailable'/>");
}

static void message(struct buffer *b)
{
    buffer_literal(b, "<message");
    address(b, "to");
    buffer_literal(b, " type='chat'><body>");
    for (int i = 0; i < 150; i++) {
        word(b, 1, 12);
        buffer_literal(b, " ");
    }
    buffer_literal(b, "</body></message>");
}

static void cyrillic(struct buffer *b)
{
    buffer_literal(b, "<presence><status>");
    for (int i = 0; i < 20; i++)
        buffer_literal(b, "\xD0\xBD\xD0\xB5\xD1\x82 \xD0\xB4\xD0\xBE\xD0\xBC\xD0\xB0 ");
    buffer_literal(b, "</status></presence>");
}

static void roster(struct buffer *b)
{
    buffer_literal(b, "<iq type='result' id='r1'><query xmlns='jabber:iq:roster' ver='1'>");
    for (int i = 0; i < 100; i++) {
        buffer_literal(b, "<item jid='");
        word(b, 4, 12);
        buffer_literal(b, "@example.org' name='");
        word(b, 3, 20);
        buffer_literal(b, "' subscription='both'><group>");
        word(b, 3, 10);
        buffer_literal(b, "</group></item>");
    }
    buffer_literal(b, "</query></iq>");
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A stream of one shape and where its stanzas end. */
struct stream {
    struct buffer bytes;
    uint32_t count;
    uint32_t ends[STREAM_BYTES / 64];
};

/* Scan all stanzas: each with all the bytes behind it in sight, or, `alone`, with none. */
static void scan_all(struct xml_scan *scan, const struct stream *s, bool is_alone)
{
    for (uint32_t i = 0, at = 0; i < s->count; at = s->ends[i++]) {
        struct span in = span_make(s->bytes.ptr + at, (is_alone ? s->ends[i] : s->bytes.len) - at);
        struct xml_item item;
        size_t used;
        enum xml_error error;
        if (xml_scan_next(scan, XML_AT_CONTENT, SPAN("stream:stream"), in, &item, &used, &error) != 0 ||
            used != s->ends[i] - at)
            abort();
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median nanoseconds to scan the stream once. */
static double measure(struct xml_scan *scan, const struct stream *s, bool is_alone)
{
    double runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        uint64_t start = now_ns();
        for (int j = 0; j < ROUNDS; j++)
            scan_all(scan, s, is_alone);
        runs[i] = (double)(now_ns() - start) / ROUNDS;
    }
    qsort(runs, RUNS, sizeof *runs, compare);
    return runs[RUNS / 2];
}

int main(void)
{
    static const struct {
        const char *name;
        void (*write)(struct buffer *b);
    } shapes[] = {
        {"presence, each different", presence}, {"presence, all alike", same_presence},
        {"unavailable", unavailable},           {"message, 1 KB body", message},
        {"status in Cyrillic", cyrillic},       {"roster of 100", roster},
    };
    struct xml_scan *scan = xml_scan_new(&xml_limits_default);
    if (!scan)
        return 1;
    printf("%-26s %7s %21s %21s %21s\n", "shape", "bytes", "in a run: GB/s ns", "each alone: GB/s ns",
           "plain: GB/s ns");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        static struct stream s;
        buffer_init(&s.bytes);
        for (s.count = 0; s.bytes.len < STREAM_BYTES; s.ends[s.count++] = s.bytes.len)
            shapes[i].write(&s.bytes);
        printf("%-26s %7u", shapes[i].name, s.bytes.len / s.count);
        for (int way = 0; way < 3; way++) {
            xml_scan_use_plain(way == 2);
            double ns = measure(scan, &s, way == 1);
            printf(" %14.2f %6.0f", s.bytes.len / ns, ns / s.count);
        }
        xml_scan_use_plain(false);
        printf("\n");
        buffer_fini(&s.bytes);
    }
    xml_scan_free(scan);
    return 0;
}
