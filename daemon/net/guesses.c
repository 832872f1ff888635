/* SPDX-License-Identifier: Apache-2.0 */
#include "net/guesses.h"

#include <stdlib.h>

/* The first delay; each further wrong password doubles it. */
#define DELAY_FIRST_MS 250
/* Who has made no mistake for so long is as good as new. */
#define FORGET_MS (10 * 60 * 1000u)
/* About 6 MiB. Beyond it the oldest is forgotten: to get there takes as many wrong passwords, which wait
 * themselves. */
#define GUESSES_MAX 65536

struct guess {
    struct hash_node node; /* its hash is all that is known of whose it is: 64 bits with a secret key */
    struct list link;      /* in by_age */
    uint32_t count;
    uint64_t last_ms, next_ms; /* the last wrong one; until when the addresses' next one waits */
};

void guesses_init(struct guesses *g, uint32_t free_count, uint32_t delay_max_ms)
{
    *g = (struct guesses){.free_count = free_count, .delay_max_ms = delay_max_ms};
    pthread_mutex_init(&g->lock, NULL);
    hash_table_init(&g->table);
    list_init(&g->by_age);
}

static void guess_free(struct guesses *g, struct guess *guess)
{
    hash_table_remove(&g->table, &guess->node);
    list_remove(&guess->link);
    free(guess);
}

void guesses_fini(struct guesses *g)
{
    while (!list_empty(&g->by_age))
        guess_free(g, container_of(g->by_age.next, struct guess, link));
    hash_table_fini(&g->table);
    pthread_mutex_destroy(&g->lock);
}

static uint64_t key_of(enum guess_kind kind, struct span of)
{
    uint64_t hash = hash_bytes(of);
    return kind == GUESS_ADDRESS ? ~hash : hash;
}

static struct guess *guess_find(struct guesses *g, uint64_t key, uint64_t now_ms)
{
    struct hash_node *n = hash_table_first(&g->table, key);
    struct guess *guess = n ? container_of(n, struct guess, node) : NULL;
    if (!guess || now_ms - guess->last_ms < FORGET_MS)
        return guess;
    guess_free(g, guess);
    return NULL;
}

static uint64_t delay_after(const struct guesses *g, uint32_t count)
{
    uint64_t delay = DELAY_FIRST_MS;
    for (uint32_t i = g->free_count + 1; i < count && delay < g->delay_max_ms; i++)
        delay *= 2;
    return delay < g->delay_max_ms ? delay : g->delay_max_ms;
}

uint64_t guesses_delay_ms(struct guesses *g, enum guess_kind kind, struct span of, uint64_t now_ms)
{
    uint64_t delay = 0;
    if (!g->delay_max_ms || !of.len)
        return 0;
    pthread_mutex_lock(&g->lock);
    struct guess *guess = guess_find(g, key_of(kind, of), now_ms);
    if (guess && guess->count > g->free_count) {
        delay = delay_after(g, guess->count);
        if (kind == GUESS_ADDRESS) {
            uint64_t from_ms = guess->next_ms > now_ms ? guess->next_ms : now_ms;
            guess->next_ms = from_ms + delay;
            delay = guess->next_ms - now_ms;
        }
    }
    pthread_mutex_unlock(&g->lock);
    return delay;
}

static struct guess *guess_make(struct guesses *g, uint64_t key)
{
    if (g->table.count >= GUESSES_MAX)
        guess_free(g, container_of(g->by_age.next, struct guess, link));
    struct guess *guess = calloc(1, sizeof *guess);
    if (!guess)
        return NULL;
    list_init(&guess->link);
    if (hash_table_insert(&g->table, &guess->node, key) == 0)
        return guess;
    free(guess);
    return NULL;
}

void guesses_wrong(struct guesses *g, enum guess_kind kind, struct span of, uint64_t now_ms)
{
    if (!g->delay_max_ms || !of.len)
        return;
    uint64_t key = key_of(kind, of);
    pthread_mutex_lock(&g->lock);
    struct guess *guess = guess_find(g, key, now_ms);
    if (!guess)
        guess = guess_make(g, key);
    if (guess) {
        guess->count++;
        guess->last_ms = now_ms;
        list_remove(&guess->link);
        list_append(&g->by_age, &guess->link);
    }
    pthread_mutex_unlock(&g->lock);
}

void guesses_forget(struct guesses *g, enum guess_kind kind, struct span of)
{
    if (!g->delay_max_ms)
        return;
    pthread_mutex_lock(&g->lock);
    struct hash_node *n = hash_table_first(&g->table, key_of(kind, of));
    if (n)
        guess_free(g, container_of(n, struct guess, node));
    pthread_mutex_unlock(&g->lock);
}
