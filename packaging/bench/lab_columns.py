# SPDX-License-Identifier: Apache-2.0
"""A column of the laboratory: one setting of the server, from one file of packaging/bench/columns/ (its README.md says what may stand in it)."""
import os
import re
import tomllib
from dataclasses import dataclass, field

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "columns")
CLIENTS = ("--plain", "--direct-tls", "--starttls")
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
# Of every column, so that nothing but the setting differs: archives are work of the disk, and each change is to be delivered.
COMMON_CONFIG = "archive: {enabled: false}\n"


class Wrong(Exception):
    """A column's file cannot be used; the text says why."""


@dataclass(eq=False)  # a key of dictionaries
class Column:
    name: str  # the file's, without its ending
    title: str
    says: str
    client: str  # how the generator connects
    order: int = 1000
    workers: int = 1
    config: str = ""  # YAML that is added to the server's
    commands: list = field(default_factory=list)  # of musterctl, after the start
    on: list = field(default_factory=list)  # offloads of `musterctl offload` that are switched on
    off: list = field(default_factory=list)  # and off, if they are there
    proves: dict = field(default_factory=dict)  # load, or login: the statistic that is not 0 after it when the setting is in force
    compare: str = ""  # the name of the column that this one is compared with; none: with nothing
    matrix: dict = field(default_factory=dict)  # its cell: connection, bpf


KINDS = {"title": str, "says": str, "client": str, "order": int, "workers": int, "config": str, "commands": list, "on": list, "off": list, "proves": dict,
         "compare": str, "matrix": dict}


def parse(name, text):
    """One file's text; raises Wrong."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Wrong(f"{name}: {error}") from error
    if not NAME.fullmatch(name):
        raise Wrong(f"{name}: a name has small letters, digits and hyphens")
    for key, value in given.items():
        if key not in KINDS:
            raise Wrong(f"{name}: {key}: there is no such key; there are {', '.join(KINDS)}")
        if type(value) is not KINDS[key] or (KINDS[key] is list and not all(type(item) is str for item in value)):
            raise Wrong(f"{name}: {key}: must be {'a list of texts' if KINDS[key] is list else KINDS[key].__name__}")
    missing = [key for key in ("title", "says", "client") if not given.get(key)]
    if missing:
        raise Wrong(f"{name}: {missing[0]}: is missing")
    if given["client"] not in CLIENTS:
        raise Wrong(f"{name}: client: must be one of {', '.join(CLIENTS)}")
    return Column(name, **given)


def load(folder=FOLDER):
    """All columns, in their order; raises Wrong."""
    found = []
    for file in os.listdir(folder):
        if file.endswith(".toml"):
            with open(os.path.join(folder, file), encoding="utf-8") as text:
                found.append(parse(file.removesuffix(".toml"), text.read()))
    names = {column.name for column in found}
    for column in found:
        if column.compare and column.compare not in names:
            raise Wrong(f"{column.name}: compare: there is no column {column.compare}")
    return sorted(found, key=lambda column: (column.order, column.name))


def choose(columns, only):
    """Those whose names are in the comma-separated text (empty: all), and those that they are compared with; raises Wrong."""
    by_name = {column.name: column for column in columns}
    wanted = set()
    for name in filter(None, only.split(",")):
        if name not in by_name:
            raise Wrong(f"there is no column {name}; there are {', '.join(by_name)}")
        while name and name not in wanted:
            wanted.add(name)
            name = by_name[name].compare
    return [column for column in columns if column.name in wanted] if wanted else columns
