/* SPDX-License-Identifier: Apache-2.0 */
/* One account a line: jid, hash, iterations, salt, client key, server key; the last three in Base64. */
#include "keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const hash_names[] = {[SCRAM_SHA_1] = "SHA-1", [SCRAM_SHA_256] = "SHA-256"};

static int complain(const char *what, const char *path, int error)
{
    fprintf(stderr, "muster-bench: cannot %s %s: %s\n", what, path, strerror(error));
    return -error;
}

/* Decode `text` into `to`; its length, or 0 when it is malformed or does not fit. */
static uint32_t bytes_read(const char *text, uint8_t *to, size_t size)
{
    struct buffer bytes;
    uint32_t len = 0;
    buffer_init(&bytes);
    if (text != NULL && base64_decode(&bytes, span_of(text)) == 0 && bytes.len > 0 && bytes.len <= size) {
        memcpy(to, bytes.ptr, bytes.len);
        len = bytes.len;
    }
    buffer_fini(&bytes);
    return len;
}

/* A line that cannot be read is as good as none: the keys are made anew. */
static void line_read(struct accounts *a, char *line)
{
    struct scram_keys keys = {0};
    char *rest = line;
    const char *jid = strsep(&rest, "\t"), *hash = strsep(&rest, "\t"), *count = strsep(&rest, "\t");
    const char *salt = strsep(&rest, "\t"), *client = strsep(&rest, "\t"), *server = strsep(&rest, "\t");
    uint32_t account = accounts_find(a, span_of(jid));
    if (account == ACCOUNTS_UNKNOWN || server == NULL)
        return;
    keys.hash = strcmp(hash, hash_names[SCRAM_SHA_1]) == 0 ? SCRAM_SHA_1 : SCRAM_SHA_256;
    keys.iterations = (uint32_t)strtoul(count, NULL, 10);
    keys.salt_len = bytes_read(salt, keys.salt, sizeof keys.salt);
    uint32_t key_len = keys.hash == SCRAM_SHA_1 ? 20 : 32;
    if (keys.salt_len > 0 && bytes_read(client, keys.client_key, sizeof keys.client_key) == key_len &&
        bytes_read(server, keys.server_key, sizeof keys.server_key) == key_len)
        a->list[account].keys = keys;
}

int keys_load(struct accounts *a, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return errno == ENOENT ? 0 : complain("read", path, errno);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        line_read(a, line);
    }
    free(line);
    fclose(file);
    return 0;
}

int keys_save(const struct accounts *a, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return complain("write", path, error);
    }
    struct buffer line;
    buffer_init(&line);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct scram_keys *keys = &a->list[i].keys;
        size_t key_len = keys->hash == SCRAM_SHA_1 ? 20 : 32;
        if (keys->iterations == 0)
            continue;
        buffer_clear(&line);
        buffer_printf(&line, "%s\t%s\t%u\t", a->list[i].jid, hash_names[keys->hash], keys->iterations);
        base64_append(&line, span_make((const char *)keys->salt, keys->salt_len));
        buffer_append_char(&line, '\t');
        base64_append(&line, span_make((const char *)keys->client_key, key_len));
        buffer_append_char(&line, '\t');
        base64_append(&line, span_make((const char *)keys->server_key, key_len));
        buffer_append_char(&line, '\n');
        fwrite(line.ptr, 1, line.len, file);
    }
    buffer_fini(&line);
    return fclose(file) != 0 ? complain("write", path, errno) : 0;
}
