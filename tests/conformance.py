#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/conformance.md names tests: each must exist and be run by a suite, and what is done must have one."""
import os
import re
import sys

SHORT = {"F/": "tests/flow/", "E/": "tests/e2e/", "T/": "tests/"}
STATES = ("done", "part", "open", "n/a")


def rows(text):
    """(line number, cells) of the tables' rows that say something of a requirement."""
    header = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if header is None:
            header = cells
        elif not set(line) <= set("|- "):
            yield number, dict(zip(header, cells))


def has_test(path, name, text):
    if path.endswith(".flow"):
        return f"\n=== {name}\n" in text
    if path.endswith(".c"):
        # A test that nobody runs does not compile (-Wunused-function), so the name is enough.
        return re.search(rf"\b{re.escape(name)}\b", text) and "cmocka_run_group_tests" in text
    return name in text


def is_run(root, path):
    """Is the file's own name, or what its tests are made from, in the build description beside it?"""
    folder, name = os.path.split(path)
    stem = re.sub(r"^test_|\.\w+$", "", name)
    if folder.endswith("e2e"):
        return name.startswith("test_")
    beside = "tests/e2e" if folder == "tests" else folder  # which builds the scripts of tests/ as well
    with open(os.path.join(root, beside, "meson.build"), encoding="utf-8") as build:
        text = build.read()
    return f"'{stem}'" in text or name in text


def check_test(root, cell):
    short, separator, name = cell.partition(": ")
    path = SHORT.get(short[:2], "") + short[2:] if short[:2] in SHORT else short
    if not separator or not os.path.exists(os.path.join(root, path)):
        return f"no such test: {cell}"
    with open(os.path.join(root, path), encoding="utf-8") as file:
        if not has_test(path, name, file.read()):
            return f"{path} has no test named: {name}"
    return None if is_run(root, path) else f"no suite runs {path}"


def check(root, text):
    complaints, count = [], 0
    for number, row in rows(text):
        state, test = row.get("state", ""), row.get("test or reason", "")
        count += 1
        word = re.split(r"[:\s]", state)[0]
        complaint = None
        if word not in STATES:
            complaint = f"no state: {state!r}"
        elif word != "done" and ":" not in state:
            complaint = f"{word} without a reason"
        elif test:
            complaint = check_test(root, test)
        elif word == "done":
            complaint = "done without a test"
        if complaint:
            complaints.append(f"line {number}: {complaint}")
    return complaints, count


def check_itself(root):
    head = "| rule | state | test or reason |\n|---|---|---|\n"
    for row, is_good in (("| a | done | F/presence.flow: a change goes the same way, whole |", True),
                         ("| a | done | F/presence.flow: a change goes the same way |", False),
                         ("| a | done | T/roster/test_block.c: test_matching |", True),
                         ("| a | done | T/roster/test_block.c: test_match |", False),
                         ("| a | done | T/roster/test_gone.c: test_matching |", False),
                         ("| a | done | |", False), ("| a | open | |", False), ("| a | open: later | |", True),
                         ("| a | perhaps | |", False)):
        complaints, count = check(root, head + row + "\n")
        if count != 1 or bool(complaints) == is_good:
            sys.exit(f"the check itself is wrong about: {row}: {complaints}")


def main():
    root = sys.argv[1]
    check_itself(root)
    with open(os.path.join(root, "docs/conformance.md"), encoding="utf-8") as file:
        complaints, count = check(root, file.read())
    for complaint in complaints:
        print(f"docs/conformance.md: {complaint}")
    print(f"{count} rows, {len(complaints)} complaints")
    sys.exit(1 if complaints or count < 50 else 0)


if __name__ == "__main__":
    main()
