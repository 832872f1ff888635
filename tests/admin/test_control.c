/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/control.h"
#include "admin/request.h"
#include "base/clock.h"

struct fixture {
    char folder[64], path[96];
    struct control *control;
    struct buffer message;
    unsigned calls; /* written on the control thread, read when no call is under way */
};

/* "echo": the body comes back; "refuse": so does it, as an error; "size": the body's length; else unknown. */
static bool handle(void *context, struct span command, struct span body, struct buffer *reply)
{
    struct fixture *f = context;
    f->calls++;
    if (span_is(command, "size")) {
        buffer_printf(reply, "%zu", body.len);
        return true;
    }
    if (!span_is(command, "echo") && !span_is(command, "refuse")) {
        buffer_literal(reply, "unknown command");
        return false;
    }
    buffer_append(reply, body);
    return span_is(command, "echo");
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/muster-admin-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/admin.sock", f->folder);
    *state = f;
    return control_open(f->path, handle, f, &f->control, &f->message);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    control_close(f->control);
    unlink(f->path);
    rmdir(f->folder);
    buffer_fini(&f->message);
    free(f);
    return 0;
}

static void expect(struct fixture *f, const char *command, const char *body, int result, const char *text)
{
    struct buffer reply = {0};
    assert_int_equal(control_call(f->path, span_of(command), span_of(body), &reply), result);
    assert_true(span_equal(buffer_span(&reply), span_of(text)));
    buffer_fini(&reply);
}

static void test_calls(void **state)
{
    struct fixture *f = *state;
    expect(f, "echo", "line\nline\n", 0, "line\nline\n");
    expect(f, "echo", "", 0, "");
    expect(f, "refuse", "why not", 1, "why not");
    expect(f, "dance\twildly", "", 1, "unknown command");
    expect(f, "", "", 1, "malformed request");
    assert_int_equal(f->calls, 4);
}

static void test_socket_is_private_and_goes_away(void **state)
{
    struct fixture *f = *state;
    struct stat status;
    assert_int_equal(stat(f->path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0600);
    f->control = control_close(f->control);
    assert_int_equal(stat(f->path, &status), -1);
    expect(f, "echo", "", -ENOENT, "");
}

static void test_large_body_and_reply(void **state)
{
    struct fixture *f = *state;
    struct buffer body = {0}, reply = {0};
    for (int i = 0; i < 500000; i++)
        buffer_printf(&body, "line %d\n", i);
    assert_int_equal(control_call(f->path, SPAN("echo"), buffer_span(&body), &reply), 0);
    assert_true(span_equal(buffer_span(&body), buffer_span(&reply)));
    buffer_fini(&body);
    buffer_fini(&reply);
}

static void test_live_socket_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct control *second = NULL;
    assert_int_equal(control_open(f->path, handle, f, &second, &f->message), -EADDRINUSE);
    assert_null(second);
    assert_true(f->message.len > 0);
    expect(f, "echo", "still there", 0, "still there");
}

static int raw_connect(const char *path)
{
    struct sockaddr_un address;
    assert_int_equal(control_address_make(path, &address), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void test_stale_socket_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address;
    f->control = control_close(f->control);
    control_address_make(f->path, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd); /* its file stays, as after a crash */
    expect(f, "echo", "", -ECONNREFUSED, "");
    assert_int_equal(control_open(f->path, handle, f, &f->control, &f->message), 0);
    expect(f, "echo", "new", 0, "new");
}

static void test_other_files_are_not_touched(void **state)
{
    struct fixture *f = *state;
    struct control *second = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/precious", f->folder);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(control_open(path, handle, f, &second, &f->message), -EEXIST);
    assert_int_equal(unlink(path), 0); /* it was still there */
    assert_int_equal(control_open("/tmp/muster-no-such/s", handle, f, &second, &f->message), -ENOENT);
    memset(path, 'p', 120);
    path[120] = '\0';
    assert_int_equal(control_open(path, handle, f, &second, &f->message), -ENAMETOOLONG);
}

/* Somebody else's socket at our path when we close: not ours to remove. */
static void test_close_removes_only_its_own(void **state)
{
    struct fixture *f = *state;
    struct control *second = NULL;
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(control_open(f->path, handle, f, &second, &f->message), 0);
    f->control = control_close(f->control);
    expect(f, "echo", "second", 0, "second");
    control_close(second);
    expect(f, "echo", "", -ENOENT, "");
}

static void test_request_in_pieces(void **state)
{
    struct fixture *f = *state;
    static const char request[] = "echo\nabc\n", expected[] = "ok\nabc\n";
    char reply[64];
    size_t got = 0;
    ssize_t len;
    int fd = raw_connect(f->path);
    for (size_t i = 0; i < sizeof request - 1; i++) {
        assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
        usleep(500);
    }
    shutdown(fd, SHUT_WR);
    while ((len = recv(fd, reply + got, sizeof reply - got, 0)) > 0)
        got += (size_t)len;
    assert_int_equal(got, sizeof expected - 1);
    assert_memory_equal(reply, expected, got);
    close(fd);
}

static void test_clients_that_go_away(void **state)
{
    struct fixture *f = *state;
    static const char *const starts[] = {"", "ec", "echo\n", "echo\nbody"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        int fd = raw_connect(f->path);
        send(fd, starts[i], strlen(starts[i]), MSG_NOSIGNAL);
        close(fd);
    }
    expect(f, "echo", "next", 0, "next");
}

/* An idle client does not hold up the end. */
static void test_close_does_not_wait_for_clients(void **state)
{
    struct fixture *f = *state;
    int fd = raw_connect(f->path);
    assert_int_equal(send(fd, "echo\n", 5, MSG_NOSIGNAL), 5);
    usleep(20000);
    uint64_t start = clock_now_ms();
    f->control = control_close(f->control);
    assert_true(clock_now_ms() - start < 2000);
    close(fd);
}

static void *caller_main(void *context)
{
    struct fixture *f = context;
    for (int i = 0; i < 50; i++) {
        struct buffer reply = {0};
        int result = control_call(f->path, SPAN("size"), SPAN("12345"), &reply);
        bool is_right = result == 0 && span_is(buffer_span(&reply), "5");
        buffer_fini(&reply);
        if (!is_right)
            return f;
    }
    return NULL;
}

static void test_many_callers(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, caller_main, f), 0);
    for (int i = 0; i < 8; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(f->calls, 8 * 50);
}

/* A daemon that accepts and dies before it answers. */
static void *dying_main(void *context)
{
    int listen_fd = *(int *)context, fd = accept(listen_fd, NULL, NULL);
    char bytes[256];
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
    send(fd, "o", 1, MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static void test_daemon_dies_in_midst(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address;
    pthread_t thread;
    f->control = control_close(f->control);
    control_address_make(f->path, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, dying_main, &fd), 0);
    expect(f, "echo", "x", -EPROTO, "");
    pthread_join(thread, NULL);
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_calls),
        TEST(test_socket_is_private_and_goes_away),
        TEST(test_large_body_and_reply),
        TEST(test_live_socket_is_left_alone),
        TEST(test_stale_socket_is_replaced),
        TEST(test_other_files_are_not_touched),
        TEST(test_close_removes_only_its_own),
        TEST(test_request_in_pieces),
        TEST(test_clients_that_go_away),
        TEST(test_close_does_not_wait_for_clients),
        TEST(test_many_callers),
        TEST(test_daemon_dies_in_midst),
    };
    return cmocka_run_group_tests_name("admin/control", tests, NULL, NULL);
}
