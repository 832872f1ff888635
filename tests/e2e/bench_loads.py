#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does `muster-bench loads` notice what is wrong? bench_loads.py BUILD [--only TEXT].

Against a musterd without TLS, by way of a proxy that spoils one stanza each time: it must fail and say why. Prints `ok NAME` or `not ok NAME: ...`.
"""
import argparse
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutual  # noqa: E402
import servers  # noqa: E402
from proxy import Proxy  # noqa: E402

WATCHERS = 7
ROUNDS = 3
MESSAGE = re.compile(rb"<message(?:(?!</message>).)*mt \d+ 1 2 (?:(?!</message>).)*</message>")
ROSTER = re.compile(rb"<iq(?=[^>]*id=[\"']r\d+\.1[\"'])(?:(?!</iq>).)*</iq>")


def once(target, change):
    def spoil(proxy, client, data):
        match = target.search(data)
        if match is None or "done" in proxy.memory:
            return data
        proxy.memory["done"] = True
        return data[:match.start()] + change(match.group(0)) + data[match.end():]
    return spoil


def shorter(stanza):
    return re.sub(rb"<item[^>]*/>|<item.*?</item>", b"", stanza, count=1)


# name, what spoils, what must be reported, and the loads that are played
FAULTS = (
    ("nothing wrong", lambda proxy, client, data: data, {"result": "ok", "wrong": 0}, "fanout,space,ping,mixed"),
    ("a message dropped", once(MESSAGE, lambda stanza: b""), {"failed_load": "ping", "wrong": 0}, "ping"),
    ("a message doubled", once(MESSAGE, lambda stanza: stanza * 2), {"failed_load": "ping", "wrong": 1}, "ping"),
    ("a message with a letter less", once(MESSAGE, lambda stanza: stanza.replace(b"xx", b"x", 1)), {"failed_load": "ping", "wrong": 1}, "ping"),
    ("a message of another", once(MESSAGE, lambda stanza: re.sub(rb"from=(.)", rb"from=\1x", stanza, count=1)), {"failed_load": "ping", "wrong": 1}, "ping"),
    ("a roster with a contact less", once(ROSTER, shorter), {"failed_load": "mixed", "wrong": 1}, "mixed"),
    ("an answer that was not asked for", once(ROSTER, lambda stanza: stanza * 2), {"failed_load": "mixed", "wrong": 1}, "mixed"),
)


def files_make(server):
    folder = server.path("star")
    subprocess.run([os.path.join(server.build, "muster-bench"), "prepare", "--shape", "star", "--users", str(WATCHERS + 1), "--domain", "localhost",
                    "--out", folder], check=True, stdout=subprocess.DEVNULL)
    files = [os.path.join(folder, name) for name in ("accounts.tsv", "rosters.tsv")]
    server.musterctl("user", "import", files[0])
    server.musterctl("roster", "import", files[1])
    return ["--accounts", files[0], "--rosters", files[1]]


def fault_check(server, files, spoil, wanted, loads):
    proxy = Proxy(server.plain_port, spoil)
    code, report, errors = mutual.bench(server, "loads", "--plain", "--port", proxy.port, *files, "--loads", loads, "--rounds", ROUNDS, "--rate", 500,
                                        "--interval", 1, "--settle", 20, "--timeout", 2, "--server-pid", server.process.pid, "--admin",
                                        server.path("admin.sock"), "--resource", "x", "--json")
    proxy.close()
    if report is None:
        return f"no report, exit {code}: {errors}"
    found = {key: min(1, report["wrong"]) if key == "wrong" else report.get(key) for key in wanted}  # what follows a wrong one may be, too
    if found != wanted or code != (0 if wanted.get("result") == "ok" else 1):
        return f"exit {code}, reported {found} instead of {wanted}; {report.get('first_wrong')}"
    if wanted.get("result") != "ok":
        return None
    counts = {key: report.get(key) for key in ("fanout_deliveries", "space_deliveries", "ping_deliveries", "mixed_deliveries")}
    due = {"fanout_deliveries": ROUNDS * (WATCHERS + 1), "space_deliveries": ROUNDS * (WATCHERS + 1) + 1, "ping_deliveries": ROUNDS * 10,
           "mixed_deliveries": ROUNDS * (WATCHERS + 1 + 4 + 4)}
    missing = [key for key in ("fanout_cpu_ns", "ping_sleeps", "mixed_stat_loop_turns", "space_counted") if not report.get(key)]
    return f"{counts} instead of {due}" if counts != due else f"no {missing}" if missing else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build folder with musterd, musterctl and muster-bench")
    parser.add_argument("--only", default="", help="only parts whose name contains this")
    options = parser.parse_args()
    server, failed = servers.Musterd(os.path.abspath(options.build), 1), 0

    def say(name, wrong):
        nonlocal failed
        failed += wrong is not None
        print(f"not ok muster-bench {name}: {wrong}" if wrong else f"ok muster-bench {name}", flush=True)

    try:
        server.start()
        files = files_make(server)
        for name, *fault in FAULTS:
            if options.only in f"loads sees {name}":
                say(f"loads sees {name}", fault_check(server, files, *fault))
    finally:
        server.remove()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
