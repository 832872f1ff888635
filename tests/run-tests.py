#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the tests of a build folder and sum them up: run-tests.py BUILD [MESON_TEST_ARGUMENT...].

`meson test` runs the programs; each test case inside them (cmocka's, or a line `ok`, `not ok`, `skip` of a script) is counted.
Prints what failed and why anything was skipped, then `N passed, N failed, N skipped`.
"""
import glob
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "e2e"))
import clients  # noqa: E402

CMOCKA = {key: re.compile(rf"^\[  {word} *\] (\d+) test\(s\)", re.M)
          for key, word in (("passed", "PASSED"), ("failed", "FAILED"), ("skipped", "SKIPPED"))}
LINE = re.compile(r"^(ok|not ok|skip) (.*)$", re.M)
KEY = {"ok": "passed", "not ok": "failed", "skip": "skipped"}
# An end-to-end test waits half of its time, for a moment to pass or a client to start: half as many again as there are processors.
JOBS = len(os.sched_getaffinity(0)) * 3 // 2


def cmocka_skips(output):
    """Each skipped case with the line printed before it, which says why."""
    before = ""
    for line in output.splitlines():
        match = re.match(r"^\[  SKIPPED \] (\w+)$", line)
        if match and before:
            yield f"{match.group(1)}: {before}"
        before = "" if line.startswith("[") else line.strip()


def count(test):
    """({passed, failed, skipped}, reasons of skips) of one program of the log."""
    output = "\n".join(test.get(key) or "" for key in ("stdout", "stderr"))
    counts = {key: sum(int(number) for number in pattern.findall(output)) for key, pattern in CMOCKA.items()}
    reasons = list(cmocka_skips(output))
    for outcome, text in LINE.findall(output):
        counts[KEY[outcome]] += 1
        if outcome == "skip":
            reasons.append(text)
    if test["result"] == "SKIP":
        counts["skipped"] += 1
        reasons.append(output.strip().splitlines()[-1] if output.strip() else "no reason given")
    elif test["result"] not in ("OK", "EXPECTEDFAIL"):
        counts["failed"] = max(counts["failed"], 1)  # a crash or a timeout prints no count
    elif not any(counts.values()):
        counts["passed"] = 1
    return counts, reasons


def show_failure(test):
    print(f"\n==== {test['name']}: {test['result']} (exit status {test.get('returncode')})")
    output = "\n".join(test.get(key) or "" for key in ("stdout", "stderr")).splitlines()
    passed = re.compile(r"^(ok |\[ RUN|\[       OK)")
    lines = [line for line in output if not passed.match(line)]
    print("\n".join(lines[-200:]))


def main():
    if len(sys.argv) < 2:
        print("usage: run-tests.py BUILD [MESON_TEST_ARGUMENT...]", file=sys.stderr)
        return 2
    build = os.path.abspath(sys.argv[1])
    try:
        clients.install_xmppjs(build)  # here, so that a slow download is not charged to a test's time limit
    except clients.Missing as missing:
        print(f"@xmpp/client is not there, its tests will be skipped: {missing}")
    # With --wrapper its name is part of the log's.
    logs = os.path.join(glob.escape(os.path.join(build, "meson-logs")), "testlog*.json")
    for log in glob.glob(logs):
        os.remove(log)
    status = subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--num-processes", str(JOBS), *sys.argv[2:]], stdin=subprocess.DEVNULL).returncode
    written = glob.glob(logs)
    if len(written) != 1:
        print("meson test did not run")
        return 1
    with open(written[0], encoding="utf-8") as lines:
        tests = [json.loads(line) for line in lines if line.strip()]
    total = {"passed": 0, "failed": 0, "skipped": 0}
    skips = []
    for test in tests:
        counts, reasons = count(test)
        for key, number in counts.items():
            total[key] += number
        skips += [f"{test['name']}: {reason}" for reason in reasons]
        if counts["failed"]:
            show_failure(test)
    if skips:
        print("\nSkipped:")
        print("\n".join(f"  {reason}" for reason in skips))
    print(f"\n{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] or (status != 0 and not tests) else 0


if __name__ == "__main__":
    sys.exit(main())
