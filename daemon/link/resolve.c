/* SPDX-License-Identifier: Apache-2.0 */
/* The system's resolver, which blocks: on threads of its own. */
#include "link/resolve.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Of one name; more records are a mistake, or play. */
#define RECORDS_MAX 16
#define ANSWER_BYTES_MAX 4096
/* For each name server, each time; glibc's five seconds would let a few dead domains hold up the others.
 * Twice, for a datagram may be lost, and a name server that had to ask others has the answer by then. */
#define ANSWER_WAIT_S 2
#define ANSWER_TRIES 2

static void target_add(struct resolution *r, const struct sockaddr *address, socklen_t len, bool is_direct)
{
    if (r->count == TARGETS_MAX || len > sizeof r->targets[0].address)
        return;
    struct target *t = &r->targets[r->count++];
    memcpy(&t->address, address, len);
    t->address_len = len;
    t->is_direct = is_direct;
}

static void host_resolve(struct resolution *r, const char *host, uint16_t port, bool is_direct, int flags)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return;
    for (const struct addrinfo *a = found; a; a = a->ai_next)
        target_add(r, a->ai_addr, a->ai_addrlen, is_direct);
    freeaddrinfo(found);
}

bool resolve_host(struct span host, struct span domain, struct resolution *ret)
{
    char address[64];
    if (!span_starts(host, domain) || host.len <= domain.len + 1 || host.ptr[domain.len] != '=')
        return false;
    struct span endpoint = span_skip(host, domain.len + 1);
    const char *colon = memrchr(endpoint.ptr, ':', endpoint.len);
    size_t len = colon ? (size_t)(colon - endpoint.ptr) : 0;
    bool has_brackets = len > 2 && endpoint.ptr[0] == '[';
    if (len == 0 || len >= sizeof address)
        return false;
    memcpy(address, endpoint.ptr + has_brackets, len - 2u * has_brackets);
    address[len - 2u * has_brackets] = '\0';
    uint16_t port = ret->port ? ret->port : (uint16_t)strtoul(colon + 1, NULL, 10);
    ret->count = 0;
    host_resolve(ret, address, port, false, AI_NUMERICHOST);
    return true;
}

static bool port_read(struct span digits, uint16_t *ret)
{
    uint32_t port = 0;
    for (size_t i = 0; i < digits.len && port <= UINT16_MAX; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(digits.ptr[i] - '0');
    }
    *ret = (uint16_t)port;
    return port > 0 && port <= UINT16_MAX;
}

bool resolve_place(struct span place, struct resolution *ret)
{
    char storage[JID_PART_BYTES_MAX];
    struct span host = place, domain;
    const char *colon = place.len ? memrchr(place.ptr, ':', place.len) : NULL;
    const char *bracket = place.len ? memrchr(place.ptr, ']', place.len) : NULL;
    *ret = (struct resolution){0};
    if (colon && (!bracket || bracket < colon)) {
        host.len = (size_t)(colon - place.ptr);
        if (!port_read(span_skip(place, host.len + 1), &ret->port))
            return false;
    }
    if (jid_prepare_domain(host, storage, &domain) != 0)
        return false;
    bool has_brackets = domain.ptr[0] == '[';
    memcpy(ret->domain, domain.ptr + has_brackets, domain.len - 2u * has_brackets);
    host_resolve(ret, ret->domain, ret->port ? ret->port : SERVER_PORT, false, AI_NUMERICHOST);
    return true;
}

/* ---- SRV ---- */

enum records_outcome {
    RECORDS_READ,       /* there may be none */
    RECORDS_NO_SERVICE, /* the one record is ".", which says so */
    RECORDS_TIMEOUT,
};

/* Append the records of "_SERVICE._tcp.DOMAIN". */
static enum records_outcome records_query(struct __res_state *state, const char *service, const char *domain,
                                          bool is_direct, struct service_record *records, uint32_t *count)
{
    unsigned char answer[ANSWER_BYTES_MAX];
    char name[NS_MAXDNAME];
    ns_msg message;
    if (snprintf(name, sizeof name, "_%s._tcp.%s", service, domain) >= (int)sizeof name)
        return RECORDS_READ;
    errno = 0;
    int len = res_nquery(state, name, ns_c_in, ns_t_srv, answer, sizeof answer);
    if (len < 0 && errno == ETIMEDOUT) /* and not refused: names may be in /etc/hosts only */
        return RECORDS_TIMEOUT;
    if (len <= 0 || len > (int)sizeof answer || ns_initparse(answer, len, &message) != 0)
        return RECORDS_READ;
    for (int i = 0; i < ns_msg_count(message, ns_s_an) && *count < RECORDS_MAX; i++) {
        ns_rr rr;
        if (ns_parserr(&message, ns_s_an, i, &rr) != 0 || ns_rr_type(rr) != ns_t_srv || ns_rr_rdlen(rr) < 7)
            continue;
        const unsigned char *data = ns_rr_rdata(rr);
        struct service_record *record = &records[*count];
        *record = (struct service_record){.priority = (uint16_t)ns_get16(data),
                                          .weight = (uint16_t)ns_get16(data + 2),
                                          .port = (uint16_t)ns_get16(data + 4),
                                          .is_direct = is_direct};
        if (dn_expand(ns_msg_base(message), ns_msg_end(message), data + 6, record->target,
                      sizeof record->target) < 0)
            continue;
        if (record->target[0] == '\0' || strcmp(record->target, ".") == 0)
            return RECORDS_NO_SERVICE;
        ++*count;
    }
    return RECORDS_READ;
}

static uint32_t draw_random(void *context)
{
    uint32_t random = 0;
    (void)context;
    return getrandom(&random, sizeof random, 0) == (ssize_t)sizeof random ? random : 0;
}

void resolve_domain(struct resolution *ret)
{
    const char *domain = ret->domain;
    struct service_record records[RECORDS_MAX];
    uint32_t count = 0;
    enum records_outcome outcome = RECORDS_READ;
    bool has_resolver = res_init() == 0; /* the thread's own, which getaddrinfo asks by, too */
    ret->count = 0;
    if (has_resolver) {
        _res.retrans = ANSWER_WAIT_S;
        _res.retry = ANSWER_TRIES;
    }
    if (ret->port) {
        host_resolve(ret, domain, ret->port, false, 0);
        return;
    }
    if (has_resolver) {
        outcome = records_query(&_res, "xmpps-server", domain, true, records, &count);
        if (outcome != RECORDS_TIMEOUT) /* XEP-0368: "." says nothing of the other */
            outcome = records_query(&_res, "xmpp-server", domain, false, records, &count);
    }
    ret->is_timeout = outcome == RECORDS_TIMEOUT;
    service_records_order(records, count, draw_random, NULL);
    for (uint32_t i = 0; i < count; i++)
        host_resolve(ret, records[i].target, records[i].port, records[i].is_direct, 0);
    if (count == 0 && outcome == RECORDS_READ) /* RFC 6120 s. 3.2.2 */
        host_resolve(ret, domain, SERVER_PORT, false, 0);
}
