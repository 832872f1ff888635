# SPDX-License-Identifier: Apache-2.0
"""From raw results to medians, goals and the generated part of docs/benchmarks.md."""
import fnmatch
import os
import statistics

import cases
import plot

BEGIN = "<!-- What follows is written by packaging/bench/run.py: begin -->"
END = "<!-- end -->"
SIGNIFICANT = 3


def number_text(value):
    if value == int(value) and abs(value) < 10 ** SIGNIFICANT:
        return str(int(value))
    if abs(value) >= 10 ** SIGNIFICANT:
        return f"{value:,.0f}"
    return f"{value:.{SIGNIFICANT}g}"


def figures_text(case, result):
    return ", ".join(f"{label} {number_text(result[key])}" for key, label in case.figures if key in result)


def values(case, server, figure):
    """Of the clean repetitions."""
    return [r[figure] for r in case["results"].get(server, ()) if r and r.get("result") == "ok" and figure in r]


def median(case, server, figure):
    found = values(case, server, figure)
    return statistics.median(found) if found else None


def cell(found):
    if not found:
        return ""
    middle = number_text(statistics.median(found))
    return f"{middle} ({number_text(min(found))} to {number_text(max(found))})" if len(found) > 1 else middle


def failures(case, server):
    return sum(not r or r.get("result") != "ok" for r in case["results"].get(server, ()))


def table(rows):
    """Markdown; the first row is the head."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows[1:]])


def case_text(name, case, repeats):
    rows = [["", *(label for _, label in case["figures"])]]
    for server in case["results"]:
        failed = failures(case, server)
        count = len(case["results"][server])
        note = f"{server} ({failed} of {count} runs failed)" if failed else server if count == repeats else f"{server} ({count} of {repeats})"
        rows.append([note, *(cell(values(case, server, key)) for key, _ in case["figures"])])
    text = f"### {case['title']}\n\n`{name}`: `{' '.join(map(str, case['options']))}`"
    if case.get("memory"):
        text += f"; a load from memory took {case['memory']['far_load_ns']:.0f} ns at that time"
    if case.get("measured"):
        text += "; " + case["measured"]
    text += "\n\n" + table(rows)
    for server, reason in case["skipped"].items():
        text += f"\n\n{server} was left out: {reason}."
    return text


def reference(goal, name, gathered):
    """What a goal that is not about the peers divides by."""
    if goal.against == "floor":
        return median(gathered["cases"][name], "floor", goal.figure)
    if goal.against == "fanout":
        fanout = gathered["cases"].get(f"fanout {name.split()[-1]}x250")
        return median(fanout, cases.ONE, goal.figure) if fanout else None
    return 1.0


def goal_of(goal, name, gathered):
    """(reached, bound, met) of one case; None when something is not there. For "peer" more is better."""
    case = gathered["cases"][name]
    ours = median(case, cases.ONE, goal.figure)
    if ours is None:
        return None
    if goal.against != "peer":
        by = reference(goal, name, gathered)
        return (ours / by, goal.most, ours / by <= goal.most) if by else None
    theirs = [m for m in (median(case, peer, goal.figure) for peer in cases.PEERS) if m is not None]
    return (min(theirs) / ours, goal.most, min(theirs) / ours >= goal.most) if theirs and ours > 0 else None


def is_compared(goal, case):
    """Some cases are played without peers, and some without the floor."""
    against = {"floor": ("floor",), "peer": cases.PEERS}.get(goal.against, (cases.ONE,))
    return any(server in case["results"] or server in case["skipped"] for server in against)


def goals_rows(gathered):
    rows = [["case", "goal", "reached", "bound", ""]]
    for name in gathered["cases"]:
        for goal in cases.GOALS:
            if not fnmatch.fnmatchcase(name, goal.case):
                continue
            found = goal_of(goal, name, gathered)
            if found is None and not is_compared(goal, gathered["cases"][name]):
                continue
            if found is None:
                rows.append([name, goal.says, "", "", "not measured"])
            else:
                reached, bound, met = found
                word = "at least" if goal.against == "peer" else "at most"
                rows.append([name, goal.says, f"{reached:.2f}", f"{word} {bound:g}", "met" if met else "MISSED"])
    return rows


def goals_text(gathered):
    rows = goals_rows(gathered)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def servers_rows(gathered):
    rows = [["server", "version", "settings"]]
    seen = {}
    for case in gathered["cases"].values():
        seen.update(case["servers"])
    return rows + [[name, version or "this build", notes] for name, (version, notes) in seen.items()]


def plots_write(folder, gathered):
    """File names of the plots that there is something for."""
    points = {}
    for case in gathered["cases"].values():
        if case["labels"].get("size") != 250:
            continue
        for server in case["results"]:
            for figure in ("total_cpu_per_delivery_us", "last_watcher_p50_ms", "last_watcher_p99_ms"):
                middle = median(case, server, figure)
                if middle is not None:
                    points.setdefault(figure, {}).setdefault(server, []).append((case["labels"]["watchers"], middle))
    titles = {"total_cpu_per_delivery_us": ("cpu", "CPU microseconds a delivery, ksoftirqd included"),
              "last_watcher_p50_ms": ("p50", "milliseconds to the last watcher, median of changes"),
              "last_watcher_p99_ms": ("p99", "milliseconds to the last watcher, 99th percentile of changes")}
    names = []
    for figure, series in points.items():
        if max(map(len, series.values())) < 2:
            continue
        short, title = titles[figure]
        names.append(f"benchmarks-{short}.svg")
        with open(os.path.join(folder, names[-1]), "w") as out:
            out.write(plot.chart(title, "watchers", series))
    return names


def generated(gathered, plots):
    machine = gathered["machine"] + [["repetitions", str(gathered["repeats"])]]
    if gathered.get("seconds"):
        machine.append(["time taken", f"{gathered['seconds'] / 60:.0f} minutes"])
    parts = ["## Against the floor and the peers"]
    if gathered["extent"] == cases.QUICK:
        parts.append("**A quick run: it shows that everything works, and little of how fast it is.**")
    parts += [f"`packaging/bench/run.py {gathered['command']}`. Medians of the repetitions, smallest and largest in parentheses; \"(1 of 5)\" says that a slow "
              "server or case played only so many of the repetitions; what is not clean, delivery for delivery, does not count. CPU time contains ksoftirqd's share, for all alike, and with it the "
              "generator's part of that.", table([["", ""]] + [list(row) for row in machine]), table(servers_rows(gathered)),
              "### Goals", "Of musterd with one worker.", table(goals_rows(gathered))]
    parts += [f"![{name}]({name})" for name in plots]
    parts += [case_text(name, case, gathered["repeats"]) for name, case in gathered["cases"].items()]
    return "\n\n".join(parts)


def part_write(path, begin, text):
    """Replace the generated part of the file, which starts with the line `begin`, or add one at its end."""
    with open(path) as file:
        head, found, rest = file.read().partition(begin)
    tail = rest.partition(END + "\n")[2] if found else ""
    with open(path, "w") as out:
        out.write((head if found else head.rstrip("\n") + "\n\n") + f"{begin}\n\n{text}\n\n{END}\n" + tail)


def write(path, gathered):
    part_write(path, BEGIN, generated(gathered, plots_write(os.path.dirname(os.path.abspath(path)), gathered)))
