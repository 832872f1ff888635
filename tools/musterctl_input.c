/* SPDX-License-Identifier: Apache-2.0 */
#include "musterctl_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "admin/control.h"
#include "base/input.h"

int file_read(const char *path, struct buffer *in)
{
    if (strcmp(path, "-") == 0)
        return input_read_all(STDIN_FILENO, CONTROL_BODY_BYTES_MAX, in);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = input_read_all(fd, CONTROL_BODY_BYTES_MAX, in);
    close(fd);
    return error;
}

bool password_line(const char *prompt, struct buffer *line)
{
    struct termios shown, hidden;
    bool is_terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &shown) == 0;
    if (is_terminal) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
        fputs(prompt, stderr);
    }
    char c;
    ssize_t got;
    while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
        buffer_append_char(line, c);
    if (is_terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fputc('\n', stderr);
    }
    if (line->len && line->ptr[line->len - 1] == '\r')
        line->len--;
    return got >= 0 && buffer_ok(line);
}
