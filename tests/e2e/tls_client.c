/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS client for saying what no library would say. OpenSSL does the handshake over memory; then the tests'
 * own record sealer takes over with the exported keys, and every record is what a command line asks for.
 *
 *   tls_client --fd N [--tls12] [--suite NAME] [--alpn NAME] [--hold-finished] [--cut BYTES]
 *              [--session-out FILE | --session-in FILE [--early HEX]]
 *
 * N is a connected socket. --hold-finished: the client's Finished leaves with the first `send`. --cut:
 * handshake bytes leave so many at a time. --session-out: take a ticket with the library, store it, end.
 *
 * Commands on standard input, one a line; nothing leaves before `send`:
 *   data HEX               a record of application data (`-`: empty)
 *   content TYPE PAD HEX   a record of that content type, with PAD zeros behind it
 *   text TYPE HEX          a record around exactly this inner plaintext, with that outer type
 *   flip BIT HEX           a record of application data with one bit of it turned (counted from its header's
 * end) plain HEX              these bytes, sealed by nobody cut N                  forget the last N bytes of
 * what has not left update REQUEST         KeyUpdate, and new keys from then on send                   what
 * there is, in one write shut                   end our direction of the socket reset                  end
 * the process; the connection is reset Events on standard output: ready VERSION SUITE REUSED EARLY, data HEX,
 * alert LEVEL DESCRIPTION, ticket, update REQUEST, other TYPE HEX, eof, failed REASON. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "raw.h"
#include "tls/keys.h"

enum { CONTENT_ALERT = 21, CONTENT_HANDSHAKE = 22, CONTENT_DATA = 23, HEADER_BYTES = 5 };
enum { NEW_SESSION_TICKET = 4, KEY_UPDATE = 24 };

struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *from_server, *to_server; /* belong to ssl */
    bool holds_finished;
    size_t cut_bytes;
    const char *session_out, *early;
    bool has_stored;
    char client_secret[100], server_secret[100]; /* hex */
    struct raw_key seal, open;
    struct buffer in, out, commands;
};

static void die(const char *reason)
{
    const char *library = ERR_reason_error_string(ERR_peek_error());
    printf("failed %s%s%s\n", reason, library ? ": " : "", library ? library : "");
    exit(1);
}

static void hex_append(struct buffer *to, const char *hex)
{
    for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        buffer_append_char(to, (char)byte);
        if (!hex[1])
            break;
    }
}

static void hex_print(const char *event, struct span bytes)
{
    printf("%s ", event);
    for (size_t i = 0; i < bytes.len; i++)
        printf("%02x", (unsigned char)bytes.ptr[i]);
    puts(bytes.len ? "" : "-");
}

/* ---- the handshake ---- */

static void keylog(const SSL *ssl, const char *line)
{
    struct client *c = SSL_get_app_data(ssl);
    const char *secret = strrchr(line, ' ');
    if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0)
        snprintf(c->client_secret, sizeof c->client_secret, "%s", secret + 1);
    if (strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0)
        snprintf(c->server_secret, sizeof c->server_secret, "%s", secret + 1);
}

static int session_new(SSL *ssl, SSL_SESSION *session)
{
    struct client *c = SSL_get_app_data(ssl);
    FILE *file = c->session_out ? fopen(c->session_out, "w") : NULL;
    if (file) {
        c->has_stored = PEM_write_SSL_SESSION(file, session) == 1;
        fclose(file);
    }
    return 0;
}

static void write_all(struct client *c, const char *bytes, size_t len, size_t part_max)
{
    while (len) {
        ssize_t n = send(c->fd, bytes, len < part_max ? len : part_max, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return; /* the server has closed: its last words are still to be read */
        bytes += n;
        len -= (size_t)n;
        if (len && part_max < len)
            usleep(1000); /* or the pieces would arrive as one */
    }
}

/* What the library has written goes to `out`. */
static void library_drain(struct client *c)
{
    char *bytes;
    long len = BIO_get_mem_data(c->to_server, &bytes);
    if (len > 0)
        buffer_append(&c->out, span_make(bytes, (size_t)len));
    (void)BIO_reset(c->to_server);
}

static void out_flush(struct client *c)
{
    write_all(c, c->out.ptr, c->out.len, c->cut_bytes ? c->cut_bytes : SIZE_MAX);
    buffer_clear(&c->out);
}

/* Receive once. False at the end. */
static bool in_fill(struct client *c)
{
    char *space = buffer_reserve(&c->in, 65536);
    ssize_t n = recv(c->fd, space, 65536, 0);
    if (n > 0)
        c->in.len += (uint32_t)n;
    return n > 0;
}

/* Give the library the first record of `in`, waiting for it. False at the end of the connection. */
static bool record_give(struct client *c)
{
    for (;;) {
        const uint8_t *head = (const uint8_t *)c->in.ptr;
        size_t whole = c->in.len < HEADER_BYTES ? SIZE_MAX : HEADER_BYTES + (size_t)(head[3] << 8 | head[4]);
        if (whole <= c->in.len) {
            BIO_write(c->from_server, head, (int)whole);
            buffer_consume(&c->in, whole);
            return true;
        }
        if (!in_fill(c))
            return false;
    }
}

static void early_write(struct client *c)
{
    struct buffer early = {0};
    size_t written;
    hex_append(&early, c->early);
    if (SSL_write_early_data(c->ssl, early.ptr, early.len, &written) != 1)
        die("early data");
    library_drain(c);
    buffer_fini(&early);
}

static void handshake(struct client *c)
{
    if (c->early)
        early_write(c);
    for (;;) {
        ERR_clear_error();
        int done = SSL_do_handshake(c->ssl);
        int error = SSL_get_error(c->ssl, done);
        library_drain(c);
        if (done == 1)
            break;
        out_flush(c);
        if (error != SSL_ERROR_WANT_READ)
            die("handshake");
        if (!record_give(c))
            die("closed in the handshake");
    }
    if (!c->holds_finished)
        out_flush(c);
}

static enum tls_suite suite_of(const SSL_CIPHER *cipher)
{
    const char *name = SSL_CIPHER_get_name(cipher);
    return strstr(name, "CHACHA20")                             ? TLS_CHACHA20_POLY1305
           : strstr(name, "256_GCM") || strstr(name, "256-GCM") ? TLS_AES_256_GCM
                                                                : TLS_AES_128_GCM;
}

static void secret_take(struct tls_direction *d, const char *hex)
{
    struct buffer secret = {0};
    hex_append(&secret, hex);
    if (!secret.len || secret.len > sizeof d->secret)
        die("no traffic secret");
    memcpy(d->secret, secret.ptr, secret.len);
    buffer_fini(&secret);
}

/* Named as the server has them: it sends with what we open with. */
static void keys_take(struct client *c)
{
    struct tls_secrets s = {.version = (uint16_t)SSL_version(c->ssl),
                            .suite = (uint8_t)suite_of(SSL_get_current_cipher(c->ssl))};
    s.hash_bytes = s.suite == TLS_AES_256_GCM ? 48 : 32;
    if (s.version == TLS1_3_VERSION) {
        secret_take(&s.send, c->server_secret);
        secret_take(&s.receive, c->client_secret);
        tls_direction_derive(&s.send, s.suite, s.hash_bytes);
        tls_direction_derive(&s.receive, s.suite, s.hash_bytes);
    } else {
        uint8_t master[TLS12_MASTER_BYTES], client_random[TLS_RANDOM_BYTES], server_random[TLS_RANDOM_BYTES];
        SSL_SESSION_get_master_key(SSL_get_session(c->ssl), master, sizeof master);
        SSL_get_client_random(c->ssl, client_random, sizeof client_random);
        SSL_get_server_random(c->ssl, server_random, sizeof server_random);
        tls12_secrets_derive(&s, master, client_random, server_random);
    }
    c->seal = raw_client_seal_key(&s);
    c->open = raw_client_open_key(&s);
}

static void ready_print(const struct client *c)
{
    printf("ready %s %s %s %s\n", SSL_get_version(c->ssl), SSL_get_cipher_name(c->ssl),
           SSL_session_reused(c->ssl) ? "reused" : "new",
           SSL_get_early_data_status(c->ssl) == SSL_EARLY_DATA_ACCEPTED ? "early" : "late");
}

/* ---- commands ---- */

static void seal_flipped(struct client *c, unsigned bit, struct span content)
{
    size_t start = c->out.len;
    raw_seal_content(&c->seal, CONTENT_DATA, content, 0, &c->out);
    c->out.ptr[start + HEADER_BYTES + bit / 8] ^= (char)(1u << bit % 8);
}

static void update(struct client *c, char request)
{
    const char message[] = {KEY_UPDATE, 0, 0, 1, request};
    raw_seal_content(&c->seal, CONTENT_HANDSHAKE, span_make(message, sizeof message), 0, &c->out);
    raw_key_update(&c->seal);
}

/* False: the client is told to end. */
static bool command_run(struct client *c, char *line)
{
    char *rest = line, *name = strsep(&rest, " ");
    unsigned long first =
        strcmp(name, "data") && strcmp(name, "plain") && rest ? strtoul(rest, &rest, 10) : 0;
    unsigned long second = strcmp(name, "content") == 0 ? strtoul(rest, &rest, 10) : 0;
    struct buffer bytes = {0};
    if (rest)
        hex_append(&bytes, rest + strspn(rest, " -"));
    struct span content = buffer_span(&bytes);
    if (strcmp(name, "data") == 0)
        raw_seal_content(&c->seal, CONTENT_DATA, content, 0, &c->out);
    else if (strcmp(name, "content") == 0)
        raw_seal_content(&c->seal, (uint8_t)first, content, second, &c->out);
    else if (strcmp(name, "text") == 0)
        raw_seal(&c->seal, (uint8_t)first, content, &c->out);
    else if (strcmp(name, "flip") == 0)
        seal_flipped(c, (unsigned)first, content);
    else if (strcmp(name, "plain") == 0)
        buffer_append(&c->out, content);
    else if (strcmp(name, "cut") == 0)
        c->out.len -= first < c->out.len ? (uint32_t)first : c->out.len;
    else if (strcmp(name, "update") == 0)
        update(c, (char)first);
    else if (strcmp(name, "send") == 0)
        out_flush(c);
    else if (strcmp(name, "shut") == 0)
        shutdown(c->fd, SHUT_WR);
    else if (strcmp(name, "reset") == 0)
        return false;
    else
        die("unknown command");
    buffer_fini(&bytes);
    return true;
}

static bool commands_run(struct client *c)
{
    for (char *end; c->commands.len && (end = memchr(c->commands.ptr, '\n', c->commands.len));) {
        *end = '\0';
        size_t used = (size_t)(end + 1 - c->commands.ptr);
        if (!command_run(c, c->commands.ptr))
            return false;
        buffer_consume(&c->commands, used);
    }
    return true;
}

/* ---- events ---- */

static void handshake_message(struct client *c, struct span message)
{
    if (message.len >= HEADER_BYTES && message.ptr[0] == KEY_UPDATE) {
        printf("update %d\n", message.ptr[4]);
        raw_key_update(&c->open);
    } else if (message.len && message.ptr[0] == NEW_SESSION_TICKET) {
        puts("ticket");
    } else {
        hex_print("other 22", message);
    }
}

static void records_open(struct client *c)
{
    struct span left = buffer_span(&c->in);
    uint8_t type;
    struct buffer content = {0};
    while (left.len >= HEADER_BYTES) {
        const uint8_t *head = (const uint8_t *)left.ptr;
        if (left.len < HEADER_BYTES + (size_t)(head[3] << 8 | head[4]))
            break;
        if (!raw_open(&c->open, &left, &type, &content))
            die("a record of the server does not open");
        if (type == CONTENT_DATA)
            hex_print("data", buffer_span(&content));
        else if (type == CONTENT_ALERT && content.len == 2)
            printf("alert %d %d\n", content.ptr[0], (unsigned char)content.ptr[1]);
        else if (type == CONTENT_HANDSHAKE)
            handshake_message(c, buffer_span(&content));
        else
            hex_print("other", buffer_span(&content));
        buffer_clear(&content);
    }
    buffer_consume(&c->in, c->in.len - left.len);
    buffer_fini(&content);
}

static void serve(struct client *c)
{
    bool is_over = false;
    records_open(c);
    for (;;) {
        struct pollfd polls[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                 {.fd = is_over ? -1 : c->fd, .events = POLLIN}};
        if (poll(polls, 2, -1) < 0)
            continue;
        if (polls[1].revents) {
            is_over = !in_fill(c);
            records_open(c);
            if (is_over)
                puts(c->in.len ? "failed half a record at the end" : "eof");
        }
        if (polls[0].revents) {
            ssize_t n = read(STDIN_FILENO, buffer_reserve(&c->commands, 65536), 65536);
            if (n <= 0)
                return;
            c->commands.len += (uint32_t)n;
            if (!commands_run(c))
                return;
        }
    }
}

static void session_store(struct client *c)
{
    char byte;
    while (!c->has_stored) {
        SSL_read(c->ssl, &byte, 1);
        if (!c->has_stored && !record_give(c))
            die("no ticket came");
    }
    puts("stored");
}

static void session_load(struct client *c, const char *path)
{
    FILE *file = fopen(path, "r");
    SSL_SESSION *session = file ? PEM_read_SSL_SESSION(file, NULL, NULL, NULL) : NULL;
    if (!session)
        die("session file");
    fclose(file);
    if (c->early)
        SSL_SESSION_set_max_early_data(session, 16384); /* whatever the ticket says */
    SSL_set_session(c->ssl, session);
    SSL_SESSION_free(session);
}

static void client_init(struct client *c)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION);
    SSL_CTX_set_keylog_callback(c->ctx, keylog);
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->ctx, session_new);
    c->ssl = SSL_new(c->ctx);
    c->from_server = BIO_new(BIO_s_mem());
    c->to_server = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(c->from_server, -1);
    SSL_set_bio(c->ssl, c->from_server, c->to_server);
    SSL_set_app_data(c->ssl, c);
    SSL_set_connect_state(c->ssl);
    SSL_set_tlsext_host_name(c->ssl, "localhost");
}

static void alpn_set(struct client *c, const char *name)
{
    unsigned char list[64];
    size_t len = strlen(name);
    list[0] = (unsigned char)len;
    memcpy(list + 1, name, len < sizeof list - 1 ? len : sizeof list - 1);
    SSL_set_alpn_protos(c->ssl, list, (unsigned)len + 1);
}

int main(int argc, char **argv)
{
    struct client c = {.fd = -1};
    const char *session_in = NULL, *suite = NULL;
    bool is_tls12 = false;
    setvbuf(stdout, NULL, _IOLBF, 0);
    client_init(&c);
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--tls12") == 0)
            is_tls12 = true;
        else if (strcmp(argv[i], "--hold-finished") == 0)
            c.holds_finished = true;
        else if (strcmp(argv[i], "--fd") == 0 && ++i)
            c.fd = atoi(value);
        else if (strcmp(argv[i], "--suite") == 0 && ++i)
            suite = value;
        else if (strcmp(argv[i], "--alpn") == 0 && ++i)
            alpn_set(&c, value);
        else if (strcmp(argv[i], "--cut") == 0 && ++i)
            c.cut_bytes = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--session-out") == 0 && ++i)
            c.session_out = value;
        else if (strcmp(argv[i], "--session-in") == 0 && ++i)
            session_in = value;
        else if (strcmp(argv[i], "--early") == 0 && ++i)
            c.early = value;
        else
            die("usage");
    }
    if (is_tls12) {
        SSL_set_min_proto_version(c.ssl, TLS1_2_VERSION);
        SSL_set_max_proto_version(c.ssl, TLS1_2_VERSION);
    }
    if (suite && !(is_tls12 ? SSL_set_cipher_list(c.ssl, suite) : SSL_set_ciphersuites(c.ssl, suite)))
        die("suite");
    if (session_in)
        session_load(&c, session_in);
    handshake(&c);
    if (c.session_out) {
        session_store(&c);
    } else {
        keys_take(&c);
        c.cut_bytes = 0;
        ready_print(&c);
        serve(&c);
    }
    SSL_free(c.ssl);
    SSL_CTX_free(c.ctx);
    buffer_fini(&c.in);
    buffer_fini(&c.out);
    buffer_fini(&c.commands);
    return 0;
}
