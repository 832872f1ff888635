/* SPDX-License-Identifier: Apache-2.0 */
/* A state folder of one's own, and values to put into it. */
#ifndef MUSTER_TEST_STORE_FIXTURE_H
#define MUSTER_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store/db.h"
#include "store/store.h"

struct fixture {
    char folder[64]; /* does not exist yet */
    char parent[64];
    struct buffer message;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Open, failing the test with the message when that fails. */
struct store_db *fixture_db(struct fixture *f);
struct store *fixture_store(struct fixture *f);

/* Keys that tell from which `seed` they were made. */
struct sasl_credentials fixture_credentials(unsigned seed);
struct store_item fixture_item(const char *contact, uint8_t state, uint64_t version);

#endif
