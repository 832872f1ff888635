/* SPDX-License-Identifier: Apache-2.0 */
/* musterd: arguments, start, wait for a signal, stop. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/privileges.h"
#include "broker.h"
#include "doctor/doctor.h"
#include "settings.h"

#define CONFIG_PATH_DEFAULT "/etc/muster/musterd.yaml"

static const char usage[] =
    "usage: musterd [--config FILE] [--check | --doctor [--json]]\n"
    "\n"
    "An XMPP presence broker. Runs in the foreground, logs to standard error,\n"
    "stops on SIGTERM and SIGINT, reads the configuration again on SIGHUP\n"
    "(docs/configuration.md says what takes effect then).\n"
    "\n"
    "  -c, --config FILE  configuration, default " CONFIG_PATH_DEFAULT "\n"
    "      --check        read and check the configuration, then exit\n"
    "      --doctor       examine this machine for all that musterd uses, then exit\n"
    "      --json         with --doctor: for programs\n"
    "      --reference    print the reference of all configuration keys (Markdown)\n"
    "  -h, --help         this text\n"
    "  -V, --version      the version\n"
    "\n"
    "Exit status: 0 stopped as asked, 1 failure (--doctor: musterd cannot run here), 2 wrong usage.\n";

struct arguments {
    const char *config_path;
    bool is_check, is_doctor, is_json;
};

/* Returns -1 to go on, or the exit status. */
static int arguments_read(int argc, char **argv, struct arguments *ret)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"doctor", no_argument, NULL, 'd'},       {"json", no_argument, NULL, 'j'},
        {"reference", no_argument, NULL, 'r'},    {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {0},
    };
    *ret = (struct arguments){.config_path = CONFIG_PATH_DEFAULT};
    for (int option; (option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1;) {
        struct buffer reference = {0};
        switch (option) {
        case 'c':
            ret->config_path = optarg;
            break;
        case 'k':
            ret->is_check = true;
            break;
        case 'd':
            ret->is_doctor = true;
            break;
        case 'j':
            ret->is_json = true;
            break;
        case 'r':
            config_reference_write(&reference);
            fwrite(reference.ptr, 1, reference.len, stdout);
            buffer_fini(&reference);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'V':
            puts("musterd " MUSTER_VERSION);
            return 0;
        default:
            fputs("try musterd --help\n", stderr);
            return 2;
        }
    }
    if (ret->is_doctor ? ret->is_check : ret->is_json) {
        fputs("musterd: --json goes with --doctor, and --doctor without --check; try musterd --help\n",
              stderr);
        return 2;
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "musterd: unexpected argument '%s'; try musterd --help\n", argv[optind]);
    return 2;
}

/* Each line of the message, or `otherwise` when there is none. */
static void complain(const struct buffer *message, const char *otherwise)
{
    struct span rest = message->len ? buffer_span(message) : span_of(otherwise);
    while (rest.len) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
        fprintf(stderr, "musterd: %.*s\n", (int)len, rest.ptr);
        rest = span_skip(rest, end ? len + 1 : len);
    }
}

static void offloads_explain(const struct config *c)
{
    if (c->admin.http)
        log_warn("admin-http", "state=off reason=\"this version serves no HTTP; use musterctl\"");
}

/* The programs are loaded, the rings made, the listeners open, and none of it is made anew: nothing that comes needs a capability.
 * Also as user 0, who has them all: who gets in then is an owner of files, and no more. */
static void privileges_give_up(void)
{
    int error = privileges_drop();
    unsigned long long kept = privileges_kept();
    if (error)
        log_warn("privileges", "kept=0x%llx error=\"%s\"", kept, strerror(-error));
    else
        log_info("privileges", "kept=none");
}

static int serve(const char *config_path, const struct config *config)
{
    /* Signals are waited for here and blocked everywhere else: threads inherit the mask. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    struct broker broker;
    struct buffer message = {0};
    int error = broker_start(&broker, config_path, config, &message);
    if (error) {
        complain(&message, strerror(-error));
        buffer_fini(&message);
        broker_stop(&broker);
        return 1;
    }
    buffer_fini(&message);
    privileges_give_up();
    for (uint32_t i = 0; i < config->listener_count; i++)
        log_info("listening", "address=%s port=%u tls=%s", config->listeners[i].address,
                 config->listeners[i].port,
                 (const char *[]){"starttls", "direct", "none"}[config->listeners[i].tls]);
    log_info("ready", "version=%s workers=%u", MUSTER_VERSION, broker.worker_count);
    int received = 0;
    while (sigwait(&signals, &received),
           received == SIGHUP) /* a terminal that goes away does not stop a daemon */
        reload_on_signal(&broker);
    log_info("stopping", "signal=%s", received == SIGINT ? "INT" : "TERM");
    broker_stop(&broker);
    log_info("stopped", "exit=0");
    return 0;
}

/* Could it run here as `c` says (NULL with an error: by the defaults)? The exit status. */
static int examine(const struct arguments *a, const struct config *c, int error, struct span message)
{
    struct findings findings;
    struct buffer report = {0};
    struct tls_settings tls, servers;
    struct edge_settings smime;
    struct span *domains = c ? settings_domains(c) : NULL;
    struct doctor_subject subject = {.config_path = a->config_path,
                                     .config = c,
                                     .config_error = error,
                                     .config_message = message,
                                     .workers = broker_worker_count(c),
                                     .jobs = broker_job_count(c)};
    if (domains && settings_want_tls(c)) {
        tls = settings_of_tls(c, domains);
        subject.tls = &tls;
    }
    if (domains && c->federation.enabled) {
        servers = settings_of_server_tls(c, domains);
        subject.servers = &servers;
    }
    if (c)
        subject.verdict_limits = settings_of_verdict(c);
    if (c && config_smime_is_on(c)) {
        smime = signatures_settings(c);
        subject.smime = &smime;
    }
    doctor_examine(&subject, &findings);
    (a->is_json ? findings_write_json : findings_write_table)(&findings, &report);
    fwrite(report.ptr, 1, report.len, stdout);
    int status = findings_let_run(&findings) ? 0 : 1;
    findings_fini(&findings);
    buffer_fini(&report);
    free(domains);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    int status = arguments_read(argc, argv, &arguments);
    if (status >= 0)
        return status;
    struct config *config = NULL;
    struct buffer message = {0};
    int error = config_load(arguments.config_path, environ, &config, &message);
    if (arguments.is_doctor) {
        status = examine(&arguments, config, error, buffer_span(&message));
        buffer_fini(&message);
        config_free(config);
        return status;
    }
    if (error) {
        complain(&message, strerror(-error));
        buffer_fini(&message);
        return 1;
    }
    if (message.len)
        complain(&message, ""); /* warnings: it goes on */
    buffer_fini(&message);
    if (arguments.is_check) {
        printf("%s: the configuration is good\n", arguments.config_path);
        config_free(config);
        return 0;
    }
    /* Small pieces that are freed are joined with their neighbours at once: otherwise glibc saves them up, and
     * joins those of a roster of 100,000 contacts in one go at the next large one: 13 to 25 ms of one turn. */
    mallopt(M_MXFAST, 0);
    log_level_set((enum log_level)config->log_level);
    offloads_explain(config);
    status = serve(arguments.config_path, config);
    config_free(config);
    return status;
}
