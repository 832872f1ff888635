/* SPDX-License-Identifier: Apache-2.0 */
/* A server's record with the client's keys to it, for the tests of the record layer. */
#ifndef MUSTER_TESTS_TLS_RECORD_FIXTURE_H
#define MUSTER_TESTS_TLS_RECORD_FIXTURE_H

#include "raw.h"
#include "tls/record.h"

enum { CCS = 20, ALERT = 21, HANDSHAKE = 22, DATA = 23 };

#define TLS13 0x0304
#define TLS12 0x0303

struct suite_row {
    const char *name;
    uint16_t version;
    enum tls_suite suite;
};
enum { SUITES = 6 };
extern const struct suite_row suites[SUITES]; /* those of TLS 1.3 first */

/* Bytes to send, none of the same look as its neighbours. */
extern char filler[20000];
extern struct record_worker *worker;

/* cmocka's group set-up and end. */
int worker_make(void **state);
int worker_drop(void **state);

struct fixture {
    struct record *record;
    struct raw_key seal, open; /* the client's */
};
struct fixture fixture_of(const struct tls_secrets *s);
struct fixture fixture_make(uint16_t version, enum tls_suite suite);

/* Seal with the room; the wire bytes are appended to `out`. The outcome of record_seal. */
int seal(struct record *r, struct span plain, struct buffer *out);
/* Open one record of exactly these bytes, in a copy that ends where its page ends. */
int open_guarded(struct record *r, struct span in, struct buffer *ret_plain, size_t *ret_used,
                 struct buffer *reply);
/* Expect data to come through both ways under the present keys. */
void data_passes(struct fixture *f, const char *name);

#endif
