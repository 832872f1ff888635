/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/input.h"

/* Larger than what is read at once. */
#define TEXT_BYTES 200000

static int file_with(const char *text, size_t len)
{
    char path[] = "/tmp/muster-input-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void test_to_the_end(void **state)
{
    char *text = malloc(TEXT_BYTES);
    struct buffer in = {0};
    (void)state;
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)(i * 7 + i / 251);
    int fd = file_with(text, TEXT_BYTES);
    buffer_literal(&in, "before");
    assert_int_equal(input_read_all(fd, TEXT_BYTES + 6, &in), 0); /* what was there counts */
    assert_int_equal(in.len, TEXT_BYTES + 6);
    assert_memory_equal(in.ptr, "before", 6);
    assert_memory_equal(in.ptr + 6, text, TEXT_BYTES);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    buffer_clear(&in);
    assert_int_equal(input_read_all(fd, TEXT_BYTES - 1, &in), -EFBIG);
    close(fd);
    buffer_fini(&in);
    free(text);
}

static void test_nothing(void **state)
{
    struct buffer in = {0};
    int fd = file_with("", 0);
    (void)state;
    assert_int_equal(input_read_all(fd, 0, &in), 0);
    assert_int_equal(in.len, 0);
    close(fd);
    fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(input_read_all(fd, SIZE_MAX, &in), -EISDIR);
    close(fd);
    buffer_fini(&in);
}

/* Nobody is waited for, and what has no end is not begun. */
static void test_only_files(void **state)
{
    char folder[] = "/tmp/muster-input-XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/there", folder);
    assert_int_equal(input_open(path), -ENOENT);
    assert_int_equal(input_open(folder), -EISDIR);
    assert_int_equal(input_open("/dev/zero"), -EBADFD);
    assert_string_equal(input_error(-EBADFD), "is no regular file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(input_open(path), -EBADFD);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    fd = input_open(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_the_end),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_only_files),
    };
    return cmocka_run_group_tests_name("input", tests, NULL, NULL);
}
