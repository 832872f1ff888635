/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->parent, "/tmp/muster-test-XXXXXX");
    if (!mkdtemp(f->parent))
        return -1;
    snprintf(f->folder, sizeof f->folder, "%s/state", f->parent);
    *state = f;
    return 0;
}

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    nftw(f->parent, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
    buffer_fini(&f->message);
    free(f);
    return 0;
}

struct store_db *fixture_db(struct fixture *f)
{
    struct store_db *db = NULL;
    int error = store_db_open(f->folder, &db, &f->message);
    if (error)
        fail_msg("%d: %.*s", error, (int)f->message.len, f->message.ptr);
    return db;
}

struct store *fixture_store(struct fixture *f)
{
    static const struct span domains[] = {{"localhost", 9}, {"example.org", 11}};
    struct store *s = NULL;
    int error = store_open(f->folder, domains, 2, &s, &f->message);
    if (error)
        fail_msg("%d: %.*s", error, (int)f->message.len, f->message.ptr);
    return s;
}

struct sasl_credentials fixture_credentials(unsigned seed)
{
    struct sasl_credentials c = {.sha256 = {.hash_bytes = 32, .iterations = 4096 + seed},
                                 .sha1 = {.hash_bytes = 20, .iterations = 5000 + seed}};
    memset(c.sha256.salt, (int)(seed + 1), SASL_SALT_BYTES);
    memset(c.sha256.stored_key, (int)(seed + 2), 32);
    memset(c.sha256.server_key, (int)(seed + 3), 32);
    memset(c.sha1.salt, (int)(seed + 4), SASL_SALT_BYTES);
    memset(c.sha1.stored_key, (int)(seed + 5), 20);
    memset(c.sha1.server_key, (int)(seed + 6), 20);
    return c;
}

struct store_item fixture_item(const char *contact, uint8_t state, uint64_t version)
{
    return (struct store_item){
        .contact = span_of(contact), .state = state, .version = version, .is_listed = true};
}
