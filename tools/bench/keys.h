/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM keys kept from run to run, so that ten thousand clients need not hash ten thousand passwords each
 * time. */
#ifndef MUSTER_BENCH_KEYS_H
#define MUSTER_BENCH_KEYS_H

#include "accounts.h"

/* Take the keys of the accounts that `path` has; no such file is no error. They are used as long as the
 * server's salt and count fit, but are worthless when a password changed. 0, or -errno with the message
 * printed. */
int keys_load(struct accounts *a, const char *path);
/* Write those known; readable by the owner only, since they serve like passwords. 0, or -errno (printed). */
int keys_save(const struct accounts *a, const char *path);

#endif
