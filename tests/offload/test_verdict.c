/* SPDX-License-Identifier: Apache-2.0 */
/* The program in the kernel, on real sockets: what it says of the corpus is what the daemon's build of the same source says, and
 * what it keeps to itself is white space between stanzas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "corpus.h"
#include "offload/verdict.h"

#define ITEMS 100000u
/* Compared after so many: reading the counters costs more than a stanza. */
#define BATCH 500u
/* What two sockets' buffers hold by default, several times over. */
#define HELD_BYTES_MAX (64u << 20)

static struct verdict *verdict;

struct peer {
    int ours, theirs;
    uint32_t flow;
    uint64_t octets; /* read since it is watched */
};

static struct peer peer_open(void)
{
    struct peer p = {.flow = VERDICT_NO_FLOW};
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof where;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&where, len), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&where, &len), 0);
    p.theirs = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(p.theirs, (struct sockaddr *)&where, len), 0);
    p.ours = accept(listening, NULL, NULL);
    assert_true(p.ours >= 0);
    assert_int_equal(setsockopt(p.theirs, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    close(listening);
    return p;
}

static void peer_watch(struct peer *p)
{
    p->flow = verdict_watch(verdict, p->ours);
    assert_int_not_equal(p->flow, VERDICT_NO_FLOW);
    p->octets = 0;
    verdict_boundary(verdict, p->flow, 0);
}

static void peer_close(struct peer *p)
{
    verdict_unwatch(verdict, p->flow);
    close(p->ours);
    close(p->theirs);
}

static void say(const struct peer *p, const char *bytes, size_t len)
{
    assert_int_equal(send(p->theirs, bytes, len, 0), (ssize_t)len);
}

/* All of `bytes` comes, and nothing before it. */
static void hear(struct peer *p, const char *bytes, size_t len)
{
    char got[CORPUS_BYTES_MAX];
    for (size_t have = 0; have < len;) {
        ssize_t n = recv(p->ours, got + have, len - have, 0);
        assert_true(n > 0);
        have += (size_t)n;
    }
    assert_memory_equal(got, bytes, len);
    p->octets += len;
}

/* So much comes, whatever it is. */
static void hear_any(const struct peer *p, size_t len)
{
    static char got[65536];
    for (size_t have = 0; have < len;) {
        ssize_t n = recv(p->ours, got, sizeof got, 0);
        assert_true(n > 0);
        have += (size_t)n;
    }
}

static bool hears_nothing(const struct peer *p)
{
    char byte;
    return recv(p->ours, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

/* The generated items, then what was recorded: 0 at the end. */
static size_t item_next(uint32_t number, FILE *file, char ret_bytes[CORPUS_BYTES_MAX])
{
    return number < ITEMS ? corpus_item(number, ret_bytes) : corpus_recorded(file, ret_bytes);
}

static void classes_as_in_user_space(void **state)
{
    (void)state;
    struct peer p = peer_open();
    uint64_t wanted[MUSTER_CLASS_COUNT] = {0};
    char bytes[CORPUS_BYTES_MAX];
    FILE *file = fopen(RECORDED, "r");
    assert_non_null(file);
    peer_watch(&p);
    struct verdict_counters before = verdict_counters_read(verdict);
    size_t len = 1;
    for (uint32_t i = 0; len; i++) {
        len = item_next(i, file, bytes);
        if (len) {
            enum muster_class class = muster_classify(bytes, len);
            wanted[class]++;
            say(&p, bytes, len);
            if (class != MUSTER_CLASS_KEEPALIVE)
                hear(&p, bytes, len);
            verdict_boundary(verdict, p.flow, p.octets);
        }
        if (len && i % BATCH != BATCH - 1)
            continue;
        struct verdict_counters now = verdict_counters_read(verdict);
        for (int c = 0; c < MUSTER_CLASS_COUNT; c++)
            if (now.classes[c] - before.classes[c] != wanted[c])
                fail_msg("of the first %u the kernel says class %d of %llu, user space of %llu", i + 1, c,
                         (unsigned long long)(now.classes[c] - before.classes[c]),
                         (unsigned long long)wanted[c]);
    }
    fclose(file);
    for (int c = 0; c < MUSTER_CLASS_COUNT; c++)
        assert_true(wanted[c] > ITEMS / 1000); /* else the corpus says nothing of it */
    peer_close(&p);
}

static void white_space_between_stanzas_wakes_nobody(void **state)
{
    (void)state;
    struct peer p = peer_open();
    struct verdict_counters before = verdict_counters_read(verdict);
    peer_watch(&p);
    say(&p, " ", 1);
    say(&p, "\n\n", 2);
    say(&p, "<presence/>", 11);
    hear(&p, "<presence/>", 11);
    assert_true(hears_nothing(&p));
    assert_int_equal(verdict_counters_read(verdict).keepalives - before.keepalives, 2);
    peer_close(&p);
    assert_int_equal(verdict_counters_read(verdict).keepalives - before.keepalives, 2);
    assert_int_equal(verdict_counters_read(verdict).watched, before.watched);
}

static void white_space_within_a_stanza_goes_on(void **state)
{
    (void)state;
    struct peer p = peer_open();
    peer_watch(&p);
    say(&p, "<message><body>a", 16);
    hear(&p, "<message><body>a", 16); /* not at a boundary: the owner says nothing */
    say(&p, " ", 1);
    hear(&p, " ", 1);
    say(&p, "b</body></message>", 18);
    hear(&p, "b</body></message>", 18);
    verdict_boundary(verdict, p.flow, p.octets);
    /* Something came that the owner has not read when white space comes: it may belong to it. */
    say(&p, "<message>", 9);
    say(&p, " ", 1);
    hear(&p, "<message> ", 10);
    peer_close(&p);
}

static void what_waits_is_not_watched_yet(void **state)
{
    (void)state;
    struct peer p = peer_open();
    say(&p, "<presence>", 10);
    assert_int_equal(verdict_watch(verdict, p.ours), VERDICT_NO_FLOW);
    hear(&p, "<presence>", 10);
    peer_watch(&p);
    peer_close(&p);
}

/* Something came in the very moment: the place was given back, and the next try must succeed. */
static void given_up_and_watched_again(void **state)
{
    (void)state;
    struct peer p = peer_open();
    for (int round = 0; round < 3; round++) {
        peer_watch(&p);
        say(&p, " ", 1);
        assert_true(hears_nothing(&p));
        say(&p, "<presence/>", 11);
        hear(&p, "<presence/>", 11);
        verdict_unwatch(verdict, p.flow);
        say(&p, " ", 1);
        hear(&p, " ", 1);
    }
    p.flow = VERDICT_NO_FLOW;
    peer_close(&p);
}

static void switched_off_and_on_under_traffic(void **state)
{
    (void)state;
    struct peer p = peer_open();
    peer_watch(&p);
    for (int round = 0; round < 200; round++) {
        say(&p, "<message>", 9);
        verdict_switch(verdict, false);
        say(&p, " ", 1);
        say(&p, "</message>", 10);
        hear(&p, "<message> </message>", 20);
        verdict_boundary(verdict, p.flow, p.octets);
        say(&p, " ", 1);
        hear(&p, " ", 1);
        verdict_boundary(verdict, p.flow, p.octets);
        verdict_switch(verdict, true);
        say(&p, " ", 1);
        assert_true(hears_nothing(&p));
    }
    peer_close(&p);
}

static void floods_are_marked_and_go_on(void **state)
{
    (void)state;
    static char much[8192];
    struct peer p = peer_open();
    memset(much, 'x', sizeof much);
    uint64_t before = verdict_counters_read(verdict).floods;
    peer_watch(&p);
    for (int i = 0; i < 16; i++) { /* 128 KiB against a burst of 64 */
        say(&p, much, sizeof much);
        hear_any(&p, sizeof much);
    }
    assert_true(verdict_counters_read(verdict).floods > before);
    peer_close(&p);
}

/* Who is not read is held back as any other, and gets all of it through in the end. */
static void who_is_not_read_is_held_back(void **state)
{
    (void)state;
    static char much[65536];
    struct peer p = peer_open();
    size_t sent = 0;
    memset(much, 'x', sizeof much);
    peer_watch(&p);
    for (ssize_t n; (n = send(p.theirs, much, sizeof much, MSG_DONTWAIT)) > 0;) {
        sent += (size_t)n;
        assert_true(sent < HELD_BYTES_MAX);
    }
    assert_int_equal(errno, EAGAIN);
    hear_any(&p, sent);
    assert_true(hears_nothing(&p));
    p.octets = sent;
    verdict_boundary(verdict, p.flow, p.octets);
    say(&p, " ", 1);
    assert_true(hears_nothing(&p));
    peer_close(&p);
}

int main(void)
{
    const struct muster_verdict_limits limits = {.bytes_per_s = 1, .burst_bytes = 65536};
    char line[256];
    int error = verdict_new(&limits, &verdict, line, sizeof line);
    if (error) {
        printf("skip verdict: the program cannot be loaded here: %s\n", line);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_as_in_user_space),
        cmocka_unit_test(white_space_between_stanzas_wakes_nobody),
        cmocka_unit_test(white_space_within_a_stanza_goes_on),
        cmocka_unit_test(what_waits_is_not_watched_yet),
        cmocka_unit_test(given_up_and_watched_again),
        cmocka_unit_test(switched_off_and_on_under_traffic),
        cmocka_unit_test(floods_are_marked_and_go_on),
        cmocka_unit_test(who_is_not_read_is_held_back),
    };
    int failed = cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
    verdict_free(verdict);
    return failed;
}
