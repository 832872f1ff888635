/* SPDX-License-Identifier: Apache-2.0 */
/* Objects verified by way of jobs: how many at a time, how long, and by files that change. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ca.h"
#include "edge/edge.h"
#include "fake_ring.h"
#include "smime/make.h"
#include "tls/ocsp.h"

#define JULIET "juliet@example.com"
#define ROMEO "romeo@example.net"
#define STAMP "2026-07-01T11:45:36Z"
#define STAMP_S 1782906336
/* Files are looked at again after so long (edge/directory.c). */
#define LOOK_MS 5000

static uint64_t now_ms = 1000000;

uint64_t __wrap_clock_now_ms(void);
uint64_t __wrap_clock_now_ms(void)
{
    return now_ms;
}

/* Responders, of which the tests are the network: threads that may wait for them take jobs only when a test says so. */
static struct {
    struct jobs *const threads;
    struct job *jobs[64];
    uint32_t submitted, run, asked;
    bool is_known; /* an answer is there already */
} asking = {.threads = (struct jobs *)&asking};

void __real_jobs_submit(struct jobs *p, struct job *j);
void __wrap_jobs_submit(struct jobs *p, struct job *j);
void __wrap_jobs_submit(struct jobs *p, struct job *j)
{
    if (p != asking.threads) {
        __real_jobs_submit(p, j);
        return;
    }
    assert_true(asking.submitted < sizeof asking.jobs / sizeof asking.jobs[0]);
    asking.jobs[asking.submitted++] = j;
}

/* The oldest job that such a thread has comes to its end. */
static void asking_run(void)
{
    assert_true(asking.run < asking.submitted);
    __real_jobs_submit(NULL, asking.jobs[asking.run++]);
}

/* Each authority has its own. */
bool __wrap_ocsp_look(struct ocsp *o, X509 *certificate, X509 *issuer, enum tls_client_status *ret_status,
                      uint64_t *ret_until_s, uint64_t *ret_responder);
bool __wrap_ocsp_look(struct ocsp *o, X509 *certificate, X509 *issuer, enum tls_client_status *ret_status,
                      uint64_t *ret_until_s, uint64_t *ret_responder)
{
    (void)o;
    (void)certificate;
    *ret_status = TLS_CLIENT_GOOD;
    *ret_until_s = STAMP_S; /* so that nothing is remembered */
    *ret_responder = X509_subject_name_hash(issuer);
    return asking.is_known;
}

enum tls_client_status __wrap_ocsp_ask(struct ocsp *o, X509 *certificate, X509 *issuer,
                                       X509_STORE *authorities, uint64_t *ret_until_s);
enum tls_client_status __wrap_ocsp_ask(struct ocsp *o, X509 *certificate, X509 *issuer,
                                       X509_STORE *authorities, uint64_t *ret_until_s)
{
    (void)o;
    (void)certificate;
    (void)issuer;
    (void)authorities;
    asking.asked++;
    *ret_until_s = STAMP_S;
    return TLS_CLIENT_GOOD;
}

struct bench {
    enum edge_ocsp ocsp;
    char folder[64], anchors[96], lists[96];
    struct ca_made *authority, *juliet;
    struct loop *loop;
    struct edge *edge;
    struct buffer object; /* as it stands in <e2e/> */
    unsigned told;
};

static void on_turn(void *context)
{
    (void)context;
}

static void file_put(const char *path, struct span text)
{
    char next[128];
    snprintf(next, sizeof next, "%s.new", path);
    FILE *out = fopen(next, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text.ptr, 1, text.len, out), text.len);
    fclose(out);
    assert_int_equal(rename(next, path), 0);
}

/* What stands in XML: with LF, and what XML reserves escaped. */
static void object_make(struct bench *b, const char *said)
{
    struct buffer content = {0}, made = {0}, message = {0};
    struct smime_identity *who = NULL;
    const struct smime_sign_options options = {0};
    buffer_printf(&content,
                  "Content-Type: Message/CPIM\r\n\r\nFrom: <im:" JULIET ">\r\nTo: <im:" ROMEO
                  ">\r\nDateTime: " STAMP "\r\n\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n",
                  said);
    assert_int_equal(smime_identity_new(b->juliet->pem, b->juliet->key_pem, (struct span){0}, &who, &message),
                     0);
    assert_int_equal(smime_sign(who, &options, buffer_span(&content), &made, &message), 0);
    buffer_clear(&b->object);
    for (uint32_t i = 0; i < made.len; i++) {
        char c = made.ptr[i];
        if (c == '<' || c == '>')
            buffer_append(&b->object, span_of(c == '<' ? "&lt;" : "&gt;"));
        else if (c != '\r')
            buffer_append_char(&b->object, c);
    }
    smime_identity_free(who);
    buffer_fini(&content);
    buffer_fini(&made);
    buffer_fini(&message);
}

static void edge_make(struct bench *b, bool has_lists, uint32_t queue_max)
{
    struct buffer message = {0};
    const struct edge_settings settings = {.anchors = b->anchors,
                                           .ocsp = b->ocsp,
                                           .lists = has_lists ? b->lists : NULL,
                                           .queue_max = queue_max,
                                           .timeout_ms = 500,
                                           .cache_max = 100,
                                           .replay_max = 100};
    b->edge = edge_free(b->edge);
    if (edge_new(&settings, NULL, asking.threads, &b->edge, &message) != 0)
        fail_msg("%.*s", (int)message.len, message.ptr);
    buffer_fini(&message);
}

static int bench_begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    const struct loop_owner owner = {on_turn, b};
    char why[64];
    fake_reset(1);
    snprintf(b->folder, sizeof b->folder, "/tmp/edge-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->anchors, sizeof b->anchors, "%s/anchors.pem", b->folder);
    snprintf(b->lists, sizeof b->lists, "%s/lists.pem", b->folder);
    b->authority = ca_authority("authority");
    b->juliet = ca_person(b->authority, NULL, JULIET);
    file_put(b->anchors, b->authority->pem);
    assert_int_equal(loop_new(&owner, &b->loop, why, sizeof why), 0);
    object_make(b, "Wherefore art thou?");
    *state = b;
    return 0;
}

static int bench_end(void **state)
{
    struct bench *b = *state;
    assert_true(!b->edge || edge_is_idle(b->edge));
    edge_free(b->edge);
    loop_free(b->loop);
    fake_finish();
    ca_free(b->juliet);
    ca_free(b->authority);
    unlink(b->anchors);
    unlink(b->lists);
    rmdir(b->folder);
    buffer_fini(&b->object);
    free(b);
    return 0;
}

static void on_done(void *context)
{
    ((struct bench *)context)->told++;
}

static struct edge_check *verify(struct bench *b, struct span object)
{
    /* Nothing may be borrowed beyond the call. */
    char from[] = JULIET "/balcony", to[] = ROMEO;
    struct smime_claim claim = {
        .from = jid_of_prepared(span_of(from)), .to = jid_of_prepared(span_of(to)), .now = {STAMP_S, 0}};
    char *copy = malloc(object.len);
    memcpy(copy, object.ptr, object.len);
    struct edge_check *c =
        edge_verify(b->edge, b->loop, &claim, true, span_make(copy, object.len), on_done, b);
    memset(from, 0, sizeof from);
    memset(to, 0, sizeof to);
    free(copy);
    return c;
}

static void run(struct bench *b)
{
    while (fake_jobs_have_work())
        fake_jobs_run_one();
    fake_loop_turn(b->loop, NULL);
}

static enum smime_reason reason_of(struct bench *b, struct span object)
{
    unsigned told = b->told;
    struct edge_check *c = verify(b, object);
    assert_non_null(c);
    assert_null(edge_check_verdict(c));
    run(b);
    assert_int_equal(b->told, told + 1);
    enum smime_reason reason = edge_check_verdict(c)->reason;
    edge_check_free(c);
    return reason;
}

static void test_verdicts(void **state)
{
    struct bench *b = *state;
    edge_make(b, false, 10);
    assert_int_equal(reason_of(b, buffer_span(&b->object)), SMIME_OK);
    assert_int_equal(reason_of(b, SPAN("<b/>")), SMIME_BAD_MIME);
    char *octet = memmem(b->object.ptr, b->object.len, "Wherefore", 9);
    *octet = 'w';
    assert_int_equal(reason_of(b, buffer_span(&b->object)), SMIME_DIGEST_MISMATCH);
    struct edge_counters counters = edge_counters_read(b->edge);
    assert_int_equal(counters.anchors_expire_s, CA_ENDS_S);
    assert_true(counters.lists_stale_s == UINT64_MAX && counters.between_expire_s == UINT64_MAX);
}

static void test_queue_is_bounded(void **state)
{
    struct bench *b = *state;
    edge_make(b, false, 2);
    struct edge_check *one = verify(b, buffer_span(&b->object)), *two = verify(b, buffer_span(&b->object));
    assert_non_null(one);
    assert_non_null(two);
    assert_null(verify(b, buffer_span(&b->object)));
    assert_int_equal(edge_counters_read(b->edge).refused, 1);
    assert_false(edge_is_idle(b->edge));
    run(b);
    assert_int_equal(b->told, 2);
    edge_check_free(one);
    edge_check_free(two);
    assert_int_equal(reason_of(b, buffer_span(&b->object)), SMIME_OK);
}

static void test_time_is_bounded(void **state)
{
    struct bench *b = *state;
    edge_make(b, false, 2);
    struct edge_check *c = verify(b, buffer_span(&b->object));
    fake_clock_advance(400);
    fake_loop_turn(b->loop, NULL);
    assert_null(edge_check_verdict(c));
    fake_clock_advance(100 + 2 * TIMER_TICK_MS);
    fake_loop_turn(b->loop, NULL);
    assert_int_equal(b->told, 1);
    assert_int_equal(edge_check_verdict(c)->reason, SMIME_BUSY);
    assert_int_equal(edge_counters_read(b->edge).late, 1);
    assert_false(edge_is_idle(b->edge)); /* its job may still come to it */
    run(b);
    assert_int_equal(b->told, 1);
    assert_int_equal(edge_check_verdict(c)->reason, SMIME_BUSY);
    edge_check_free(c);
}

static void test_nobody_waits(void **state)
{
    struct bench *b = *state;
    edge_make(b, false, 3);
    edge_check_free(verify(b, buffer_span(&b->object)));
    struct edge_check *run_already = verify(b, buffer_span(&b->object)),
                      *late = verify(b, buffer_span(&b->object));
    fake_jobs_run_one();
    fake_jobs_run_one();
    edge_check_free(run_already); /* its message is on the way */
    fake_clock_advance(1000);
    fake_loop_turn(b->loop, NULL);
    assert_int_equal(b->told, 1);
    edge_check_free(late);
    assert_false(edge_is_idle(b->edge));
    run(b);
    assert_int_equal(b->told, 1);
}

static void test_files_that_do_not_do(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *name, *text;
    } rows[] = {{"empty", ""}, {"no certificate", "-----BEGIN CERTIFICATE-----\n"}};
    struct edge *edge = NULL;
    struct edge_settings settings = {.anchors = "/nowhere/anchors.pem", .cache_max = 10, .replay_max = 10};
    struct buffer message = {0};
    assert_int_equal(edge_new(&settings, NULL, NULL, &edge, &message), -ENOENT);
    assert_non_null(memmem(message.ptr, message.len, "/nowhere/anchors.pem", 20));
    settings.anchors = b->anchors;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        file_put(b->anchors, span_of(rows[i].text));
        buffer_clear(&message);
        if (edge_new(&settings, NULL, NULL, &edge, &message) != -EINVAL || !message.len)
            fail_msg("%s is taken", rows[i].name);
    }
    assert_null(edge);
    buffer_fini(&message);
}

/* I6, and the directory of trust: what changes counts, what cannot be read does not. */
static void test_I6_files_change(void **state)
{
    struct bench *b = *state;
    struct ca_made *other = ca_authority("another");
    uint64_t serial = ca_serial(b->juliet);
    char *list = ca_crl(b->authority, NULL, 0, CA_STARTS_S, CA_ENDS_S - 1);
    file_put(b->lists, span_of(list));
    edge_make(b, true, 10);
    assert_int_equal(edge_counters_read(b->edge).lists_stale_s, CA_ENDS_S - 1);
    assert_int_equal(reason_of(b, buffer_span(&b->object)), SMIME_OK);
    free(list);
    list = ca_crl(b->authority, &serial, 1, CA_STARTS_S, CA_ENDS_S);
    file_put(b->lists, span_of(list));
    assert_int_equal(reason_of(b, buffer_span(&b->object)), SMIME_OK); /* nobody has looked */
    now_ms += LOOK_MS;
    assert_int_equal(reason_of(b, buffer_span(&b->object)), SMIME_REVOKED);
    assert_int_equal(edge_counters_read(b->edge).trust_read, 1);
    file_put(b->anchors, SPAN("nothing"));
    now_ms += LOOK_MS;
    assert_int_equal(reason_of(b, buffer_span(&b->object)), SMIME_REVOKED);
    now_ms += LOOK_MS;
    assert_int_equal(reason_of(b, buffer_span(&b->object)), SMIME_REVOKED);
    assert_int_equal(edge_counters_read(b->edge).trust_failed, 1); /* told once */
    file_put(b->anchors, other->pem);
    now_ms += LOOK_MS;
    assert_int_equal(reason_of(b, buffer_span(&b->object)), SMIME_CHAIN);
    assert_int_equal(edge_counters_read(b->edge).trust_read, 2);
    free(list);
    ca_free(other);
}

/* A responder that does not answer has a share of threads and places, and no more: who needs another one, or none, does not notice; and what
* waits for it gives its place back at the time-out. */
static void test_slow_responder(void **state)
{
    struct bench *b = *state;
    struct edge_check *slow[30], *later;
    struct ca_made *other = ca_authority("another"), *juliet = b->juliet;
    struct buffer by_slow = b->object;
    uint32_t busy = 0;
    b->object = (struct buffer){0};
    b->juliet = ca_person(other, NULL, JULIET);
    object_make(b, "Wherefore art thou?");
    struct buffer anchors = {0};
    buffer_append(&anchors, b->authority->pem);
    buffer_append(&anchors, other->pem);
    file_put(b->anchors, buffer_span(&anchors));
    buffer_fini(&anchors);
    b->ocsp = EDGE_OCSP_HARD;
    edge_make(b, false, 40);
    asking.submitted = asking.run = asking.asked = 0;
    asking.is_known = false;
    for (size_t i = 0; i < 30; i++)
        assert_non_null(slow[i] = verify(b, buffer_span(&by_slow)));
    run(b);
    for (size_t i = 0; i < 30; i++) {
        const struct smime_verdict *verdict = edge_check_verdict(slow[i]);
        busy += verdict && verdict->reason == SMIME_BUSY;
    }
    assert_int_equal(asking.submitted, EDGE_ASKING_THREADS / 2);
    assert_int_equal(busy, 30 - 11);
    assert_int_equal(edge_counters_read(b->edge).under_way, 11);

    /* Another authority's responder answers. */
    later = verify(b, buffer_span(&b->object));
    run(b);
    assert_int_equal(asking.submitted, EDGE_ASKING_THREADS / 2 + 1);
    __real_jobs_submit(NULL, asking.jobs[--asking.submitted]);
    run(b);
    assert_int_equal(edge_check_verdict(later)->reason, SMIME_OK);
    assert_int_equal(asking.asked, 1);
    edge_check_free(later);
    /* And what has been answered needs no thread of these. */
    asking.is_known = true;
    assert_int_equal(reason_of(b, buffer_span(&by_slow)), SMIME_OK);
    asking.is_known = false;

    fake_clock_advance(600);
    fake_loop_turn(b->loop, NULL);
    assert_int_equal(edge_counters_read(b->edge).under_way, EDGE_ASKING_THREADS / 2);
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(edge_check_verdict(slow[i])->reason, SMIME_BUSY);
        slow[i] = edge_check_free(slow[i]);
    }
    /* The next waits for a thread of the share, and gets it with the first answer; what is too late is not asked any more. */
    later = verify(b, buffer_span(&by_slow));
    run(b);
    assert_int_equal(asking.submitted, EDGE_ASKING_THREADS / 2);
    asking_run();
    run(b);
    assert_int_equal(asking.submitted, EDGE_ASKING_THREADS / 2 + 1);
    while (asking.run < asking.submitted)
        asking_run();
    run(b);
    assert_int_equal(edge_check_verdict(later)->reason, SMIME_OK);
    assert_int_equal(asking.asked, 2);
    edge_check_free(later);
    buffer_fini(&by_slow);
    ca_free(other);
    ca_free(juliet);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_begin, bench_end)
    const struct CMUnitTest tests[] = {
        TEST(test_verdicts),       TEST(test_queue_is_bounded),     TEST(test_time_is_bounded),
        TEST(test_nobody_waits),   TEST(test_files_that_do_not_do), TEST(test_I6_files_change),
        TEST(test_slow_responder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
