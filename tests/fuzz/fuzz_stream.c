/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as two clients' streams, before, during and after their log-ins, in the whole daemon but for
 * system calls (tests/flow/world.h). A third client, who sees the presence of both, must be served as ever;
 * all that anybody is told must be well-formed (user.c aborts where it is not); and behind it nothing may be
 * left.
 *
 * Input: a byte of mode (how far alice is logged in: its value modulo 5; bit 5: so is bob, else he is online;
 * bit 6: bytes come one by one; bit 7: two workers), then what alice says. Control characters that XML
 * forbids act: 0x1c hands over to the other client, 0x1d lets time pass, 0x1e resets the connection, 0x1f
 * connects anew. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../flow/world.h"

/* Each byte may take a turn of its own, and a world is at rest within 20,000 of them. */
#define INPUT_BYTES_MAX 4096
/* Connections of one input; each is some work to set up and to take down. */
#define CONNECTIONS_MAX 8
/* Time that passes at once: some of it goes by before each limit of the world's settings, some after. */
#define PASSING_MS 1500
/* Within the time that a world gives its clients to be gone. */
#define RESUME_MS 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void log_in(struct world *w, const char *name, unsigned how_far)
{
    static const enum user_phase goals[] = {USER_MANUAL, USER_OPENING, USER_REOPENING, USER_BOUND};
    if (how_far > 3) {
        world_online(w, name);
        return;
    }
    struct user *u = world_user(w, name);
    world_connect(w, u, -1);
    if (how_far > 0)
        user_login(u, goals[how_far]);
    world_settle(w);
}

static struct world *world_make(uint8_t mode)
{
    struct world *w = world_new(mode & 0x80 ? 2 : 1, 1, mode & 0x40 ? 1 : 0);
    w->where = "the input";
    w->config.limits.resume_timeout_ms = RESUME_MS;
    world_settings(w);
    static const char *const names[] = {"alice", "bob", "carol"};
    for (unsigned i = 0; i < 3; i++) {
        char jid[32];
        snprintf(jid, sizeof jid, "%s@localhost", names[i]);
        fake_store_account(w->broker.store, jid, true);
        for (unsigned other = 0; other < 3; other++)
            if (other != i)
                world_row(w, names[i], names[other], "B");
    }
    world_online(w, "carol");
    log_in(w, "alice", mode % 5);
    log_in(w, "bob", mode & 0x20 ? mode % 5 : 4);
    return w;
}

/* What the byte stands for happens. */
static void act(struct world *w, uint8_t what, const char **speaker, unsigned *connections)
{
    struct user *u = world_user(w, *speaker);
    if (what == 0x1c) {
        *speaker = **speaker == 'a' ? "bob" : "alice";
    } else if (what == 0x1d) {
        world_advance(w, PASSING_MS);
    } else if (what == 0x1e) {
        u->peer->error = ECONNRESET;
    } else if (*connections < CONNECTIONS_MAX) {
        ++*connections;
        u->peer->is_ended = true;
        world_settle(w);
        world_connect(w, u, -1);
    }
    world_settle(w);
}

static void speak(struct world *w, struct span text)
{
    const char *speaker = "alice";
    unsigned connections = 0;
    while (text.len) {
        size_t len = 0;
        while (len < text.len && (uint8_t)(text.ptr[len] - 0x1c) > 3)
            len++;
        user_say(world_user(w, speaker), span_make(text.ptr, len));
        world_settle(w);
        text = span_skip(text, len);
        if (!text.len)
            return;
        act(w, (uint8_t)text.ptr[0], &speaker, &connections);
        text = span_skip(text, 1);
    }
}

/* She gets her answer, and has got the presence of who is online. */
static void check_bystander(struct world *w)
{
    world_say(w, "carol",
              "<iq type='get' id='still-there' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    world_expect_any(w, "carol",
                     "<iq type='result' id='still-there' from='localhost' to='carol@localhost/r'/>");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_BYTES_MAX)
        return -1;
    struct world *w = world_make(data[0]);
    speak(w, span_make((const char *)data + 1, size - 1));
    check_bystander(w);
    world_free(w);
    return 0;
}
