#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does muster-bench notice a server that delivers wrongly? bench_faults.py BUILD [--only TEXT].

Puts a proxy between muster-bench and musterd (no TLS) that spoils one presence on its way to a client, each time in
another way, and checks that muster-bench fails and says why. Prints `ok NAME` or `not ok NAME: ...`.
"""
import argparse
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutual  # noqa: E402
import servers  # noqa: E402
from proxy import Proxy  # noqa: E402

USERS, CONTACTS, ROUNDS = 6, 2, 3
# A change of presence by user0001 (its second), as it goes to a contact.
TARGET = re.compile(rb"<presence(?=[^>]*from=[\"']user0001@)[^>]*>(?:(?!</presence>).)*mb \d+ 1 2 (?:(?!</presence>).)*</presence>")
END_OF_2 = re.compile(rb"<presence(?=[^>]*from=[\"']user0002@)(?=[^>]*type=[\"']unavailable)[^>]*>(?:(?!</presence>).)*</presence>")
STATE_OF_1 = re.compile(rb"<presence(?=[^>]*from=[\"']user0001@)[^>]*>(?:(?!</presence>).)*mb \d+ 1 0 (?:(?!</presence>).)*</presence>")
NEXT = re.compile(rb"<presence(?=[^>]*from=[\"']user0001@)[^>]*>(?:(?!</presence>).)*mb \d+ 1 3 (?:(?!</presence>).)*</presence>")


def once(change):
    """Apply `change` to the first target on its way to user0000 or user0002, and never again."""
    def spoil(proxy, client, data):
        match = TARGET.search(data)
        if match is None or "done" in proxy.memory or proxy.names.get(client) not in ("user0000", "user0002"):
            return data
        proxy.memory["done"] = True
        return data[:match.start()] + change(proxy, client, match.group(0)) + data[match.end():]
    return spoil


def drop(proxy, client, stanza):
    return b""


def double(proxy, client, stanza):
    return stanza + stanza


def to_stranger(proxy, client, stanza):
    """Right here, and also at one who does not watch."""
    stranger = next(c for c, name in proxy.names.items() if name == "user0004")
    stranger.sendall(re.sub(rb" to=([\"'])[^\"']*\1", b"", stanza, count=1))
    return stanza


def wrong_to(proxy, client, stanza):
    return re.sub(rb"<presence", b"<presence to='user0005@localhost'", re.sub(rb" to=([\"'])[^\"']*\1", b"", stanza, count=1), count=1)


def wrong_from(proxy, client, stanza):
    return stanza.replace(b"user0001@", b"user0000@" if proxy.names[client] == "user0002" else b"user0002@", 1)


def wrong_content(proxy, client, stanza):
    return re.sub(rb"mb \d+ ", b"mb 7 ", stanza, count=1)


def wrong_sequence(proxy, client, stanza):
    return stanza + re.sub(rb"(mb \d+ 1) 2 ", rb"\1 4 ", stanza, count=1)


def says_unavailable(proxy, client, stanza):
    return stanza + b"<presence type='unavailable' from='user0001@localhost/x'/>"


def unknown_sender(proxy, client, stanza):
    return stanza + b"<presence from='ghost@localhost/x'/>"


def hold_back(proxy, client, data):
    """The target leaves behind the next change of the same sender."""
    if proxy.names.get(client) != "user0002":
        return data
    match = TARGET.search(data)
    if match and "held" not in proxy.memory:
        proxy.memory["held"] = match.group(0)
        data = data[:match.start()] + data[match.end():]
    match = NEXT.search(data)
    if match and proxy.memory.get("held"):
        data = data[:match.end()] + proxy.memory["held"] + data[match.end():]
        proxy.memory["held"] = b""
    return data


def untouched(proxy, client, data):
    return data


def end_dropped(proxy, client, data):
    """user0003 does not see that user0002 leaves."""
    match = END_OF_2.search(data)
    if match is None or proxy.names.get(client) != "user0003" or "done" in proxy.memory:
        return data
    proxy.memory["done"] = True
    return data[:match.start()] + data[match.end():]


def answer_dropped(proxy, client, data):
    """user0002, when it is back, is not told of user0001, who was there all the time."""
    match = STATE_OF_1.search(data)
    if match is None or proxy.names.get(client) != "user0002" or list(proxy.names.values()).count("user0002") < 2:
        return data
    return data[:match.start()] + data[match.end():]


# Everybody's changes; or every second user goes and comes again.
MUTUAL = ("mutual", "--rounds", ROUNDS, "--ahead", 0, "--rate", 100)
CHURN = ("churn", "--rounds", 1, "--share", 50, "--interval", 10)

# name, what spoils, what muster-bench must report, and of which scenario
FAULTS = (
    ("nothing", untouched, {}),
    ("a delivery dropped", once(drop), {"missing": 1}),
    ("a delivery doubled", once(double), {"duplicate": 1}),
    ("two deliveries swapped", hold_back, {"reordered": 1}),
    ("a delivery to a stranger", once(to_stranger), {"misdelivered": 1}),
    ("a delivery addressed to another", once(wrong_to), {"misdelivered": 1, "missing": 1}),
    ("a delivery in another's name", once(wrong_from), {"garbled": 1, "missing": 1}),
    ("a delivery with other content", once(wrong_content), {"garbled": 1, "missing": 1}),
    ("a delivery of what was never sent", once(wrong_sequence), {"unexpected": 1}),
    ("somebody online said to be away", once(says_unavailable), {"unexpected": 1}),
    ("presence of nobody", once(unknown_sender), {"unexpected": 1}),
    ("nothing wrong when users go and come", untouched, {}, CHURN),
    ("an end that is not told", end_dropped, {"missing": 1}, CHURN),
    ("one who is back and not told who is there", answer_dropped, {"missing": 1}, CHURN),
)


def check(server, files, name, spoil, wanted, scenario=MUTUAL):
    proxy = Proxy(server.plain_port, spoil)
    # Rounds are not awaited: a change held back must not hold up the one that is to overtake it.
    code, report, errors = mutual.bench(server, *scenario, "--plain", "--port", proxy.port, *files, "--settle", 300, "--timeout", 2,
                                        "--json")
    proxy.close()
    if report is None:
        return f"no report, exit {code}: {errors}"
    found = {kind: report[kind] for kind in mutual.KINDS if report[kind]}
    if found != wanted:
        return f"reported {found} instead of {wanted}; {report['violation_list']}"
    if code != (1 if wanted else 0):
        return f"exit {code}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="build folder with musterd, musterctl and muster-bench")
    parser.add_argument("--only", default="", help="only faults whose name contains this")
    options = parser.parse_args()
    server = servers.Musterd(os.path.abspath(options.build), 2)
    failed = 0
    try:
        server.start()
        files = mutual.prepare(server, USERS, CONTACTS)
        for name, *fault in FAULTS:
            if options.only not in name:
                continue
            wrong = check(server, files, name, *fault)
            failed += wrong is not None
            print(f"not ok muster-bench sees {name}: {wrong}" if wrong else f"ok muster-bench sees {name}", flush=True)
    finally:
        server.remove()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
