#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/conformance.md names tests: each must exist and be run by a suite, and what is done must have one. Every case of signed and encrypted
stanzas has one that carries its number. What it says of extensions, muster.doap must say as well."""
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

SHORT = {"F/": "tests/flow/", "E/": "tests/e2e/", "T/": "tests/"}
STATES = ("done", "part", "open", "n/a")
STATUSES = ("complete", "partial", "planned")  # of those that the schema of xmpp.org allows
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DOAP = "{http://usefulinc.com/ns/doap#}"
XMPP = "{https://linkmauve.fr/ns/xmpp-doap#}"
# Of signed and encrypted stanzas.
CASES = [f"V{number}" for number in range(1, 21)] + [f"I{number}" for number in range(1, 27)]
XEP = re.compile(r"https://xmpp\.org/extensions/xep-(\d{4})\.html")


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
        if "XEP" in row:
            continue
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


def check_cases(text):
    """Is there a row for every case, with a test that carries its number?"""
    complaints, proven, seen = [], set(), set()
    for number, row in rows(text):
        case, test = row.get("case"), row.get("test or reason", "")
        if case is None:
            continue
        if (case, test) in seen:
            complaints.append(f"line {number}: {case} has this row already: {test}")
        seen.add((case, test))
        if case not in CASES:
            complaints.append(f"line {number}: no such case: {case}")
        elif not re.search(rf"(?<![A-Za-z0-9]){case}(?![0-9])", test.partition(": ")[2]):
            complaints.append(f"line {number}: the test of {case} does not carry its number: {test}")
        else:
            proven.add(case)
    return complaints + [f"no test of case {case}" for case in CASES if case not in proven]


def check_cases_itself(text):
    if check_cases(text):
        return  # said by the check proper
    for broken in (text.replace("| I26 |", "| I27 |"), text.replace("| V1 |", "| V2 |"), text.replace("test_V20_", "test_V2_"), re.sub(r"\| I9 \|.*\n", "", text),
                   re.sub(r"(\| I9 \|.*\n)", r"\1\1", text)):
        if not check_cases(broken):
            sys.exit("the check of the cases does not see what is wrong")


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


def extensions_listed(text):
    """[(number, version, status, note)] as the page has them."""
    return [(row["XEP"], row["version"], row["status"], row["note"]) for _, row in rows(text) if "XEP" in row]


def extensions_described(text):
    """The same as muster.doap has them. Raises ValueError where it is no description of a project."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from None
    project = root.find(DOAP + "Project")
    if root.tag != RDF + "RDF" or project is None or not project.findtext(DOAP + "name"):
        raise ValueError("no project with a name")
    found = []
    for xep in project.findall(f"{DOAP}implements/{XMPP}SupportedXep"):
        place = xep.find(XMPP + "xep")
        number = XEP.fullmatch("" if place is None else place.get(RDF + "resource", ""))
        if not number or {child.tag for child in xep} - {XMPP + name for name in ("xep", "version", "status", "note")}:
            raise ValueError(f"no extension: {ElementTree.tostring(xep, encoding='unicode')}")
        found.append((number[1], xep.findtext(XMPP + "version", ""), xep.findtext(XMPP + "status", ""), xep.findtext(XMPP + "note", "")))
    return found


def check_extensions(page, doap):
    try:
        listed, described = extensions_listed(page), extensions_described(doap)
    except ValueError as error:
        return [f"muster.doap: {error}"]
    complaints = [f"only docs/conformance.md has: {row}" for row in listed if row not in described]
    complaints += [f"only muster.doap has: {row}" for row in described if row not in listed]
    numbers = [row[0] for row in listed]
    if numbers != sorted(set(numbers)):
        complaints.append("the extensions are out of order, or twice there")
    complaints += [f"no version, or no status: {row}" for row in listed
                   if not re.fullmatch(r"\d+(\.\d+){1,2}", row[1]) or row[2] not in STATUSES or (row[2] == "partial" and not row[3])]
    return complaints


def check_extensions_itself(page, doap):
    if check_extensions(page, doap):
        return  # said by the check proper
    for broken_page, broken_doap in ((page.replace("| 2.5.0 |", "| 2.4.0 |", 1), doap), (page, doap.replace(">2.5.0<", ">2.4.0<", 1)),
                                     (page, doap.replace("complete", "finished", 1)), (page, doap.replace("</Project>", "", 1)),
                                     (page, doap.replace("xep-0030.html", "xep-30.html", 1)), (page.replace("| 0030 |", "| 0031 |", 1), doap),
                                     (page, doap.replace("xmpp-doap#'", "doap#'", 1))):
        if not check_extensions(broken_page, broken_doap):
            sys.exit("the check of the extensions does not see what is wrong")


def main():
    root = sys.argv[1]
    check_itself(root)
    with open(os.path.join(root, "docs/conformance.md"), encoding="utf-8") as file:
        page = file.read()
    with open(os.path.join(root, "muster.doap"), encoding="utf-8") as file:
        doap = file.read()
    complaints, count = check(root, page)
    complaints += check_cases(page)
    check_cases_itself(page)
    complaints += check_extensions(page, doap)
    check_extensions_itself(page, doap)
    for complaint in complaints:
        print(f"docs/conformance.md: {complaint}")
    print(f"{count} rows, {len(complaints)} complaints")
    sys.exit(1 if complaints or count < 50 else 0)


if __name__ == "__main__":
    main()
