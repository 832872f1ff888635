/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/input.h"

int input_read(struct buffer *in)
{
    return input_read_all(STDIN_FILENO, INPUT_BYTES_MAX, in);
}

int output_write(struct span text)
{
    errno = 0;
    if (fwrite(text.ptr ? text.ptr : "", 1, text.len, stdout) != text.len || fflush(stdout) != 0)
        return fail_errno(EXIT_REFUSED, "standard output", errno ? -errno : -EIO);
    return EXIT_DONE;
}

/* -EBADMSG: nothing in it begins with `what`. */
static int file_read(int at, const char *name, const char *what, struct buffer *pem)
{
    int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    uint32_t before = pem->len;
    int error = input_read_all(fd, PEM_BYTES_MAX, pem);
    close(fd);
    if (!error && memmem(pem->ptr + before, pem->len - before, what, strlen(what)) == NULL) {
        pem->len = before;
        error = -EBADMSG;
    }
    buffer_append_char(pem, '\n'); /* what follows begins a line */
    return error;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Every file of a folder with certificates in it, by name, so that it is read alike on every machine. -ENOENT: there is none. */
static int folder_read(const char *path, struct buffer *pem, char *ret_at, size_t at_bytes)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_shown, alphasort);
    if (count < 0)
        return -errno;
    int found = 0, error = 0;
    int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        error = -errno;
    for (int i = 0; i < count; i++) {
        if (!error) {
            error = file_read(at, entries[i]->d_name, "-----BEGIN CERTIFICATE-----", pem);
            found += !error;
            if (error == -EBADMSG || error == -EISDIR) /* a note, a key, a folder */
                error = 0;
            else if (error)
                snprintf(ret_at, at_bytes, "%s/%s", path, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    if (at >= 0)
        close(at);
    return error ? error : found ? 0 : -ENOENT;
}

int pem_read(const struct options *o, enum option_id id, struct buffer *pem)
{
    for (uint32_t i = 0; i < o->given[id].count; i++) {
        const char *path = o->given[id].values[i];
        char at[4096 + 256];
        snprintf(at, sizeof at, "%s", path);
        struct stat status;
        bool is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
        int error =
            is_folder ? folder_read(path, pem, at, sizeof at) : file_read(AT_FDCWD, path, "-----BEGIN ", pem);
        if (error == -EBADMSG)
            return fail(EXIT_USAGE, at, SPAN("not PEM: there is no line -----BEGIN ...-----"));
        if (error == -ENOENT && is_folder)
            return fail(EXIT_USAGE, at, SPAN("no file there has a certificate (PEM)"));
        if (error)
            return fail_errno(EXIT_USAGE, at, error);
    }
    return -1;
}

int key_read(const struct options *o, struct buffer *pem)
{
    int status = pem_read(o, OPTION_KEY, pem);
    if (status >= 0)
        return status;
    if (memmem(pem->ptr, pem->len, "ENCRYPTED", 9) != NULL)
        return fail(
            EXIT_USAGE, option_value(o, OPTION_KEY),
            SPAN(
                "a passphrase protects this key; \"openssl pkey -in KEY -out PLAIN\" writes it without one"));
    return -1;
}
