/* SPDX-License-Identifier: Apache-2.0 */
/* The manual's page about the configuration, from the table. */
#include "config/schema.h"
#include "config/value.h"

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "`musterd` and `musterctl` read one YAML file (`--config FILE`, by default `/etc/muster/musterd.yaml`). "
    "Unknown and\n"
    "repeated keys are errors, and every error names line and column. `musterd --config FILE --check` reads, "
    "checks and stops.\n"
    "This page is made from the table the programs use: `build/tests/config/config_reference > "
    "docs/configuration.md`.\n"
    "\n"
    "The smallest file that is complete:\n"
    "\n"
    "```yaml\n"
    "domains: [example.org]\n"
    "state: /var/lib/muster\n"
    "tls: {certificate: /etc/muster/cert.pem, key: /etc/muster/key.pem}\n"
    "```\n"
    "\n"
    "Single values can be overridden from the environment: `MUSTER_` and the key in capitals, sections "
    "joined by `_`\n"
    "(`MUSTER_LIMITS_STANZA_BYTES=20000` for `limits.stanza_bytes`). Lists take entries separated "
    "by commas. Listeners\n"
    "and groups are set in the file only. An empty variable counts as not set. A variable that begins with "
    "`MUSTER_` "
    "and names no\n"
    "setting causes a warning, except those that begin with `MUSTER_TEST_`, which belong to the tests, and "
    "`MUSTER_BPF_FAIL`\n"
    "(docs/bpf.md).\n"
    "\n"
    "## Reload\n"
    "\n"
    "On SIGHUP, and by `musterctl reload`, the running daemon reads the file again, and no connection is lost. Below stands for "
    "each option whether a new\n"
    "value takes effect then; where it does not, the log and `musterctl` name it as long as it differs from what the daemon "
    "runs with. When anything is\n"
    "wrong (the file, a certificate that does not belong to its key), all stays as it was, and the log and `musterctl` say "
    "why.\n"
    "\n"
    "Certificates and keys, `tls.client_ca` and `federation.ca` are read again also when only the content of these files is "
    "new, as after a renewal: put\n"
    "certificate and key in place, then reload. Handshakes that begin from then on use them, connections that are there go on, "
    "and session tickets stay good\n"
    "(but with `tls.client_ca`, for whom it lets in may be others now). The daemon has given up its capabilities by then, also "
    "as root: all these files, and\n"
    "those of `smime.*` when verifying is switched on, must be readable by its user by owner, group and mode.\n"
    "\n";

static const char *const reload_texts[] = {
    [CONFIG_NEEDS_RESTART] = "needs a restart",
    [CONFIG_RELOADS] = "takes effect",
    [CONFIG_RELOADS_BEFORE_SMIME] = "takes effect when it switches verifying on; later it needs a restart",
};

static void write_row(const struct config_row *row, struct buffer *out)
{
    buffer_printf(out, "## `%s`\n\n", row->path);
    buffer_literal(out, "* Allowed: ");
    config_value_describe(row, out);
    if (row->is_required)
        buffer_literal(out, "\n* Required\n");
    else if (row->default_text)
        buffer_printf(out, "\n* Default: `%s`\n", row->default_text);
    else
        buffer_printf(out, "\n* Without it: %s\n", row->without);
    if (config_row_has_variable(row)) {
        buffer_literal(out, "* Environment: `");
        config_environment_name(row, out);
        buffer_literal(out, "`\n");
    }
    buffer_printf(out, "* Reload: %s\n\n%s\n\n", reload_texts[row->reload], row->reason);
}

void config_reference_write(struct buffer *out)
{
    buffer_append(out, span_of(introduction));
    for (unsigned i = 0; i < config_row_count; i++)
        write_row(&config_rows[i], out);
    if (out->len)
        out->len--; /* one line end at the end of the file */
}
