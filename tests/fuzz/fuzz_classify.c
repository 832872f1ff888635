/* SPDX-License-Identifier: Apache-2.0 */
/* The classifier: the daemon's build of it against the kernel's of the same source, and what it says of less against what it says of all. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "muster/classify.h"

#include "../offload/kernel_class.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Once. Not where it may not: then the rest is compared all the same. */
static int is_in_kernel(void)
{
    static int state = -1;
    if (state < 0) {
        int error = kernel_class_open();
        state = error == 0;
        if (error)
            fprintf(stderr, "the kernel's build is not compared: %s\n", strerror(-error));
    }
    return state;
}

/* Octets at the end of their memory: what reads on is seen. */
static enum muster_class class_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    enum muster_class class = muster_classify(copy, size);
    free(copy);
    return class;
}

/* How many are looked at until a class is known; 0: it never is. */
static size_t octets_that_tell(const uint8_t *data, size_t size)
{
    struct muster_classifier c = {.state = MUSTER_AT_START};
    for (size_t i = 0; i < size && i < MUSTER_CLASSIFY_WINDOW; i++)
        if (muster_classify_step(&c, data[i]) != MUSTER_CLASSIFY_MORE)
            return i + 1;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > KERNEL_CLASS_BYTES_MAX)
        return -1;
    enum muster_class all = class_of(data, size);
    if (all >= MUSTER_CLASS_COUNT)
        abort();
    if (size && is_in_kernel() && kernel_class(data, size) != (int)all)
        abort();
    /* Octet by octet: before the one that tells, nothing is known; with it, and whatever comes behind it, the class. */
    size_t told = octets_that_tell(data, size);
    if (told && class_of(data, told) != all)
        abort();
    enum muster_class before = class_of(data, told ? told - 1 : size);
    if (before != MUSTER_CLASS_UNKNOWN && before != MUSTER_CLASS_KEEPALIVE)
        abort();
    return 0;
}
