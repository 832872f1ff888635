#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The laboratory of offloads, in small: bench_lab.py BUILD.

`muster-bench lab --quick` with two columns ends with a whole report. Prints `ok NAME` or `not ok NAME: ...`.
"""
import json
import os
import subprocess
import sys
import tempfile


def lab_check(build):
    """Two columns, one of them compared with the other."""
    with tempfile.TemporaryDirectory(prefix="muster-lab-test-") as folder:
        out, results = os.path.join(folder, "offload.md"), os.path.join(folder, "offload.json")
        done = subprocess.run([os.path.join(build, "muster-bench"), "lab", "--quick", "--columns", "tls-user", "--loads", "fanout,ping", "--out", out,
                               "--results", results], capture_output=True, text=True)
        if done.returncode != 0:
            return f"exit {done.returncode}: {(done.stdout + done.stderr)[-1000:]}"
        with open(out) as file:
            text = file.read()
        with open(results) as file:
            place, = json.load(file)["places"]
    wanted = ("## this machine", "| TLS, user, to plain |", "### ping", "| turns of the loop |", "| a delivery | plain | TLS, user |", "<!-- end -->")
    missing = [part for part in wanted if part not in text]
    rounds = {name: [run["round"] for run in runs] for name, runs in place["runs"].items()}
    if missing or rounds != {"plain": [0, 1], "tls-user": [0, 1]}:
        return f"not in the report: {missing}; played: {rounds}"
    return "what was not played is in the report" if "### space" in text else None


def main():
    wrong = lab_check(os.path.abspath(sys.argv[1]))
    print(f"not ok muster-bench lab: {wrong}" if wrong else "ok muster-bench lab")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
