/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an administration command with its body, on a database of its own: done, or refused with a
 * reason and without an effect. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/dev/shm/muster-fuzz-XXXXXX"; /* in memory: commits must not wait for a disk */

static void remove_folder(void)
{
    static const char *const names[] = {"muster.db", "muster.db-wal", "muster.db-shm", "muster.lock"};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static struct store_db *open_once(void)
{
    static struct store_db *db;
    struct buffer message;
    if (db)
        return db;
    buffer_init(&message);
    if (!mkdtemp(folder) || store_db_open(folder, &db, &message) != 0) {
        fprintf(stderr, "%s: %.*s\n", folder, (int)message.len, message.ptr ? message.ptr : "");
        exit(1);
    }
    atexit(remove_folder);
    buffer_fini(&message);
    return db;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct span domains[] = {{"localhost", 9}};
    struct span in = span_make((const char *)data, size), command = in, body = {0};
    const char *end = size ? memchr(in.ptr, '\n', in.len) : NULL;
    struct buffer reply, affected;
    if (end) {
        command.len = (size_t)(end - in.ptr);
        body = span_skip(in, command.len + 1);
    }
    buffer_init(&reply);
    buffer_init(&affected);
    int result = store_command_run(open_once(), domains, 1, command, body, &reply, &affected);
    if (result < 0 || (result == 1 && (reply.len == 0 || affected.len != 0)) ||
        (result == 1 && memchr(reply.ptr, '\n', reply.len)))
        abort();
    buffer_fini(&reply);
    buffer_fini(&affected);
    return 0;
}
