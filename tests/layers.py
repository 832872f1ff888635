#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Read the includes of daemon/ and fail when a room includes a higher one, or a library's header appears outside its room.

layers.py DAEMON_FOLDER    The rooms and their order are described in ARCHITECTURE.md.
"""
import os
import re
import sys
import tempfile

LEVELS = (
    ("base",),
    ("xml", "jid", "stanza", "sasl", "smime"),
    ("session", "roster", "presence"),
    ("offload", "ring", "net", "tls", "edge", "store"),
    ("stream",),
    ("route",),
    ("service", "link"),
    ("admin",),
    ("config", "doctor", "broker"),
)
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

# A library's header, by the start of its name, and the rooms that wrap that library.
LIBRARIES = (
    ("openssl/", {"tls", "sasl", "smime", "edge"}),
    ("liburing", {"ring"}),
    ("bpf/", {"offload"}),
    ("sqlite3", {"store"}),
    ("yaml", {"config"}),
    ("uni", {"jid", "sasl"}),  # libunistring: unicase.h, uninorm.h, ...; not unistd.h
    ("expat", set()),  # the oracle of the tests, never in the daemon
)
NOT_LIBRARIES = {"unistd.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def room_of(path):
    """`path` is relative to daemon/: its folder. The files at the top wire the rooms and count as one, the broker."""
    head, _, rest = path.partition("/")
    return head if rest else "broker"


def complaints_of_line(room, line):
    match = INCLUDE.match(line)
    if not match:
        return
    kind, header = match.groups()
    if kind == '"':
        other = room_of(header)
        if header.endswith(".skel.h") and room == "offload":
            return  # a BPF program, compiled
        if header.startswith("muster/"):
            return  # include/: contracts shared by everything
        # A header without a folder is one of the broker's own, or one spelled carelessly.
        if "/" not in header and room != "broker":
            yield f'"{header}" is not spelled from daemon/'
        elif other not in LEVEL_OF:
            yield f'"{header}" is in no known room'
        elif LEVEL_OF[other] > LEVEL_OF[room]:
            yield f'"{header}": {room} (level {LEVEL_OF[room]}) climbs to {other} (level {LEVEL_OF[other]})'
    elif header not in NOT_LIBRARIES:
        for prefix, rooms in LIBRARIES:
            if header.startswith(prefix) and room not in rooms:
                yield f"<{header}> belongs to {', '.join(sorted(rooms)) or 'the tests'}, not to {room}"


def check(folder):
    """(number of files read, complaints)"""
    complaints, count = [], 0
    for place, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.relpath(os.path.join(place, name), folder)
            room = room_of(path)
            count += 1
            if room not in LEVEL_OF:
                complaints.append(f"{path}: {room} is no known room")
                continue
            with open(os.path.join(place, name), encoding="utf-8") as source:
                for number, line in enumerate(source, 1):
                    complaints += [f"{path}:{number}: {text}" for text in complaints_of_line(room, line)]
    return count, complaints


def self_test():
    """A made-up tree with one offence a file: each must be found, and the innocent lines must not."""
    sources = {
        "base/climb.c": ('#include "xml/scanner.h"\n', True),
        "net/climb.c": ('#include <stdio.h>\n  #  include "stream/stream.h"\n', True),
        "roster/ssl.c": ("#include <openssl/ssl.h>\n", True),
        "net/ring.c": ("#include <liburing.h>\n", True),
        "xml/oracle.c": ("#include <expat.h>\n", True),
        "route/near.c": ('#include "delivery.h"\n', True),
        "cellar/new.c": ("int x;\n", True),
        "stream/fine.c": ('#include "net/conn.h"\n#include "stream/stream.h"\n#include <unistd.h>\n', False),
        "tls/fine.c": ('#include <openssl/ssl.h>\n/* "main.c" */\n', False),
        "main.c": ('#include "broker.h"\n#include "config/config.h"\n', False),
    }
    with tempfile.TemporaryDirectory() as folder:
        for path, (text, _) in sources.items():
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "w", encoding="utf-8") as out:
                out.write(text)
        _, complaints = check(folder)
        for path, (_, is_offence) in sources.items():
            found = [c for c in complaints if c.startswith(path + ":")]
            if bool(found) != is_offence:
                print(f"not ok layers: self-test: {path}: complaints {found}, wanted {'one' if is_offence else 'none'}")
                return False
    print("ok layers: self-test: made-up offences are found")
    return True


def main():
    if len(sys.argv) != 2:
        print("usage: layers.py DAEMON_FOLDER", file=sys.stderr)
        return 2
    is_sound = self_test()
    count, complaints = check(sys.argv[1])
    for complaint in complaints:
        print(f"#   {complaint}")
    print(f"{'not ok' if complaints or not count else 'ok'} layers: {count} files, {len(complaints)} complaints")
    return 0 if is_sound and count and not complaints else 1


if __name__ == "__main__":
    sys.exit(main())
