/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define FOR(command) (1u << COMMAND_##command)
#define FOR_MAKING (FOR(SIGN) | FOR(ENCRYPT))

static const struct {
    const char *name, *summary, *help;
} commands[COMMAND_COUNT] = {
    [COMMAND_SIGN] =
        {"sign", "sign what is on standard input",
         "With --as: wraps content in a dated object from one to the other, signs it and writes the stanza.\n"
         "Without: signs a MIME object, bare or in a stanza's <e2e/>, and writes it in the same form.\n"},
    [COMMAND_VERIFY] =
        {"verify", "judge a stanza or a MIME object on standard input",
         "Writes one line: \"valid ok\" or \"refused\" and the reason, then what is known of the signer.\n"
         "--from and --to are the stanza's own where they are not given.\n"},
    [COMMAND_ENCRYPT] =
        {"encrypt", "encrypt to one or more certificates, with --sign signed before",
         "Takes what sign takes. Give your own certificate with --recip, too, to be able to read it later.\n"},
    [COMMAND_DECRYPT] =
        {"decrypt", "open an encrypted stanza or MIME object",
         "Writes the same with what was within in its place: verify or inspect can go on with it.\n"},
    [COMMAND_INSPECT] = {"inspect", "show the structure of a stanza or a MIME object",
                         "No signature is checked and nobody is trusted.\n"},
    [COMMAND_CERTREQ] =
        {"certreq", "write a certificate request (PKCS #10) for a JID",
         "With the JID as xmppAddr and as im:, pres: and xmpp: URIs, and the purpose id-kp-imUri (RFC 9734).\n"},
};

static const struct {
    const char *name, *value, *help;
    unsigned commands; /* a bit for each that takes it */
    unsigned needed;   /* a bit for each that cannot do without */
    bool is_repeatable;
    bool is_word; /* its value is one of those that `value` lists */
} rows[OPTION_COUNT] = {
    [OPTION_AS] = {"as", "message|presence|stanza",
                   "the kind of content: text, a note for a presence, a whole stanza",
                   FOR_MAKING | FOR(VERIFY), .is_word = true},
    [OPTION_FROM] = {"from", "JID", "whom it is from", FOR_MAKING | FOR(VERIFY)},
    [OPTION_TO] = {"to", "JID", "whom it is to", FOR_MAKING | FOR(VERIFY)},
    [OPTION_KEY] = {"key", "FILE", "your private key, PEM", FOR_MAKING | FOR(DECRYPT) | FOR(CERTREQ),
                    FOR(SIGN) | FOR(DECRYPT) | FOR(CERTREQ)},
    [OPTION_CERT] = {"cert", "FILE", "your certificate, PEM", FOR_MAKING | FOR(DECRYPT),
                     FOR(SIGN) | FOR(DECRYPT)},
    [OPTION_CHAIN] = {"chain", "FILE", "certificates above yours that go with it; may be repeated",
                      FOR_MAKING, 0, true},
    [OPTION_RECIP] = {"recip", "CERT", "a reader's certificate, PEM; may be repeated", FOR(ENCRYPT),
                      FOR(ENCRYPT), true},
    [OPTION_SIGN] = {"sign", NULL, "sign before it is encrypted, with --key and --cert", FOR(ENCRYPT)},
    [OPTION_OPAQUE] = {"opaque", NULL,
                       "the signature around the content (application/pkcs7-mime), not beside it",
                       FOR_MAKING},
    [OPTION_NO_CERTS] = {"no-certs", NULL, "your certificate is left out: the reader has it already",
                         FOR_MAKING},
    [OPTION_PSS] = {"pss", NULL, "RSA-PSS instead of PKCS #1 v1.5", FOR_MAKING},
    [OPTION_BASIC] = {"basic", "open|closed", "for a presence; default: open", FOR_MAKING, .is_word = true},
    [OPTION_BARE] = {"bare", NULL, "a presence without Message/CPIM around it: names no reader", FOR_MAKING},
    [OPTION_IN] = {"in", "message|presence|iq", "the stanza around it; default: of the content's kind",
                   FOR_MAKING, .is_word = true},
    [OPTION_BODY] = {"body", "TEXT",
                     "a <body/> beside it, for clients that know no more; protected by nothing", FOR_MAKING},
    [OPTION_OBJECT] = {"object", NULL, "write the MIME object, without a stanza around it",
                       FOR_MAKING | FOR(DECRYPT)},
    [OPTION_CA] = {"ca", "FILE|FOLDER", "certificates of authorities, PEM; may be repeated", FOR(VERIFY),
                   FOR(VERIFY), true},
    [OPTION_INTERMEDIATES] = {"intermediates", "FILE",
                              "other certificates that may be needed; may be repeated", FOR(VERIFY), 0, true},
    [OPTION_CRL] = {"crl", "FILE", "revocation lists, PEM, one for every authority; may be repeated",
                    FOR(VERIFY), 0, true},
    [OPTION_MODE] = {"mode", "require|strict|legacy",
                     "the purpose that certificates must have; default: require", FOR(VERIFY),
                     .is_word = true},
    [OPTION_STATE] = {"state", "FILE", "what was seen before: finds replays and stamps that go back",
                      FOR(VERIFY)},
    [OPTION_JID] = {"jid", "JID", "whose certificate it shall be", FOR(CERTREQ), FOR(CERTREQ)},
    [OPTION_LEGACY_ALGORITHMS] = {"legacy-algorithms", NULL,
                                  "those of RFC 3923 s. 6.10, too: SHA-1, RSA v1.5 transport, CBC",
                                  FOR_MAKING | FOR(DECRYPT) | FOR(VERIFY)},
    [OPTION_NOW] = {"now", "TIME", "what the time is, as 2026-07-01T11:45:36Z; default: the clock's",
                    FOR_MAKING | FOR(VERIFY)},
};

int fail(int status, const char *about, struct span what)
{
    while (what.len && what.ptr[what.len - 1] == '\n')
        what.len--;
    fprintf(stderr, "muster-smime: %s%s%.*s\n", about ? about : "", about ? ": " : "", (int)what.len,
            what.len ? what.ptr : "");
    return status;
}

int fail_errno(int status, const char *about, int error)
{
    return fail(status, about, span_of(strerror(-error)));
}

int fail_usage(const char *what, const char *word)
{
    fprintf(stderr, "muster-smime: %s%s%s (muster-smime --help shows how)\n", what, word ? ": " : "",
            word ? word : "");
    return EXIT_USAGE;
}

static void print_help(void)
{
    printf("Usage: muster-smime COMMAND [OPTION...] < INPUT > OUTPUT\n\n"
           "Signed and encrypted XMPP stanzas (RFC 3923) and the S/MIME objects in them.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    printf("\n  muster-smime COMMAND --help lists a command's options; --version\n\n"
           "Input that begins with '<' is a stanza, any other a MIME object.\n"
           "Exit status: 0 done or valid, 1 refused or not possible, 2 wrong usage.\n");
}

static void print_command_help(enum command_id command)
{
    printf("Usage: muster-smime %s [OPTION...] < INPUT%s\n\n%s\n", commands[command].name,
           command == COMMAND_VERIFY ? "" : " > OUTPUT", commands[command].help);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!(rows[i].commands & (1u << command)))
            continue;
        char words[64];
        snprintf(words, sizeof words, "--%s%s%s", rows[i].name, rows[i].value ? " " : "",
                 rows[i].value ? rows[i].value : "");
        printf("  %-30s %s%s\n", words, rows[i].help, rows[i].needed & (1u << command) ? " (needed)" : "");
    }
}

/* Is it one of "this|that"? */
static bool word_is_among(const char *word, const char *words)
{
    size_t len = strlen(word);
    while (strncmp(words, word, len) != 0 || (words[len] != '|' && words[len] != '\0')) {
        words = strchr(words, '|');
        if (!words++)
            return false;
    }
    return true;
}

static int option_add(struct options *o, int row, const char *value)
{
    struct option_values *given = &o->given[row];
    if (rows[row].is_word && !word_is_among(value, rows[row].value)) {
        char words[128];
        snprintf(words, sizeof words, "--%s is %s, not %s", rows[row].name, rows[row].value, value);
        return fail_usage(words, NULL);
    }
    if (given->count && !rows[row].is_repeatable)
        return fail_usage("this option is given twice", rows[row].name);
    if (given->count == OPTION_VALUES_MAX)
        return fail_usage("too many of one option", rows[row].name);
    given->values[given->count++] = value;
    return -1;
}

/* What getopt_long returns: the row's number behind these, which no character that it returns by itself is. */
#define ROW_FIRST 256

/* -1: all options are read. */
static int options_collect(int argc, char **argv, struct options *o, bool *ret_help)
{
    struct option names[OPTION_COUNT + 3] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
    };
    for (int i = 0; i < OPTION_COUNT; i++)
        names[i + 2] = (struct option){rows[i].name, rows[i].value ? required_argument : no_argument, NULL,
                                       ROW_FIRST + i};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", names, NULL)) != -1) {
        if (option >= ROW_FIRST) {
            int status = option_add(o, option - ROW_FIRST, optarg);
            if (status >= 0)
                return status;
        } else if (option == 'h') {
            *ret_help = true;
        } else if (option == 'v') {
            printf("muster-smime %s\n", MUSTER_VERSION);
            return EXIT_DONE;
        } else {
            return fail_usage(option == ':' ? "this option needs a value" : "unknown option",
                              argv[optind - 1]);
        }
    }
    return -1;
}

/* Does the command take what was given, and was it given what it needs? */
static int options_check(const struct options *o)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        bool is_given = option_is_given(o, (enum option_id)i);
        char words[64];
        snprintf(words, sizeof words, "%s --%s", commands[o->command].name, rows[i].name);
        if (is_given && !(rows[i].commands & (1u << o->command)))
            return fail_usage("this option belongs to another command", words);
        if (!is_given && rows[i].needed & (1u << o->command))
            return fail_usage("an option is missing", words);
    }
    return -1;
}

int options_read(int argc, char **argv, struct options *ret_options)
{
    *ret_options = (struct options){0};
    bool is_help = false;
    int status = options_collect(argc, argv, ret_options, &is_help);
    if (status >= 0)
        return status;
    int command = 0;
    while (optind < argc && command < COMMAND_COUNT && strcmp(argv[optind], commands[command].name) != 0)
        command++;
    if (is_help && optind >= argc) {
        print_help();
        return EXIT_DONE;
    }
    if (optind >= argc)
        return fail_usage("no command given", NULL);
    if (command == COMMAND_COUNT)
        return fail_usage("unknown command", argv[optind]);
    if (is_help) {
        print_command_help((enum command_id)command);
        return EXIT_DONE;
    }
    for (int i = optind + 1; i < argc; i++) { /* encrypt --recip ROMEO NURSE */
        status = command == COMMAND_ENCRYPT ? option_add(ret_options, OPTION_RECIP, argv[i])
                                            : fail_usage("one word too many", argv[i]);
        if (status >= 0)
            return status;
    }
    ret_options->command = (enum command_id)command;
    return options_check(ret_options);
}
