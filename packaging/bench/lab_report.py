# SPDX-License-Identifier: Apache-2.0
"""From the laboratory's runs to the generated part of docs/offload.md: figures a delivery, ratios within a round, who wins where."""
import os
import statistics

import report

BEGIN = "<!-- What follows is written by muster-bench lab: begin -->"
# Less than this is nothing: two runs of one and the same setting differ by as much on a machine that others use.
NOTHING = 0.2
# So many of the rounds must say the same, and one or two alone say nothing.
AGREED, ROUNDS_MIN = 0.75, 3

# Of the processors, had by others: from here on the report warns.
BUSY = 0.2

LOADS = {
    "fanout": "one change of presence to all watchers, each change awaited",
    "space": "white space between stanzas, from one session after the other; a delivery is a blank that was counted",
    "ping": "messages of 100 octets between two sessions, one under way at a time",
    "mixed": "a change to all watchers, and at the same time four messages of 16 KiB and four fetches of the largest roster",
}

# Kinds of places: times mean something; only how often something happens does; the number of instructions.
TIMES, COUNTS, INSTRUCTIONS = "times", "counts", "instructions"
KIND_SAYS = {
    TIMES: "",
    COUNTS: "Emulated, so times mean nothing and are not shown: what counts is how often something happens a delivery. How much a turn collects still depends on how "
            "fast each side is, and the emulator's AES is slow: in `mixed` that shows.",
    INSTRUCTIONS: "Emulated with one processor whose clock is the number of instructions it has run: what a delivery takes of them, of all threads of the server and of the "
                  "kernel for them. An instruction of AES counts as one, as any other.",
}

# key, what it is called, and whether it means anything where times do not
CPU = ("cpu", "CPU, us", False)
FIGURES = (
    CPU,
    ("last", "last watcher p50, ms", False),
    ("sleeps", "wake-ups", True),
    ("calls", "system calls", True),
    ("enters", "of them io_uring_enter", True),
    ("turns", "turns of the loop", True),
    ("completions", "completions", True),
    ("receives", "receives", True),
    ("sends", "sends", True),
    ("instructions", "instructions", True),
)
STATS = {"turns": "loop_turns", "completions": "loop_completions", "receives": "receives", "sends": "sends"}
COUNTED = ("calls", "enters", "instructions")  # in rounds that count, and only there
WHY_NOT = {
    "instructions": "Instructions could not be counted: this (virtual) processor has no counters that can be read.",
    "calls": "System calls could not be counted: the kernel's tracepoints cannot be used (tracefs, perf_event_open).",
}
DECIDING = {TIMES: ("cpu",), COUNTS: ("sleeps", "calls"), INSTRUCTIONS: ("instructions",)}

CONNECTIONS = ("plain", "TLS, records: user", "TLS, records: kernel")
OFFLOADS = ("off", "verdict", "loop", "fan-out")
EMPTY_CELLS = {
    ("TLS, records: user", "verdict"): "cannot be: in the kernel there are only sealed records to see",
    ("TLS, records: kernel", "verdict"): "cannot be: the kernel refuses a socket that has both",
}
NOT_BUILT = {"fan-out": "not built ([bpf.md](bpf.md))"}


class Place:
    """What was seen at one place, a machine or a guest, of one kind of figures."""

    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.about, self.left, self.runs = {}, {}, {}
        self.others = self.stolen = None  # of the processors: what other programs had, and the host of a virtual machine
        self.missing = ""  # why nothing could be played at all
        self.problem = ""  # why it ended early

    def take(self, event):
        if event["event"] == "place":
            self.about = {key: value for key, value in event.items() if key != "event"}
        elif event["event"] == "left":
            self.left[event["column"]] = event["why"]
        elif event["event"] == "run":
            self.runs.setdefault(event["column"], []).append(event)
        elif event["event"] == "end":
            self.others, self.stolen = event["others"], event["stolen"]

    def dictionary(self):
        return dict(vars(self))


def place_of(saved):
    place = Place(saved["name"], saved["kind"])
    vars(place).update(saved)
    return place


def joined(old, new):
    """The places of `new`, and those of `old` that are not in it."""
    names = [place["name"] for place in new["places"]]
    kept = [place for place in old["places"] if place["name"] not in names]
    return dict(new, places=sorted(kept + new["places"], key=lambda place: (place["kind"] != TIMES, place["name"])),
                seconds=old["seconds"] * bool(kept) + new["seconds"])


def is_clean(gathered):
    places = [place_of(saved) for saved in gathered["places"]]
    return all(not place.problem and (place.missing or place.runs) and not any(run["wrong"] for runs in place.runs.values() for run in runs)
               for place in places)


# --- figures ---

def figure(run, load, key):
    """Of one run, a delivery; None when it is not in the report."""
    found = run["report"] or {}
    deliveries = found.get(f"{load}_deliveries")
    if not deliveries:
        return None
    if key == "cpu":
        return (found[f"{load}_cpu_ns"] + found[f"{load}_softirq_ns"]) / 1e3 / deliveries
    if key == "last":
        return found.get(f"{load}_last_watcher_p50_ms")
    if key in STATS:
        return found.get(f"{load}_stat_{STATS[key]}", 0) / deliveries  # what has not grown is not in the report
    value = found.get(f"{load}_{key}")
    return None if value is None else value / deliveries


def by_round(place, column, load, key):
    """{round: figure} of the clean runs that are for it."""
    runs = [run for run in place.runs.get(column, ()) if not run["wrong"]]
    if key not in COUNTED and not all(run["counts"] for run in runs):
        runs = [run for run in runs if not run["counts"]]  # counting costs time
    found = {run["round"]: figure(run, load, key) for run in runs}
    return {number: value for number, value in found.items() if value is not None}


def ratios(place, column, against, load, key):
    """Of each round in which both were clean."""
    ours, theirs = by_round(place, column, load, key), by_round(place, against, load, key)
    return [ours[number] / theirs[number] for number in ours if theirs.get(number)]


def judge(found):
    """A word for ratios to what a column is compared with; less is better."""
    if not found:
        return ""
    middle = statistics.median(found)
    if 1 / (1 + NOTHING) < middle < 1 + NOTHING:
        return "nothing"
    agreed = sum((ratio < 1) == (middle < 1) for ratio in found)
    if agreed < AGREED * len(found) or len(found) < ROUNDS_MIN:
        return "unclear"
    return "wins" if middle < 1 else "loses"


# --- texts ---

def number_text(value):
    """Three digits that count, but no more than three behind the point: an event in a thousand deliveries is none."""
    return f"{value:.3f}".rstrip("0").rstrip(".") if value < 1 else report.number_text(value)


def spread_text(found):
    if not found:
        return ""
    middle, least, most = (number_text(f(found)) for f in (statistics.median, min, max))
    return middle if least == most else f"{middle} ({least} to {most})"


def run_text(found, kind):
    """One run in a line."""
    run, parts = {"report": found}, []
    for load in LOADS:
        values = [(name, figure(run, load, key)) for key, name, _ in FIGURES if key in DECIDING[kind]]
        values = [f"{number_text(value)} {name}" for name, value in values if value is not None]
        if values:
            parts.append(f"{load} {', '.join(values)}")
    return "; ".join(parts)


def judged_text(found):
    return f"{spread_text(found)}: {judge(found)}" if found else ""


def load_rows(place, columns, load):
    """Figures down, columns across."""
    rows = [["a delivery", *(column.title for column in columns)]]
    for key, name, without_times in FIGURES:
        if place.kind != TIMES and not without_times:
            continue
        cells = [spread_text(list(by_round(place, column.name, load, key).values())) for column in columns]
        if any(cells):
            rows.append([name, *cells])
    titles = {column.name: column.title for column in columns}
    for key, name, _ in FIGURES:
        if key not in DECIDING[place.kind]:
            continue
        cells = [judged_text(ratios(place, column.name, column.compare, load, key)) for column in columns]
        if not any(cells):
            continue
        rows.append([f"{name}, ratio", *(f"{cell} (to {titles[column.compare]})" if cell else "" for cell, column in zip(cells, columns))])
    return rows


def wins_rows(place, columns):
    """Columns that are compared with another down, loads across."""
    rows = [["", *LOADS]]
    names = {key: name for key, name, _ in FIGURES}
    for column in columns:
        if not column.compare:
            continue
        cells = []
        for load in LOADS:
            found = [(key, ratios(place, column.name, column.compare, load, key)) for key in DECIDING[place.kind]]
            cells.append("; ".join(f"{names[key].removesuffix(', us')} {number_text(statistics.median(r))}: {judge(r)}" for key, r in found if r))
        titles = {other.name: other.title for other in columns}
        rows.append([f"{column.title}, to {titles.get(column.compare, column.compare)}", *cells])
    return rows


def matrix_rows(columns, places):
    rows = [["", *OFFLOADS]]
    for connection in CONNECTIONS:
        cells = []
        for offload in OFFLOADS:
            titles = [f"*{column.title}*: {where_text(column, places)}" for column in columns
                      if (column.matrix.get("connection"), column.matrix.get("bpf")) == (connection, offload)]
            cells.append("; ".join(titles) or EMPTY_CELLS.get((connection, offload)) or NOT_BUILT.get(offload, ""))
        rows.append([f"**{connection}**", *cells])
    return rows


def where_text(column, places):
    names = [place.name for place in places if column.name in place.runs]
    return ", ".join(names) or "nowhere (below)"


def failures_text(place):
    wrong = [f"`{column}`, round {run['round']}: {run['wrong']}" for column, runs in place.runs.items() for run in runs if run["wrong"]]
    return "Runs that were not clean, and do not count: " + "; ".join(wrong) + "." if wrong else ""


def uncounted_text(place):
    """Of what is missing everywhere."""
    keys = {key.partition("_")[2] for runs in place.runs.values() for run in runs if run["report"] for key in run["report"]}
    return " ".join(text for key, text in WHY_NOT.items() if key not in keys and place.kind != INSTRUCTIONS)


def about_text(place):
    about = place.about
    rows = [["", ""], *(list(row) for row in about.get("machine", ()))]
    if place.kind == TIMES and place.others is not None:
        rows.append(["other work", f"others had {place.others:.0%} of the processors, the host {place.stolen:.0%}"])
    rows.append(["played", f"{about.get('watchers')} watchers, {about.get('rounds')} rounds of each load, white space {about.get('rate')} a second, "
                 f"{about.get('repeats')} times in turn"])
    return report.table(rows)


def busy_text(place):
    if place.kind != TIMES or place.others is None or place.others + place.stolen < BUSY:
        return ""
    return "**The machine had other work as well: take the ratios, not the times, and of those what is far from 1.**"


def place_text(place, columns):
    if place.missing:
        return f"## {place.name}\n\nNot played: {place.missing}."
    played = [column for column in columns if column.name in place.runs]
    parts = [f"## {place.name}", KIND_SAYS[place.kind], busy_text(place), about_text(place), f"**It ended early: {place.problem}.**" if place.problem else "",
             uncounted_text(place), failures_text(place)]
    titles = {column.name: column.title for column in columns}
    parts += [f"*{titles.get(name, name)}* is left out here: {why}." for name, why in place.left.items()]
    if any(column.compare for column in played):
        parts += ["### Who wins\n\nMedians of the ratios within a round; below 20 % it is nothing.", report.table(wins_rows(place, played))]
    for load, says in LOADS.items():
        rows = load_rows(place, played, load)
        if any(any(row[1:]) for row in rows[1:]):
            parts.append(f"### {load}: {says}\n\n{report.table(rows)}")
    return "\n\n".join(filter(None, parts))


def generated(gathered, columns):
    places = [place_of(saved) for saved in gathered["places"]]
    parts = [f"## Results\n\n`{gathered['command']}`, {gathered['when']} UTC, {gathered['seconds'] / 60:.0f} minutes. Medians, smallest and largest "
             "in parentheses. A run with one delivery wrong does not count."]
    if gathered["quick"]:
        parts.append("**A quick run: it shows that everything works, and little else.**")
    parts += ["### The matrix", report.table(matrix_rows(columns, places)),
              "\n".join(f"* *{column.title}* (`{column.name}`): {column.says}." for column in columns)]
    return "\n\n".join(parts + [place_text(place, columns) for place in places])


def write(path, gathered, columns):
    if not os.path.exists(path):
        with open(path, "w", encoding="utf-8") as out:
            out.write("# Offloads\n")
    report.part_write(path, BEGIN, generated(gathered, columns))
