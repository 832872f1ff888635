#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run unit tests, dialogues and the end-to-end suite with something missing: variants.py BUILD [--quick] [VARIANT...].

  no-capabilities   as this user, but with no capability
  other-user        as a user who owns nothing, besides (needs root)
  no-bpf            built with -Dbpf=disabled, in BUILD-nobpf
  fail-NAME         the program NAME (verdict, steer, loop) fails to load; fail-all: every one of them

Without names all of them; `--quick` leaves out the unit tests and dialogues, and of the end-to-end suite what a program has nothing to do with.
Prints what each part prints, then a line for each variant and `N passed, N failed, N skipped` for all.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(HERE)
PROGRAMS = ("verdict", "steer", "loop")
NOBODY = ("--reuid=nobody", "--regid=nogroup", "--clear-groups")
NO_CAPABILITIES = ("--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
# What a program, or the right to load one, makes a difference to; the rest is the same with all of them.
QUICK = ("bpf: ", "steer: ", "loop: ", "privileges: ", "doctor: ", "limits: ", "readers: ")
QUICK_TARGETS = ("musterd", "musterctl", "tls_client")
TOTALS = re.compile(r"^(?:# )?(\d+) passed, (\d+) failed, (\d+) skipped\b")


class Skipped(Exception):
    pass


class Variant:
    def __init__(self, name, wrapper=(), environment=None, build_option=None):
        self.name = name
        self.wrapper = wrapper
        self.environment = environment or {}
        self.build_option = build_option  # a build folder of its own


def variants():
    root_only = os.geteuid() == 0
    yield Variant("no-capabilities", ("setpriv", *(NO_CAPABILITIES if root_only else NO_CAPABILITIES[1:])))
    yield Variant("other-user", ("setpriv", *NOBODY, *NO_CAPABILITIES))
    yield Variant("no-bpf", build_option="-Dbpf=disabled")
    for name in PROGRAMS:
        yield Variant(f"fail-{name}", environment={"MUSTER_BPF_FAIL": name})
    yield Variant("fail-all", environment={"MUSTER_BPF_FAIL": ",".join(PROGRAMS)})


def build_of(variant, build, is_quick):
    if not variant.build_option:
        return build
    own = f"{build}-nobpf"
    if not os.path.exists(os.path.join(own, "build.ninja")):
        subprocess.run(["meson", "setup", variant.build_option, own], cwd=PROJECT, check=True, stdin=subprocess.DEVNULL)
    subprocess.run(["meson", "compile", "-C", own, *(QUICK_TARGETS if is_quick else ())], cwd=PROJECT, check=True, stdin=subprocess.DEVNULL)
    return own


def run_part(command, environment, counts):
    """Its output as it comes; its totals are added to `counts`."""
    print(f"---- {' '.join(command)}", flush=True)
    totals = None
    with subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            totals = TOTALS.match(line) or totals
    numbers = [int(number) for number in totals.groups()] if totals else [0, 0, 0]
    if process.returncode and not numbers[1]:
        numbers[1] = 1  # it did not come as far as its tests, or ended badly behind them
    for i, number in enumerate(numbers):
        counts[i] += number


def run_variant(variant, build, is_quick):
    if variant.wrapper and not shutil.which(variant.wrapper[0]):
        raise Skipped(f"no {variant.wrapper[0]}")
    if variant.name == "other-user" and os.geteuid() != 0:
        raise Skipped("needs root, to become somebody else")
    counts = [0, 0, 0]
    own = build_of(variant, build, is_quick)
    if not is_quick:
        # The runner itself writes to the build folder; what it runs goes by way of the wrapper.
        wrapped = ["--wrapper", " ".join(variant.wrapper)] if variant.wrapper else []
        run_part([sys.executable, "tests/run-tests.py", own, "--suite", "unit", "--suite", "flow", *wrapped], variant.environment, counts)
    only = [word for part in QUICK for word in ("--only", part)] if is_quick else []
    run_part([*variant.wrapper, "/usr/bin/python3", "tests/e2e/run.py", "--build", own, "--workers", "2", *only], variant.environment, counts)
    return counts


def main():
    known = {variant.name: variant for variant in variants()}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*", metavar="VARIANT", help=", ".join(known))
    options = parser.parse_intermixed_args()
    if unknown := set(options.names) - set(known):
        parser.error(f"no variant {', '.join(sorted(unknown))}")
    build = os.path.abspath(options.build)
    sums, lines = [0, 0, 0], []
    for name in options.names or known:
        started = time.monotonic()
        print(f"==== {name}", flush=True)
        try:
            counts, word = run_variant(known[name], build, options.quick), ""
        except Skipped as reason:
            counts, word = [0, 0, 1], f": {reason}"
        except subprocess.CalledProcessError as failure:
            counts, word = [0, 1, 0], f": {failure}"
        lines.append(f"{name}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped, {time.monotonic() - started:.0f} s{word}")
        sums = [a + b for a, b in zip(sums, counts)]
    print("\n" + "\n".join(lines))
    print(f"\n{sums[0]} passed, {sums[1]} failed, {sums[2]} skipped")
    return 1 if sums[1] else 0


if __name__ == "__main__":
    sys.exit(main())
