/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/bells.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>

/* More than there are workers, mostly; what is beyond rings at once, which is only dearer. */
#define HELD_MAX 64

static _Thread_local struct {
    bool are_held;
    uint32_t count;
    int fds[HELD_MAX];
} bells;

void bells_hold(void)
{
    bells.are_held = true;
}

void bells_release(void)
{
    bells.are_held = false;
    while (bells.count)
        eventfd_write(bells.fds[--bells.count], 1);
}

void bells_ring(int fd)
{
    if (bells.are_held && bells.count < HELD_MAX)
        bells.fds[bells.count++] = fd;
    else
        eventfd_write(fd, 1);
}
