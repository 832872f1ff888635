# SPDX-License-Identifier: Apache-2.0
"""The accounts of a case: `muster-bench prepare` writes the usual shapes; here are the unusual one and the putting together."""
import os
import subprocess

DOMAIN = "localhost"
HEAVY = f"heavy@{DOMAIN}"


def write_plain(folder, prefix, count):
    """Accounts without contacts."""
    os.makedirs(folder)
    with open(os.path.join(folder, "accounts.tsv"), "w") as out:
        out.writelines(f"{prefix}{i:04}@{DOMAIN}\tpw-{prefix}{i:04}\n" for i in range(count))
    open(os.path.join(folder, "rosters.tsv"), "w").close()


def write_contacts(folder, prefix, count, with_heavy):
    """`count` contacts of one account, mutual."""
    write_plain(folder, prefix, count)
    with open(os.path.join(folder, "rosters.tsv"), "w") as out:
        for i in range(count):
            out.write(f"{HEAVY}\t{prefix}{i:04}@{DOMAIN}\tboth\n{prefix}{i:04}@{DOMAIN}\t{HEAVY}\tboth\n")
    if with_heavy:
        with open(os.path.join(folder, "accounts.tsv"), "a") as out:
            out.write(f"{HEAVY}\tpw-heavy\n")


def write_set(bench, folder, prefix, options):
    if options[0] == "roster":
        write_contacts(folder, prefix, options[1], True)
    elif options[0] == "absent":
        write_contacts(folder, prefix, options[1], False)
    elif options[0] == "storm" or options[-2:] == ("--contacts", 0):
        write_plain(folder, prefix, options[1])
    else:
        subprocess.run([bench, "prepare", *map(str, options), "--prefix", prefix, "--domain", DOMAIN, "--out", folder], check=True,
                       stdout=subprocess.DEVNULL)


def concatenate(folders, target):
    os.makedirs(target)
    for name in ("accounts.tsv", "rosters.tsv"):
        with open(os.path.join(target, name), "w") as out:
            for folder in folders:
                with open(os.path.join(folder, name)) as part:
                    out.write(part.read())
    return [os.path.join(target, name) for name in ("accounts.tsv", "rosters.tsv")]


class Files:
    """What the servers import, and what the generator plays."""

    def __init__(self, bench, case, folder):
        made, extra = [], []
        self.storm = None
        for i, options in enumerate(case.sets + case.extra):
            part = os.path.join(folder, f"part{i}")
            write_set(bench, part, f"user{'abcdef'[i]}", options)
            if options[0] == "storm":
                self.storm = os.path.join(part, "accounts.tsv")
            (extra if options in case.extra or options[0] == "storm" else made).append(part)
        self.played = concatenate(made, os.path.join(folder, "played"))
        self.served = concatenate(made + extra, os.path.join(folder, "served"))
        with open(self.served[0]) as file:
            self.count = sum(1 for _ in file)
