/* SPDX-License-Identifier: Apache-2.0 */
#include "commands_offload.h"

#include "broker.h"
#include "looping.h"
#include "sifting.h"
#include "steering.h"

static const struct offload {
    const char *name;
    bool (*turn)(struct broker *b, bool is_on, struct buffer *reply);
    void (*write)(struct broker *b, struct buffer *out);
} offloads[] = {
    {"loop", looping_turn, looping_write},
    {"steer", steering_turn, steering_write},
    {"verdict", sifting_turn, sifting_write},
};

bool command_offload_known(struct span command)
{
    return span_is(command, "offload") || span_starts(command, SPAN("offload\t"));
}

static bool turn(struct broker *b, struct span words, struct buffer *reply)
{
    for (size_t i = 0; i < sizeof offloads / sizeof offloads[0]; i++) {
        struct span name = span_of(offloads[i].name);
        if (!span_starts(words, name))
            continue;
        struct span state = span_skip(words, name.len);
        if (span_is(state, "\ton") || span_is(state, "\toff"))
            return offloads[i].turn(b, span_is(state, "\ton"), reply);
    }
    buffer_literal(reply, "no such offload, or neither on nor off");
    return false;
}

bool command_offload_run(struct broker *b, struct span command, struct buffer *reply)
{
    if (!span_is(command, "offload"))
        return turn(b, span_skip(command, strlen("offload\t")), reply);
    for (size_t i = 0; i < sizeof offloads / sizeof offloads[0]; i++)
        offloads[i].write(b, reply);
    return true;
}
