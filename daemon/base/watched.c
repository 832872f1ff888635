/* SPDX-License-Identifier: Apache-2.0 */
#include "base/watched.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "base/hash.h"

/* What somebody has just put there counts so much later at most. */
#define LOOK_MS 5000

void watched_init(struct watched *w)
{
    *w = (struct watched){.looked_ms = clock_now_ms()};
    pthread_mutex_init(&w->reading, NULL);
}

void watched_fini(struct watched *w)
{
    pthread_mutex_destroy(&w->reading);
}

bool watched_begin(struct watched *w)
{
    if (pthread_mutex_trylock(&w->reading) != 0)
        return false;
    uint64_t now_ms = clock_now_ms();
    if (now_ms >= w->looked_ms + LOOK_MS) {
        w->looked_ms = now_ms;
        return true;
    }
    pthread_mutex_unlock(&w->reading);
    return false;
}

void watched_end(struct watched *w)
{
    pthread_mutex_unlock(&w->reading);
}

bool watched_is_news(struct watched *w, uint64_t digest, int error)
{
    bool is_told = error && digest == w->unread;
    if (!is_told)
        atomic_fetch_add(error ? &w->failed : &w->read, 1);
    if (!error)
        w->seen = digest;
    w->unread = error ? digest : 0;
    return !is_told;
}

uint64_t watched_digest(const char *path)
{
    struct stat status;
    if (!path || stat(path, &status) < 0)
        return 1;
    const uint64_t facts[] = {hash_bytes(span_of(path)),        (uint64_t)status.st_ino,
                              (uint64_t)status.st_size,         (uint64_t)status.st_mtim.tv_sec,
                              (uint64_t)status.st_mtim.tv_nsec, (uint64_t)status.st_ctim.tv_sec,
                              (uint64_t)status.st_ctim.tv_nsec};
    return hash_bytes(span_make((const char *)facts, sizeof facts));
}
