/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs run on other threads, all of them, each once, and come home to the loop they came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>

#include <cmocka.h>

#include "ring/jobs.h"

#define JOBS 2000

struct fixture {
    struct loop *loop;
    struct jobs *jobs;
    pthread_t thread;
    unsigned runs, dones, expected;
};

struct work {
    struct job job;
    struct fixture *fixture;
    pthread_t ran_on;
    unsigned number, value;
};

static void turn_ends(void *context)
{
    struct fixture *f = context;
    if (f->dones == f->expected)
        loop_stop(f->loop);
}

static void fixture_init(struct fixture *f, unsigned threads)
{
    char message[256] = "";
    const struct loop_owner owner = {turn_ends, f};
    *f = (struct fixture){.thread = pthread_self()};
    if (loop_new(&owner, &f->loop, message, sizeof message) < 0) {
        print_message("%s\n", message);
        skip();
    }
    f->jobs = jobs_new(threads, false);
    assert_non_null(f->jobs);
}

static void run(struct job *j)
{
    struct work *w = container_of(j, struct work, job);
    w->ran_on = pthread_self();
    w->value = w->number * 3; /* plain memory: handing it over must order it */
}

static void done(struct job *j)
{
    struct work *w = container_of(j, struct work, job);
    struct fixture *f = w->fixture;
    assert_true(pthread_equal(pthread_self(), f->thread));
    assert_false(pthread_equal(w->ran_on, f->thread));
    assert_int_equal(w->value, w->number * 3);
    f->dones++;
}

static void test_all_come_home(void **unused)
{
    (void)unused;
    static struct work works[JOBS];
    struct fixture f;
    fixture_init(&f, 3);
    f.expected = JOBS;
    for (unsigned i = 0; i < JOBS; i++) {
        works[i] =
            (struct work){.job = {.home = f.loop, .run = run, .done = done}, .fixture = &f, .number = i + 1};
        jobs_submit(f.jobs, &works[i].job);
    }
    loop_run(f.loop);
    assert_int_equal(f.dones, JOBS);
    jobs_free(f.jobs);
    loop_free(f.loop);
}

static unsigned run_order[100], run_count;

static void run_in_order(struct job *j)
{
    run_order[run_count++] = container_of(j, struct work, job)->number;
}

static void done_in_order(struct job *j)
{
    container_of(j, struct work, job)->fixture->dones++;
}

static void test_one_thread_keeps_the_order(void **unused)
{
    (void)unused;
    static struct work works[100];
    struct fixture f;
    fixture_init(&f, 1);
    f.expected = 100;
    for (unsigned i = 0; i < 100; i++) {
        works[i] = (struct work){
            .job = {.home = f.loop, .run = run_in_order, .done = done_in_order}, .fixture = &f, .number = i};
        jobs_submit(f.jobs, &works[i].job);
    }
    loop_run(f.loop);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(run_order[i], i);
    jobs_free(f.jobs);
    loop_free(f.loop);
}

/* What was submitted is run before the pool ends, and the same job may go again from its `done`. */
static void done_again(struct job *j)
{
    struct work *w = container_of(j, struct work, job);
    if (++w->fixture->dones < w->fixture->expected)
        jobs_submit(w->fixture->jobs, j);
}

static void test_again_and_the_end(void **unused)
{
    (void)unused;
    struct fixture f;
    fixture_init(&f, 2);
    f.expected = 500;
    struct work w = {.job = {.home = f.loop, .run = run, .done = done_again}, .fixture = &f, .number = 1};
    jobs_submit(f.jobs, &w.job);
    loop_run(f.loop);
    static struct work last[50];
    for (unsigned i = 0; i < 50; i++) {
        last[i] =
            (struct work){.job = {.home = f.loop, .run = run, .done = done}, .fixture = &f, .number = i + 1};
        jobs_submit(f.jobs, &last[i].job);
    }
    assert_null(jobs_free(f.jobs));
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(last[i].value, (i + 1) * 3);
    assert_null(jobs_free(NULL));
    loop_free(f.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_come_home),
        cmocka_unit_test(test_one_thread_keeps_the_order),
        cmocka_unit_test(test_again_and_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
