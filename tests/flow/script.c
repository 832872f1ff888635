/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>

#include "other.h"
#include "script_commands.h"

static void line_append(char **line, const char *text)
{
    char *joined = NULL;
    if (asprintf(&joined, "%s%s", *line, text) < 0)
        abort();
    free(*line);
    *line = joined;
}

static void line_add(struct script *s, unsigned number, const char *text)
{
    s->lines = realloc(s->lines, (s->count + 1) * sizeof *s->lines);
    if (!s->lines || asprintf(&s->lines[s->count++], "%u:%s", number, text) < 0)
        abort();
}

struct script *script_read(const char *path, unsigned *ret_count)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(1);
    }
    struct script *scripts = NULL;
    unsigned count = 0, number = 0;
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        number++;
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "=== ", 4) == 0) {
            scripts = realloc(scripts, (count + 1) * sizeof *scripts);
            if (!scripts)
                abort();
            scripts[count++] = (struct script){.title = strdup(line + 4), .path = path};
        } else if (line[0] == ' ' && count && scripts[count - 1].count) {
            struct script *s = &scripts[count - 1];
            line_append(&s->lines[s->count - 1], line + strspn(line, " ") - 1);
        } else if (line[0] && line[0] != '#') {
            if (!count) {
                fprintf(stderr, "%s:%u: no title before it\n", path, number);
                exit(1);
            }
            line_add(&scripts[count - 1], number, line);
        }
    }
    free(line);
    fclose(file);
    *ret_count = count;
    return scripts;
}

static void say(struct world *w, const char *name, const char *bytes, bool is_settled)
{
    if (other_say(w, name, bytes)) {
        if (is_settled)
            world_settle(w);
        return;
    }
    struct user *u = world_user(w, name);
    if (!u->peer)
        world_fail(w, "%s is not connected", name);
    for (const char *at; (at = strchr(bytes, '$'));) {
        size_t len = 1;
        const char *meant = script_meaning(w, at, &len);
        user_say(u, span_make(bytes, (size_t)(at - bytes)));
        user_say(u, span_of(meant ? meant : "$"));
        bytes = at + (meant ? len : 1);
    }
    user_say(u, span_of(bytes));
    if (is_settled)
        world_settle(w);
}

/* NAME: NAME+ NAME> NAME>> ; false: it is none of these. */
static bool line_of_a_user(struct world *w, const char *line)
{
    char name[32] = "";
    size_t len = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789");
    if (len == 0 || len >= sizeof name || !line[len] || !strchr(":+>", line[len]))
        return false;
    memcpy(name, line, len);
    char kind = line[len];
    const char *rest = line + len + 1;
    bool is_any = kind == '>' && *rest == '>';
    rest += is_any;
    rest += *rest == ' ';
    if (kind != '>')
        say(w, name, rest, kind == ':');
    else if (strcmp(rest, "nothing") == 0)
        world_expect_nothing(w, name);
    else if (strcmp(rest, "closed") == 0)
        world_expect_closed(w, name);
    else if (is_any)
        world_expect_any(w, name, "%s", rest);
    else
        world_expect(w, name, "%s", rest);
    return true;
}

static void line_play(struct world *w, const char *line)
{
    if (line_of_a_user(w, line))
        return;
    if (!script_command(w, line))
        world_fail(w, "not understood");
}

void script_play(const struct script *s, uint32_t workers, size_t receive_bytes_max)
{
    struct world *w = world_new(workers, 11, receive_bytes_max);
    char where[1024];
    w->where = where;
    for (unsigned i = 0; i < s->count; i++) {
        const char *text = strchr(s->lines[i], ':') + 1;
        snprintf(where, sizeof where, "%s:%u: %s", s->path, (unsigned)strtoul(s->lines[i], NULL, 10), text);
        line_play(w, text);
    }
    snprintf(where, sizeof where, "%s, the end of \"%s\"", s->path, s->title);
    world_expect_silence(w);
    world_free(w);
}
