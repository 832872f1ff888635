/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts that a cache remembers: for how long, of whom, and by several threads at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

static void test_cache(void **state)
{
    struct buffer content = world_message();
    struct buffer with = world_sign(world_juliet, &(struct smime_sign_options){0}, buffer_span(&content));
    struct buffer without = world_sign(
        world_juliet, &(struct smime_sign_options){.without_certificate = true}, buffer_span(&content));
    struct smime_claim claim = world_claim(), later = claim;
    struct smime_cache *cache = smime_cache_new(1);
    (void)state;
    assert_reason(world_reason(world_usual_trust, cache, &claim, buffer_span(&without)), SMIME_NO_CERT);
    assert_reason(world_reason(world_usual_trust, NULL, &claim, buffer_span(&without)), SMIME_NO_CERT);
    assert_reason(world_reason(world_usual_trust, cache, &claim, buffer_span(&with)), SMIME_OK);
    assert_reason(world_reason(world_usual_trust, cache, &claim, buffer_span(&without)), SMIME_OK);
    assert_reason(world_reason(world_usual_trust, cache, &claim, buffer_span(&with)), SMIME_OK);
    struct smime_cache_counters counters = smime_cache_counters_read(cache);
    assert_int_equal(counters.chain_hits, 1);
    assert_int_equal(counters.chain_misses, 1);
    assert_int_equal(counters.certificate_hits, 1);
    assert_int_equal(counters.certificate_misses, 1);

    /* Good for an hour, then asked again; and again when trust changed. */
    later.now.seconds += 3599;
    assert_reason(world_reason(world_usual_trust, cache, &later, buffer_span(&with)), SMIME_OK);
    assert_int_equal(smime_cache_counters_read(cache).chain_hits, 2);
    later.now.seconds += 1;
    assert_reason(world_reason(world_usual_trust, cache, &later, buffer_span(&with)), SMIME_OK);
    assert_int_equal(smime_cache_counters_read(cache).chain_hits, 2);
    smime_cache_forget(cache);
    assert_reason(world_reason(world_usual_trust, cache, &later, buffer_span(&with)), SMIME_OK);
    assert_int_equal(smime_cache_counters_read(cache).chain_misses, 3);

    /* Another trust's verdict is not ours; and without a certificate the chain is verified again, too. */
    struct ca_made *other_root = ca_authority("other");
    struct smime_trust *other = world_trust(SMIME_PURPOSE_REQUIRE, false, other_root, NULL);
    assert_reason(world_reason(other, cache, &later, buffer_span(&with)), SMIME_CHAIN);
    assert_reason(world_reason(other, cache, &later, buffer_span(&without)), SMIME_CHAIN);
    smime_trust_unref(other);
    ca_free(other_root);

    /* One place: the next to be found good takes it. */
    struct ca_made *again = ca_person(world_root(), "P-256", JULIET);
    struct buffer third = world_sign(again, &(struct smime_sign_options){0}, buffer_span(&content));
    assert_reason(world_reason(world_usual_trust, cache, &later, buffer_span(&third)), SMIME_OK);
    assert_int_equal(smime_cache_counters_read(cache).evicted, 1);
    assert_reason(world_reason(world_usual_trust, cache, &later, buffer_span(&without)), SMIME_NO_CERT);
    smime_cache_free(cache);
    ca_free(again);
    buffer_fini(&third);
    buffer_fini(&with);
    buffer_fini(&without);
    buffer_fini(&content);
}

/* What was never found good is not known by its name either. */
static void test_cache_only_of_the_good(void **state)
{
    struct ca_made *stranger_root = ca_authority("stranger");
    struct ca_made *stranger = ca_person(stranger_root, "P-256", JULIET);
    struct buffer content = world_message();
    struct buffer with = world_sign(stranger, &(struct smime_sign_options){0}, buffer_span(&content));
    struct buffer without = world_sign(stranger, &(struct smime_sign_options){.without_certificate = true},
                                       buffer_span(&content));
    struct smime_claim claim = world_claim();
    struct smime_cache *cache = smime_cache_new(8);
    (void)state;
    assert_reason(world_reason(world_usual_trust, cache, &claim, buffer_span(&with)), SMIME_CHAIN);
    assert_reason(world_reason(world_usual_trust, cache, &claim, buffer_span(&without)), SMIME_NO_CERT);
    smime_cache_free(cache);
    ca_free(stranger);
    ca_free(stranger_root);
    buffer_fini(&with);
    buffer_fini(&without);
    buffer_fini(&content);
}

struct crowd {
    struct smime_cache *cache;
    struct buffer *texts;
};

enum { CROWD_THREADS = 4, CROWD_SIGNERS = 3, CROWD_TURNS = 40 };

static void *crowd_run(void *context)
{
    struct crowd *c = context;
    struct smime_claim claim = world_claim();
    struct smime_verdict verdict;
    for (int i = 0; i < CROWD_TURNS; i++) {
        if (i % 8 == 0)
            smime_cache_forget(c->cache);
        if (smime_verify(world_usual_trust, c->cache, &claim, buffer_span(&c->texts[i % CROWD_SIGNERS]),
                         &verdict) != 0 ||
            verdict.reason != SMIME_OK)
            return c;
    }
    return NULL;
}

/* One trust and one cache too small for all, by several threads. */
static void test_threads(void **state)
{
    struct buffer content = world_message(), texts[CROWD_SIGNERS];
    struct crowd crowd = {smime_cache_new(CROWD_SIGNERS - 1), texts};
    pthread_t threads[CROWD_THREADS];
    (void)state;
    for (int i = 0; i < CROWD_SIGNERS; i++) {
        struct ca_made *who = ca_person(world_root(), "P-256", JULIET);
        texts[i] = world_sign(who, &(struct smime_sign_options){0}, buffer_span(&content));
        ca_free(who);
    }
    for (int i = 0; i < CROWD_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, &crowd), 0);
    for (int i = 0; i < CROWD_THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    struct smime_cache_counters counters = smime_cache_counters_read(crowd.cache);
    assert_int_equal(counters.chain_hits + counters.chain_misses, CROWD_THREADS * CROWD_TURNS);
    assert_true(counters.evicted > 0);
    for (int i = 0; i < CROWD_SIGNERS; i++)
        buffer_fini(&texts[i]);
    smime_cache_free(crowd.cache);
    buffer_fini(&content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_cache_only_of_the_good),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("smime cache", tests, world_begin, world_end);
}
