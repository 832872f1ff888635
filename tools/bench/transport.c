/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and OpenSSL behind one read and one write. */
#include "transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

int transport_tls_context(struct transport_target *target, const char *ca_file, bool insecure,
                          const char *suite)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return -ENOMEM;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* One recv for all records that are there; transport_read drains before epoll is asked again. */
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    int loaded = ca_file != NULL ? SSL_CTX_load_verify_locations(ctx, ca_file, NULL)
                                 : SSL_CTX_set_default_verify_paths(ctx);
    bool is_chosen = suite == NULL || (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                                       SSL_CTX_set_ciphersuites(ctx, suite) == 1);
    if ((loaded != 1 && !insecure) || !is_chosen) {
        SSL_CTX_free(ctx);
        return -EINVAL;
    }
    SSL_CTX_set_verify(ctx, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    ERR_clear_error();
    target->tls = ctx;
    target->checks_certificate = !insecure;
    return 0;
}

void transport_init(struct transport *t, struct loop *loop, struct loop_source *source)
{
    *t = (struct transport){.fd = -1, .loop = loop, .source = source};
    buffer_init(&t->out);
}

void transport_close(struct transport *t, bool reset)
{
    if (t->ssl != NULL) {
        /* Without this OpenSSL sends nothing at SSL_free, and the peer sees a truncation. */
        if (!reset && !t->is_shaking && t->fd >= 0)
            SSL_shutdown(t->ssl);
        SSL_free(t->ssl);
        ERR_clear_error();
    }
    if (t->fd >= 0) {
        if (reset) {
            struct linger linger = {.l_onoff = 1};
            setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        }
        close(t->fd);
    }
    buffer_fini(&t->out);
    transport_init(t, t->loop, t->source);
}

/* Leave from 127.0.0.x: one address has only some 28,000 ports for one server. */
static int source_bind(int fd, unsigned source_host)
{
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source_host - 1)};
    int on = 1;
    /* The port is chosen at connect, when the whole address pair is known. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ? -errno : 0;
}

int transport_connect(struct transport *t, const struct transport_target *target, unsigned source_host)
{
    int on = 1;
    t->fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0)
        return -errno;
    int outcome = source_host != 0 ? source_bind(t->fd, source_host) : 0;
    if (outcome < 0)
        return outcome;
    setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(t->fd, (const struct sockaddr *)&target->address, target->address_len) < 0 &&
        errno != EINPROGRESS)
        return -errno;
    t->waits_to_write = true;
    return loop_add(t->loop, t->fd, t->source, EPOLLIN | EPOLLOUT);
}

static int want_write(struct transport *t, bool wanted)
{
    if (t->waits_to_write == wanted)
        return 0;
    t->waits_to_write = wanted;
    return loop_change(t->loop, t->fd, t->source, EPOLLIN | (wanted ? (uint32_t)EPOLLOUT : 0));
}

int transport_connected(struct transport *t)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return error != 0 ? -error : want_write(t, false);
}

int transport_tls_start(struct transport *t, const struct transport_target *target, bool direct)
{
    static const unsigned char alpn[] = "\x0bxmpp-client";
    t->ssl = SSL_new(target->tls);
    if (t->ssl == NULL || SSL_set_fd(t->ssl, t->fd) != 1)
        return -EIO;
    SSL_set_tlsext_host_name(t->ssl, target->tls_name);
    if (target->checks_certificate)
        SSL_set1_host(t->ssl, target->tls_name);
    if (direct)
        SSL_set_alpn_protos(t->ssl, alpn, sizeof alpn - 1);
    SSL_set_connect_state(t->ssl);
    t->is_shaking = true;
    return 0;
}

int transport_tls_go_on(struct transport *t, char *reason, size_t reason_size)
{
    ERR_clear_error();
    snprintf(reason, reason_size, "TLS handshake: epoll refused");
    int answer = SSL_do_handshake(t->ssl);
    if (answer == 1) {
        t->is_shaking = false;
        return want_write(t, false);
    }
    int error = SSL_get_error(t->ssl, answer);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        int outcome = want_write(t, error == SSL_ERROR_WANT_WRITE);
        return outcome < 0 ? outcome : TRANSPORT_WAIT;
    }
    long verified = SSL_get_verify_result(t->ssl);
    if (verified != X509_V_OK && t->ssl != NULL && SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE)
        snprintf(reason, reason_size, "certificate: %s (give --ca FILE or --insecure)",
                 X509_verify_cert_error_string(verified));
    else if (ERR_peek_error() != 0)
        snprintf(reason, reason_size, "TLS handshake: %s", ERR_reason_error_string(ERR_peek_error()));
    else
        snprintf(reason, reason_size, "TLS handshake: the server closed the connection");
    ERR_clear_error();
    return -EIO;
}

int transport_pause(struct transport *t, bool pauses)
{
    return loop_change(t->loop, t->fd, t->source, pauses ? 0 : EPOLLIN);
}

ssize_t transport_read(struct transport *t, char *to, size_t size)
{
    if (t->ssl == NULL) {
        ssize_t len = recv(t->fd, to, size, 0);
        return len < 0 ? -errno : len;
    }
    ERR_clear_error();
    int len = SSL_read(t->ssl, to, (int)size);
    if (len > 0)
        return len;
    switch (SSL_get_error(t->ssl, len)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: /* a KeyUpdate answer: goes out with the next write */
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return errno != 0 ? -errno : 0;
    default:
        /* OpenSSL 3 reports a missing close_notify as an error: for us the stream is over either way. */
        return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? 0 : -EPROTO;
    }
}

/* Bytes taken (>= 0) or -errno. */
static ssize_t write_some(struct transport *t, struct span bytes)
{
    if (t->ssl == NULL) {
        ssize_t len = send(t->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        return len >= 0 ? len : errno == EAGAIN ? 0 : -errno;
    }
    ERR_clear_error();
    int len = SSL_write(t->ssl, bytes.ptr, (int)bytes.len);
    if (len > 0)
        return len;
    int error = SSL_get_error(t->ssl, len);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return 0;
    return error == SSL_ERROR_SYSCALL && errno != 0 ? -errno : -EPIPE;
}

int transport_flush(struct transport *t)
{
    while (t->out.len > 0) {
        ssize_t len = write_some(t, buffer_span(&t->out));
        if (len < 0)
            return (int)len;
        if (len == 0)
            return want_write(t, true);
        buffer_consume(&t->out, (size_t)len);
    }
    buffer_fini(&t->out);
    return want_write(t, false);
}

int transport_write(struct transport *t, struct span bytes)
{
    if (t->out.len == 0) {
        while (bytes.len > 0) {
            ssize_t len = write_some(t, bytes);
            if (len < 0)
                return (int)len;
            if (len == 0)
                break;
            bytes = span_skip(bytes, (size_t)len);
        }
    }
    if (bytes.len == 0)
        return 0;
    buffer_append(&t->out, bytes);
    return buffer_ok(&t->out) ? want_write(t, true) : -ENOMEM;
}
