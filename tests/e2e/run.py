#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the end-to-end tests: run.py --build DIR [--workers N] [--server musterd|prosody] [--only TEXT] [--tls12].

Prints one line a test, `ok NAME`, `not ok NAME` or `skip NAME: reason`, then what failed; exit 0 when nothing failed.
E2E_TRACE=1 shows every line the clients say, E2E_KEEP=1 keeps the server's folder.
"""
import argparse
import os
import ssl
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import clients  # noqa: E402
import raw  # noqa: E402
import servers  # noqa: E402
import test_admin  # noqa: E402
import test_groups  # noqa: E402
import test_pep  # noqa: E402
import test_hostile  # noqa: E402
import test_hostile_login  # noqa: E402
import test_certificates  # noqa: E402
import test_clients  # noqa: E402
import test_days  # noqa: E402
import test_doctor  # noqa: E402
import test_durability  # noqa: E402
import test_errors  # noqa: E402
import test_blocking  # noqa: E402
import test_bpf  # noqa: E402
import test_explain  # noqa: E402
import test_federation  # noqa: E402
import test_federation_both  # noqa: E402
import test_federation_out  # noqa: E402
import test_federation_pairs  # noqa: E402
import test_limits  # noqa: E402
import test_login  # noqa: E402
import test_loop  # noqa: E402
import test_messages  # noqa: E402
import test_privileges  # noqa: E402
import test_readers  # noqa: E402
import test_register  # noqa: E402
import test_reload  # noqa: E402
import test_resume  # noqa: E402
import test_revocation  # noqa: E402
import test_rosters  # noqa: E402
import test_services  # noqa: E402
import test_smime  # noqa: E402
import test_steer  # noqa: E402
import test_terminal  # noqa: E402
import test_tls  # noqa: E402
import test_tls_handshakes  # noqa: E402

SUITES = (
    test_clients,
    test_login,
    test_certificates,
    test_revocation,
    test_errors,
    test_hostile,
    test_hostile_login,
    test_tls,
    test_tls_handshakes,
    test_admin,
    test_groups,
    test_privileges,
    test_readers,
    test_register,
    test_reload,
    test_resume,
    test_rosters,
    test_explain,
    test_federation,
    test_federation_out,
    test_federation_both,
    test_federation_pairs,
    test_blocking,
    test_messages,
    test_pep,
    test_services,
    test_smime,
    test_steer,
    test_limits,
    test_days,
    test_doctor,
    test_terminal,
    test_bpf,
    test_loop,
    test_durability,
)


class Bench:
    """What a test gets: the server, fresh accounts, clients that are closed behind it."""

    def __init__(self, server, build):
        self.server = server
        self.build = build
        self.opened = []
        self.accounts = 0
        self.hosts = {}

    def account(self, stem="user"):
        """A new account; returns (jid, password)."""
        self.accounts += 1
        jid, password = f"{stem}{self.accounts}@{servers.DOMAIN}", f"pässword {self.accounts}"
        self.server.add_user(jid, password)
        return jid, password

    def client(self, kind):
        if kind not in self.hosts or self.hosts[kind].process.poll() is not None:
            self.hosts[kind] = clients.Host(kind, self.build, self.server.ca)
        return self.on_close(clients.Client(self.hosts[kind]))

    def on_close(self, thing):
        """`thing` has close(); it is called when the test ends."""
        self.opened.append(thing)
        return thing

    def close(self):
        while self.opened:
            self.opened.pop().close()

    def end(self):
        while self.hosts:
            self.hosts.popitem()[1].end()


def must_live(server):
    """Nobody ends the server but a test that says so (and then `process` is None or a new one)."""
    if server.process is not None and (code := server.process.poll()) is not None:
        server.process = None
        raise clients.Failure(f"the server died, exit code {code}")


def run_test(name, test, bench, counts):
    started = time.monotonic()
    try:
        if bench.server.process is None:
            bench.server.start()
        must_live(bench.server)
        test(bench)
        must_live(bench.server)
        outcome, text = "ok", f"ok {name}"
    except clients.Missing as missing:
        outcome, text = "skip", f"skip {name}: {missing}"
    except Exception as failure:  # noqa: BLE001: whatever it is, the other tests still run
        outcome, text = "not ok", f"not ok {name}"
        where = [f for f in traceback.extract_tb(failure.__traceback__) if os.path.basename(f.filename).startswith("test_")]
        for frame in where:
            print(f"#   {os.path.basename(frame.filename)}:{frame.lineno}: {frame.line}")
        print(f"# {type(failure).__name__}: {failure}")
        print("# the server's last lines:\n" + bench.server.log_text()[-3000:])
    finally:
        bench.close()
    counts[outcome] += 1
    print(f"{text}{f' ({time.monotonic() - started:.1f} s)' if outcome != 'skip' else ''}", flush=True)


def end_checks(bench, counts):
    """After everything: nothing is left in the server, and it stops cleanly (under ASan: it leaks nothing)."""
    server = bench.server
    test_errors.witnesses_leave(bench)
    if not server.is_musterd:
        server.stop()
        return

    def nothing_is_left(_):
        """No session, connection, account or entity in memory, and no descriptor more than at the start."""
        deadline = time.monotonic() + clients.DEADLINE_S
        counted = ("connections", "sessions", "accounts_loaded", "entities")
        while True:
            stats = dict(line.split("\t") for line in server.musterctl("stats").stdout.splitlines())
            left = [f"{name} {stats[name]}" for name in counted if stats[name] != "0"]
            descriptors = server.descriptors()
            if not left and descriptors == server.descriptors_at_rest:
                return
            if time.monotonic() > deadline:
                raise clients.Failure(f"left: {left}; descriptors {descriptors}, at the start {server.descriptors_at_rest}")
            time.sleep(0.05)

    def stops_cleanly(_):
        code = server.stop()
        if code != 0:
            raise clients.Failure(f"exit code {code} on SIGTERM")

    run_test("end: nothing is left", nothing_is_left, bench, counts)
    def kernel_counted(_):
        """Every session of every server went through the kernel, and no record failed to decrypt but those made to."""
        print(f"# kernel: {servers.KERNEL.opened} sessions, {servers.KERNEL.probed} probes, {servers.KERNEL.provoked} records not decrypted")
        if found := servers.KERNEL.wrong():
            raise clients.Failure("; ".join(found))

    run_test("end: SIGTERM stops with exit code 0", stops_cleanly, bench, counts)
    if servers.KERNEL.is_wanted:
        run_test("end: the kernel counted what the servers did", kernel_counted, bench, counts)


def speak_tls12(server):
    """Of the clients: Python's and libstrophe's OpenSSL read a configuration, Node takes an option."""
    os.environ["MUSTER_TLS_ALLOW_TLS12"] = "true"
    with open(server.path("tls12.cnf"), "w") as out:
        out.write("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = tls12\n[tls12]\nMaxProtocol = TLSv1.2\n")
    clients.ENVIRONMENT.update(OPENSSL_CONF=server.path("tls12.cnf"), NODE_OPTIONS="--tls-max-v1.2")
    raw.MAXIMUM_VERSION = ssl.TLSVersion.TLSv1_2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--server", choices=servers.SERVERS, default="musterd")
    parser.add_argument("--only", action="append", help="run the tests whose name contains this, or one of these")
    parser.add_argument("--tls12", action="store_true", help="allow TLS 1.2 and make every client speak nothing newer")
    options = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)

    build = os.path.abspath(options.build)
    if options.server == "musterd":
        for program in ("musterd", "musterctl"):
            if not os.path.exists(os.path.join(build, program)):
                print(f"not ok build: {program} is missing in {build}")
                return 1
    counts = {"ok": 0, "not ok": 0, "skip": 0}
    server = servers.SERVERS[options.server](build, options.workers)
    bench = Bench(server, build)
    if options.tls12:
        speak_tls12(server)
    try:
        for suite in SUITES:
            for name, test in suite.tests(server):
                if any(part in name for part in options.only or [""]):
                    run_test(name, test, bench, counts)
        end_checks(bench, counts)
    finally:
        bench.end()
        server.remove()
    print(f"# {counts['ok']} passed, {counts['not ok']} failed, {counts['skip']} skipped "
          f"({options.server}, {options.workers} workers)")
    return 1 if counts["not ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
