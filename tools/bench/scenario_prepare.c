/* SPDX-License-Identifier: Apache-2.0 */
/* prepare: account and roster files with names that can be guessed and rosters that agree with each other. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "options.h"
#include "scenarios.h"

struct writer {
    FILE *accounts, *rosters;
    const char *prefix, *domain, *password;
    const char *second_domain; /* of those from `second_from` on */
    uint64_t second_from;
    int digits; /* at least four, so that names sort */
};

static const char *domain_of(const struct writer *w, uint64_t i)
{
    return i >= w->second_from ? w->second_domain : w->domain;
}

static void account_line(struct writer *w, uint64_t i)
{
    fprintf(w->accounts, "%s%0*llu@%s\t%s%s%0*llu\n", w->prefix, w->digits, (unsigned long long)i,
            domain_of(w, i), w->password, w->prefix, w->digits, (unsigned long long)i);
}

static void roster_line(struct writer *w, uint64_t owner, uint64_t contact, const char *subscription)
{
    fprintf(w->rosters, "%s%0*llu@%s\t%s%0*llu@%s\t%s\n", w->prefix, w->digits, (unsigned long long)owner,
            domain_of(w, owner), w->prefix, w->digits, (unsigned long long)contact, domain_of(w, contact),
            subscription);
}

/* On a ring everybody has the half before and the half behind as mutual contacts. */
static void ring_write(struct writer *w, uint64_t users, uint64_t contacts)
{
    for (uint64_t i = 0; i < users; i++) {
        account_line(w, i);
        for (uint64_t step = 1; step <= contacts / 2; step++) {
            roster_line(w, i, (i + step) % users, "both");
            roster_line(w, i, (i + users - step) % users, "both");
        }
    }
}

/* All watch the first one and nobody else. */
static void star_write(struct writer *w, uint64_t users)
{
    account_line(w, 0);
    for (uint64_t i = 1; i < users; i++) {
        account_line(w, i);
        roster_line(w, 0, i, "from");
        roster_line(w, i, 0, "to");
    }
}

/* Two domains: everybody's contacts are the next ones of the other half. */
static void halves_write(struct writer *w, uint64_t users, uint64_t contacts)
{
    uint64_t half = users / 2;
    for (uint64_t i = 0; i < 2 * half; i++) {
        account_line(w, i);
        for (uint64_t step = 0; step < contacts; step++) {
            uint64_t other = i < half ? half + (i + step) % half : (i - half + half - step) % half;
            roster_line(w, i, other, "both");
        }
    }
}

static FILE *file_create(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    if (file == NULL)
        fprintf(stderr, "muster-bench: cannot write %s: %s\n", path, strerror(errno));
    return file;
}

/* 0 when all of it reached the file. */
static int file_finish(FILE *file)
{
    if (file == NULL)
        return 1;
    int failed = ferror(file);
    if (fclose(file) != 0 || failed) {
        fprintf(stderr, "muster-bench: writing failed: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}

static int digits_of(uint64_t users)
{
    int digits = 4;
    for (uint64_t limit = 10000; limit < users; limit *= 10)
        digits++;
    return digits;
}

int scenario_prepare(const struct options *o)
{
    uint64_t users = o->users != 0 ? o->users : 1000;
    if (o->shape == SHAPE_RING && (o->contacts % 2 != 0 || o->contacts >= users)) {
        fprintf(stderr, "muster-bench: --contacts: must be even and less than --users\n");
        return 2;
    }
    if (o->shape == SHAPE_HALVES && (users % 2 != 0 || o->contacts > users / 2)) {
        fprintf(stderr, "muster-bench: --users: must be even; --contacts: at most half of it\n");
        return 2;
    }
    if (mkdir(o->out, 0777) < 0 && errno != EEXIST) {
        fprintf(stderr, "muster-bench: cannot make %s: %s\n", o->out, strerror(errno));
        return 1;
    }
    struct writer w = {.prefix = o->prefix,
                       .domain = o->domain != NULL ? o->domain : "localhost",
                       .password = o->password,
                       .second_domain = o->second_domain,
                       .second_from =
                           o->second_domain != NULL && o->shape == SHAPE_HALVES ? users / 2 : users,
                       .digits = digits_of(users)};
    w.accounts = file_create(o->out, "accounts.tsv");
    w.rosters = file_create(o->out, "rosters.tsv");
    if (w.accounts != NULL && w.rosters != NULL) {
        if (o->shape == SHAPE_RING)
            ring_write(&w, users, o->contacts);
        else if (o->shape == SHAPE_HALVES)
            halves_write(&w, users, o->contacts);
        else
            star_write(&w, users);
    }
    int failed = file_finish(w.accounts) + file_finish(w.rosters);
    if (failed == 0)
        printf("%s/accounts.tsv and %s/rosters.tsv: %llu accounts\n", o->out, o->out,
               (unsigned long long)users);
    return failed > 0;
}
