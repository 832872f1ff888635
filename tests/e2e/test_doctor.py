# SPDX-License-Identifier: Apache-2.0
"""musterd --doctor: on this machine as it is, and with something taken away, which must show in the row of what was taken."""
import ctypes
import json
import os
import re
import resource
import shutil
import struct
import subprocess

from clients import Missing, must
from servers import KERNEL, openssl

ROWS = {
    "kernel", "seccomp", "privileges", "processors", "clock",
    "io_uring", "io_uring.flags", "io_uring.buffer_ring", "io_uring.multishot_receive", "io_uring.msg_ring", "io_uring.memory_region",
    "openssl", "openssl.key_schedule", "ktls", "ktls.aes_128_gcm", "ktls.aes_256_gcm", "ktls.chacha20_poly1305", "ktls.rekey",
    "bpf.btf", "bpf.io_uring_loop", "bpf.capabilities", "bpf.unprivileged", "bpf.socket_filter", "bpf.sk_reuseport", "bpf.sk_skb", "bpf.verdict", "bpf.steer", "bpf.loop",
    "limit.nofile", "limit.memlock", "net.core.somaxconn", "cgroup.memory", "cgroup.pids", "cgroup.cpu",
    "configuration", "state", "admin.socket", "tls.certificate", "federation.certificate", "smime.anchors", "smime.library",
}
STATES = {"ok", "degraded", "missing", "not applicable"}
KEYS = {"name", "state", "needed", "reason", "change"}
WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all")
IO_URING_SETUP = 425


def doctor(bench, *arguments, config=None, before=(), restrict=None):
    command = [*before, os.path.join(bench.build, "musterd"), "--doctor", "--config", config or bench.server.path("musterd.yaml"), *arguments]
    with KERNEL.probing():
        return subprocess.run(command, capture_output=True, text=True, timeout=60, preexec_fn=restrict)


def rows_of(bench, status=0, **how):
    """The rows by name, of a report that keeps to what docs/doctor.md promises."""
    done = doctor(bench, "--json", **how)
    must(done.returncode == status, f"exit {done.returncode}, wanted {status}: {done.stdout}{done.stderr}")
    report = json.loads(done.stdout)
    rows = {row["name"]: row for row in report["findings"]}
    must(set(report) == {"version", "can_run", "findings"} and report["can_run"] == (status == 0), f"{report}")
    must(set(rows) == ROWS and len(report["findings"]) == len(ROWS), f"rows: {set(rows) ^ ROWS}")
    for row in rows.values():
        must(set(row) == KEYS and row["state"] in STATES and row["reason"] and isinstance(row["needed"], bool), f"{row}")
        must(row["state"] in ("ok", "not applicable") or row["change"] or row["name"] == "io_uring", f"no line that changes it: {row}")
    lacking = [row["name"] for row in rows.values() if row["needed"] and row["state"] == "missing"]
    must(bool(lacking) == (status == 1), f"exit {status}, but needed and missing: {lacking}")
    return rows


def row_is(rows, name, state, *words):
    row = rows[name]
    must(row["state"] == state, f"{name} is {row['state']}, not {state}: {row['reason']}")
    for word in words:
        must(word in row["reason"] + row["change"], f"{name} does not say '{word}': {row}")


def as_it_is(bench):
    """Beside a daemon that runs: it can, and nothing is touched."""
    state = bench.server.path("state")
    before = sorted(os.listdir(state)), sorted(os.listdir(bench.server.folder))
    rows = rows_of(bench)
    must((sorted(os.listdir(state)), sorted(os.listdir(bench.server.folder))) == before, "files came or went")
    for name in ("io_uring", "io_uring.flags", "io_uring.buffer_ring", "io_uring.multishot_receive", "state", "admin.socket", "configuration"):
        row_is(rows, name, "ok")
    table = doctor(bench)
    must(table.returncode == 0 and not table.stderr, f"exit {table.returncode}: {table.stderr}")
    lines = table.stdout.splitlines()
    must(lines[0].startswith("NAME ") and lines[-1].startswith("musterd can run here: "), f"{lines[0]!r}, {lines[-1]!r}")
    column = lines[0].index("STATE")
    for name, row in rows.items():
        line = [line for line in lines if line.split(" ")[0] == name]
        must(len(line) == 1 and line[0][column:].startswith(row["state"]), f"{name} in the table: {line}")
        must(not row["change"] or any(line.endswith("> " + row["change"]) for line in lines), f"the table lacks {row['change']!r}")


def without_configuration(bench):
    """The defaults; the path comes back as it is but for what a terminal would act on."""
    name = 'no "such"\\file\x1b[31m\nü'
    rows = rows_of(bench, config=bench.server.path(name))
    row_is(rows, "configuration", "degraded", 'no "such"\\file?[31m?ü is not there')
    for name in ("state", "admin.socket", "tls.certificate", "federation.certificate"):
        row_is(rows, name, "not applicable")


def configurations(bench):
    """What the configuration names is not as it should be."""
    server = bench.server
    with open(server.path("musterd.yaml")) as good:
        text = good.read()

    def with_text(status, old, new):
        path = server.path("doctor.yaml")
        must(old in text, f"{old!r} is not in the configuration")
        with open(path, "w") as out:
            out.write(text.replace(old, new))
        return rows_of(bench, status, config=path)

    row_is(with_text(1, "workers:", "wrokers:"), "configuration", "missing", "wrokers", "--check")
    row_is(with_text(1, server.path("state"), "/nonexistent/a/b"), "state", "missing", "install -d")
    row_is(with_text(0, server.path("state"), server.path("not-yet")), "state", "ok", "can be made")
    must(not os.path.exists(server.path("not-yet")), "the doctor has made the folder")
    row_is(with_text(1, server.path("admin.sock"), "/nonexistent/admin.sock"), "admin.socket", "missing", "/nonexistent")
    row_is(with_text(1, server.path("key.pem"), server.path("ca.key")), "tls.certificate", "missing", "does not belong to")
    row_is(with_text(1, server.path("cert.pem"), server.path("gone.pem")), "tls.certificate", "missing", "gone.pem")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3", "-subj", "/CN=localhost",
            "-keyout", server.path("short.key"), "-out", server.path("short.pem"))
    short = f"{{certificate: {server.path('short.pem')}, key: {server.path('short.key')}}}"
    rows = with_text(0, f"{{certificate: {server.certificate}, key: {server.path('key.pem')}}}", short)
    row_is(rows, "tls.certificate", "degraded", "only: from then on")
    federation = "federation: {{enabled: true, ca: {}}}\nworkers:"
    row_is(with_text(0, "workers:", federation.format(server.ca)), "federation.certificate", "degraded", "until")  # made for two days
    row_is(with_text(1, "workers:", federation.format(server.path("gone.pem"))), "federation.certificate", "missing", "gone.pem")
    row_is(with_text(0, f"workers: {server.workers}", "workers: 1"), "bpf.steer", "not applicable", "one worker")
    rows = with_text(0, "workers:", "offload: {tls: off, bpf: off}\nworkers:")
    for name in ROWS:
        # The environment goes before the file.
        if name.startswith("bpf") or (name.startswith("ktls") and "MUSTER_OFFLOAD_TLS" not in os.environ):
            row_is(rows, name, "not applicable", "offload.")


def limits(bench):
    def descriptors(count):
        return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))

    row_is(rows_of(bench, restrict=descriptors(64)), "limit.nofile", "degraded", "64 descriptors", "nofile" if os.path.exists("/.dockerenv") else "")
    row_is(rows_of(bench, 1, restrict=descriptors(16)), "limit.nofile", "missing", "16 descriptors")


def without_capabilities(bench):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Missing("needs root and setpriv, to give capabilities away")
    def memory(kib):
        return lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (kib << 10, kib << 10))

    rows = rows_of(bench, before=WITHOUT_CAPABILITIES, restrict=memory(4096))
    row_is(rows, "bpf.capabilities", "missing", "CAP_BPF and CAP_NET_ADMIN")
    row_is(rows, "bpf.sk_skb", "missing", "Operation not permitted")
    row_is(rows, "bpf.verdict", "missing", "every keep-alive")
    if bench.server.workers > 1:
        row_is(rows, "bpf.steer", "missing", "by a hash")
    row_is(rows, "limit.memlock", "degraded", "only 4096 KiB")
    row_is(rows, "io_uring.multishot_receive", "ok")
    if "fit" not in rows["limit.memlock"]["reason"]:
        return  # rings are not counted by this kernel
    rows = rows_of(bench, 1, before=WITHOUT_CAPABILITIES, restrict=memory(64))
    row_is(rows, "limit.memlock", "missing", "only 64 KiB", "8M" if not os.path.exists("/.dockerenv") else "memlock=8388608")
    # A ring that was closed just now may still count, and then not even the smallest one fits.
    row = rows["io_uring.flags"] if rows["io_uring"]["state"] == "ok" else rows["io_uring"]
    must(row["state"] == "missing" and "Cannot allocate memory" in row["reason"] and "MEMLOCK" in row["change"].upper(), f"{row}")


def filter_io_uring():
    """A seccomp filter, as container engines have: io_uring_setup is EPERM, all else is allowed."""
    code = ((0x20, 0, 0, 0), (0x15, 0, 1, IO_URING_SETUP), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code))
    described = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, described, 0, 0) != 0:  # no new privileges; a filter
        raise OSError(ctypes.get_errno(), "no filter")


def under_a_filter(bench):
    rows = rows_of(bench, 1, restrict=filter_io_uring)
    row_is(rows, "seccomp", "ok", "a filter")
    row_is(rows, "io_uring", "missing", "forbidden by a seccomp filter", "io_uring_setup")
    row_is(rows, "io_uring.flags", "not applicable")
    table = doctor(bench, restrict=filter_io_uring)
    must(table.returncode == 1 and "musterd cannot run here" in table.stdout, f"exit {table.returncode}: {table.stdout[-200:]}")


def the_manual(_):
    """Every row and key has its place in docs/doctor.md, and every place there is a row's or a key's."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "doctor.md"), encoding="utf-8") as manual:
        cells = [line.split("|")[1] for line in manual if line.startswith("| `")]
    named = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    wanted = ROWS | STATES | {"version", "can_run", "findings"} | {f"findings[].{key}" for key in KEYS}
    must(named == wanted, f"in one of manual and report only: {sorted(named ^ wanted)}")


def usage(bench):
    program = os.path.join(bench.build, "musterd")
    for arguments in (("--json",), ("--doctor", "--check"), ("--doctor", "x")):
        done = subprocess.run((program, *arguments), capture_output=True, text=True, timeout=60)
        must(done.returncode == 2 and not done.stdout and len(done.stderr.splitlines()) == 1, f"{arguments}: exit {done.returncode}, {done.stderr!r}")


def tests(server):
    if not server.is_musterd:
        return
    yield "doctor: this machine", as_it_is
    yield "doctor: without a configuration", without_configuration
    yield "doctor: configurations", configurations
    yield "doctor: few descriptors", limits
    yield "doctor: without capabilities", without_capabilities
    yield "doctor: io_uring under a seccomp filter", under_a_filter
    yield "doctor: the manual", the_manual
    yield "doctor: usage", usage
