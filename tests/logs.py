#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""P8: no log line takes what clients say. Every log call of the daemon is read: its fields are of a known few, and none of
its values comes from a stanza's content, a presence or a frame."""
import os
import re
import sys

CALL = re.compile(r"\blog_(?:error|warn|info|debug)\s*\(((?:[^()\"]|\"(?:\\.|[^\"\\])*\"|\((?:[^()]|\([^()]*\))*\))*)\)", re.S)
SPOKEN = re.compile(r"\b(?:content|raw|presence|status|show|frame|stanza|body|request_keep)\b(?!_)")


def calls(text):
    for match in CALL.finditer(text):
        strings = re.findall(r'"(?:\\.|[^"\\])*"', match.group(1))
        values = re.sub(r'"(?:\\.|[^"\\])*"', "", match.group(1))
        yield text.count("\n", 0, match.start()) + 1, "".join(strings), values


def check(root):
    complaints, count = [], 0
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            if not name.endswith(".c"):
                continue
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as file:
                for line, _, values in calls(file.read()):
                    count += 1
                    if SPOKEN.search(values):
                        complaints.append(f"{path}:{line}: no log line takes what clients say: {' '.join(values.split())}")
    return complaints, count


def main():
    spoken = 'log_info("x", "jid=%s text=%.*s", jid, (int)s->content.len, s->content.ptr);'
    silent = 'log_info("x", "jid=%.*s status=%d", (int)jid.len, jid.ptr, error);'
    for text, is_good in ((spoken, False), (silent, True)):
        found = [values for _, _, values in calls(text)]
        if len(found) != 1 or bool(SPOKEN.search(found[0])) == is_good:
            sys.exit(f"the check itself is wrong about: {text}")
    complaints, count = check(sys.argv[1])
    print("\n".join(complaints))
    print(f"{count} log calls, {len(complaints)} complaints")
    sys.exit(1 if complaints or count < 10 else 0)


if __name__ == "__main__":
    main()
