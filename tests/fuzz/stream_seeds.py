#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Inputs for fuzz_stream to begin with, from what is said in the dialogues: stream_seeds.py FLOW_FOLDER SEED_FOLDER."""
import glob
import os
import re
import sys

HEADER = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
OTHER, TIME, RESET = b"\x1c", b"\x1d", b"\x1e"
STAGES = {"connect": 0, "open": 1, "auth": 2, "login": 3, "online": 4}
BYTES_MAX = 4096  # INPUT_BYTES_MAX of fuzz_stream.c


def dialogues(text):
    """[(title, lines)]"""
    for part in re.split(r"^=== ", text, flags=re.M)[1:]:
        title, _, rest = part.partition("\n")
        yield title, re.sub(r"\n (?=\S)", "", rest).splitlines()


def seed(lines):
    """One dialogue's bytes: the first to speak is alice, all others are bob. None: nobody says anything."""
    stage, first, speaker, said = 4, None, None, b""
    for line in lines:
        match = re.match(r"([a-z0-9]+)([:+]) ?(.*)$", line)
        words = line.split()
        if match:
            name = match[1]
            first = first or name
            if (name == first) != (speaker in (None, first)):
                said += OTHER
            speaker = name
            said += match[3].replace("$header", HEADER).encode()
        elif words and words[0] in STAGES and first is None:
            stage = STAGES[words[0]]
        elif words and words[0] == "advance":
            said += TIME
        elif words and words[0] == "break":
            said += RESET
    return bytes([stage]) + said if first else None


def main():
    flows, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    count = 0
    for path in sorted(glob.glob(os.path.join(flows, "*.flow"))):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for number, (_, lines) in enumerate(dialogues(text)):
            data = seed(lines)
            if data and len(data) <= BYTES_MAX:
                count += 1
                with open(os.path.join(folder, f"{os.path.basename(path)}-{number}"), "wb") as out:
                    out.write(data)
    if count < 100:
        sys.exit(f"only {count} seeds: has the form of dialogues changed?")


if __name__ == "__main__":
    main()
