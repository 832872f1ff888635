#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The laboratory of offloads without servers: what a column's file may say, what becomes of runs, and the tables of the report."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "bench"))
import lab  # noqa: E402
import lab_columns  # noqa: E402
import lab_report  # noqa: E402

LEAST = 'title = "A"\nsays = "a thing"\nclient = "--plain"\n'


def column(name, more=""):
    return lab_columns.parse(name, LEAST.replace("A", name.upper()) + more)


def run_of(number, cpu_us, calls=None, wrong="", counts=False, turns=1):
    """Ten deliveries of a fan-out."""
    found = {"result": "ok", "fanout_deliveries": 10, "fanout_cpu_ns": cpu_us * 10000, "fanout_softirq_ns": 0, "fanout_sleeps": 5,
             "fanout_stat_loop_turns": turns * 10}
    if calls is not None:
        found["fanout_calls"] = calls * 10
    return {"event": "run", "column": "", "round": number, "counts": counts, "wrong": wrong, "report": found}


def place_with(kind=lab_report.TIMES, others=0.1, **runs):
    place = lab_report.Place("here", kind)
    place.take({"event": "place", "machine": [["processors", "1"]], "watchers": 9, "rounds": 1, "rate": 1, "repeats": 3})
    for name, events in runs.items():
        for event in events:
            place.take(dict(event, column=name))
    place.take({"event": "end", "others": others, "stolen": 0.01})
    return place


class FakeServer:
    """Answers as musterctl does. `offloads`: why each is off; one whose reason is fixed stays off."""

    def __init__(self, fixed=(), **offloads):
        self.offloads, self.fixed, self.asked = offloads, fixed, []

    def musterctl(self, *words, check=True):
        self.asked.append(" ".join(words))
        refused = words[0] != "offload" or (words[2:] == ("on",) and words[1] in self.fixed)
        if len(words) == 3 and not refused:
            self.offloads[words[1]] = "" if words[2] == "on" else "turned off by musterctl"
        rows = [f"{name}\t{'off' if why else 'on'}\t{why}\n{name}.count\t3\n" for name, why in self.offloads.items()]
        return subprocess.CompletedProcess(words, int(refused), "".join(rows) if len(words) == 1 else "", "refused" if refused else "")


class Switching(unittest.TestCase):
    both = column("a", 'on = ["verdict"]\noff = ["loop"]\n')

    def switched(self, server):
        lab.offloads_switch(server, self.both)
        return server.asked

    def test_on_and_off(self):
        self.assertIn("offload loop off", self.switched(FakeServer(verdict="", loop="")))
        asked = self.switched(FakeServer(verdict="turned off"))
        self.assertIn("offload verdict on", asked)
        self.assertNotIn("offload loop off", asked)

    def test_what_cannot_be_is_left_out(self):
        for server, says in ((FakeServer(loop=""), "no program verdict"), (FakeServer(("verdict",), verdict="no right"), "refused")):
            with self.assertRaises(lab.Left) as left:
                self.switched(server)
            self.assertIn(says, str(left.exception))
        with self.assertRaises(lab.Left) as left:
            lab.command_run(FakeServer(), "session list")
        self.assertIn("`musterctl session list`: refused", str(left.exception))


class Columns(unittest.TestCase):
    def must_be_wrong(self, text, says, name="a"):
        with self.assertRaises(lab_columns.Wrong) as wrong:
            lab_columns.parse(name, text)
        self.assertIn(says, str(wrong.exception))

    def test_least_and_most(self):
        self.assertEqual((column("a").workers, column("a").commands, column("a").matrix), (1, [], {}))
        full = column("a", 'workers = 2\nconfig = "x: 1"\ncommands = ["session list"]\non = ["verdict"]\ncompare = "b"\norder = 3\n'
                           '[proves]\nspace = "s"\n[matrix]\nconnection = "plain"\nbpf = "off"\n')
        self.assertEqual((full.workers, full.commands, full.on, full.proves, full.matrix["bpf"]),
                         (2, ["session list"], ["verdict"], {"space": "s"}, "off"))

    def test_what_is_wrong(self):
        self.must_be_wrong("title =", "a: ")
        self.must_be_wrong(LEAST, "small letters", name="A_1")
        self.must_be_wrong(LEAST + "colour = 1\n", "colour: there is no such key")
        self.must_be_wrong(LEAST + 'workers = "two"\n', "workers: must be int")
        self.must_be_wrong(LEAST + "workers = true\n", "workers: must be int")
        self.must_be_wrong(LEAST + "commands = [1]\n", "a list of texts")
        self.must_be_wrong(LEAST + "says = 2\n", "a: ")
        self.must_be_wrong('title = "A"\nclient = "--plain"\n', "says: is missing")
        self.must_be_wrong(LEAST.replace("--plain", "--cleartext"), "client: must be one of")

    def test_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            def add(name, more):
                with open(os.path.join(folder, name), "w") as out:
                    out.write(LEAST + more)
            add("b.toml", "order = 1\n")
            add("a.toml", 'order = 2\ncompare = "b"\n')
            add("README.md", "no column")
            self.assertEqual([c.name for c in lab_columns.load(folder)], ["b", "a"])
            add("c.toml", 'compare = "nobody"\n')
            with self.assertRaises(lab_columns.Wrong):
                lab_columns.load(folder)

    def test_who_is_compared_with_comes_along(self):
        columns = [column("a"), column("b", 'compare = "a"\n'), column("c", 'compare = "b"\n'), column("d")]
        names = lambda only: [c.name for c in lab_columns.choose(columns, only)]
        self.assertEqual((names("c"), names("d"), names("")), (["a", "b", "c"], ["d"], ["a", "b", "c", "d"]))
        with self.assertRaises(lab_columns.Wrong):
            names("e")

    def test_those_of_the_project(self):
        columns = lab_columns.load()
        self.assertGreaterEqual({c.name for c in columns}, {"plain", "plain-verdict", "tls-user", "tls-kernel"})
        for one in columns:
            if one.matrix:
                self.assertIn(one.matrix["connection"], lab_report.CONNECTIONS)
                self.assertIn(one.matrix["bpf"], lab_report.OFFLOADS)
            self.assertLessEqual(set(one.proves), {"login", *lab_report.LOADS})

    def test_no_cell_of_the_matrix_is_empty(self):
        for row in lab_report.matrix_rows(lab_columns.load(), []):
            self.assertTrue(all(row[1:]), row)


class Figures(unittest.TestCase):
    def test_a_delivery(self):
        run = run_of(1, 7, calls=2)
        self.assertEqual([lab_report.figure(run, "fanout", key) for key in ("cpu", "calls", "sleeps", "turns", "sends", "instructions")],
                         [7, 2, 0.5, 1, 0, None])
        self.assertIsNone(lab_report.figure(run, "space", "cpu"))
        self.assertIsNone(lab_report.figure({"report": None}, "fanout", "cpu"))

    def test_rounds_that_count_are_not_timed(self):
        place = place_with(a=[run_of(0, 99, calls=2, counts=True), run_of(1, 5), run_of(2, 7)])
        self.assertEqual(lab_report.by_round(place, "a", "fanout", "cpu"), {1: 5, 2: 7})
        self.assertEqual(lab_report.by_round(place, "a", "fanout", "calls"), {0: 2})
        alone = place_with(a=[run_of(1, 5, calls=2, counts=True)])
        self.assertEqual(lab_report.by_round(alone, "a", "fanout", "turns"), {1: 1})

    def test_a_wrong_run_does_not_count(self):
        place = place_with(a=[run_of(1, 5), run_of(2, 700, wrong="a delivery was wrong")], b=[run_of(1, 10), run_of(2, 10)])
        self.assertEqual(lab_report.by_round(place, "a", "fanout", "cpu"), {1: 5})
        self.assertEqual(lab_report.ratios(place, "a", "b", "fanout", "cpu"), [0.5])

    def test_ratios_are_of_one_round(self):
        place = place_with(a=[run_of(1, 5), run_of(2, 20)], b=[run_of(2, 10), run_of(1, 10)])
        self.assertEqual(lab_report.ratios(place, "a", "b", "fanout", "cpu"), [0.5, 2])
        none = place_with(a=[run_of(1, 5)], b=[run_of(1, 5, turns=0)])
        self.assertEqual(lab_report.ratios(none, "a", "b", "fanout", "turns"), [])

    def test_words(self):
        for found, word in (([], ""), ([0.5, 0.6, 0.4], "wins"), ([2, 3, 2], "loses"), ([1.19, 1.19, 1.19], "nothing"), ([0.84, 0.84, 0.84], "nothing"),
                            ([0.82, 0.82, 0.82], "wins"), ([0.5, 0.5, 1.5], "unclear"), ([0.5, 0.5, 0.5, 1.5], "wins"), ([0.5, 0.5], "unclear")):
            self.assertEqual(lab_report.judge(found), word, found)

    def test_numbers(self):
        self.assertEqual([lab_report.number_text(n) for n in (0, 0.0004, 0.02, 0.98, 1, 3.456, 1234)], ["0", "0", "0.02", "0.98", "1", "3.46", "1,234"])
        self.assertEqual(lab_report.spread_text([1, 3, 2]), "2 (1 to 3)")
        self.assertEqual(lab_report.spread_text([2, 2]), "2")


class Text(unittest.TestCase):
    columns = [column("a"), column("b", 'compare = "a"\n')]

    def gathered(self, *places):
        return {"places": [place.dictionary() for place in places], "seconds": 60, "quick": False, "command": "muster-bench lab", "when": "now", "loads": ""}

    def test_place(self):
        place = place_with(a=[run_of(n, 10) for n in (1, 2, 3)], b=[run_of(n, 5) for n in (1, 2, 3)])
        place.take({"event": "left", "column": "c", "why": "the kernel cannot"})
        text = lab_report.place_text(place, self.columns)
        self.assertIn("| CPU, us | 10 | 5 |", text)
        self.assertIn("| CPU, us, ratio |  | 0.5: wins (to A) |", text)
        self.assertIn("| B, to A | CPU 0.5: wins |", text)
        self.assertIn("*c* is left out here: the kernel cannot.", text)
        self.assertIn("Instructions could not be counted", text)
        self.assertIn("others had 10% of the processors, the host 1%", text)
        self.assertNotIn("other work as well", text)
        self.assertIn("other work as well", lab_report.place_text(place_with(others=0.2, a=[run_of(1, 1)]), self.columns))
        self.assertNotIn("### space", text)

    def test_without_times(self):
        place = place_with(lab_report.COUNTS, a=[run_of(1, 10, calls=4, counts=True)], b=[run_of(1, 5, calls=2, counts=True)])
        text = lab_report.place_text(place, self.columns)
        self.assertNotIn("CPU, us", text)
        self.assertIn("| system calls | 4 | 2 |", text)
        self.assertNotIn("System calls could not be counted", text)

    def test_instructions(self):
        runs = [run_of(n, 10) for n in (1, 2, 3)]
        for run in runs:
            lab.instructions_add(run["report"])
        text = lab_report.place_text(place_with(lab_report.INSTRUCTIONS, a=runs), self.columns)
        self.assertIn("| instructions | 10,000 |", text)
        self.assertNotIn("could not be counted", text)
        self.assertNotIn("CPU, us", text)

    def test_what_did_not_end_well_is_said(self):
        place = place_with(a=[run_of(1, 10, wrong="a message that nobody sent")])
        self.assertIn("`a`, round 1: a message that nobody sent", lab_report.place_text(place, self.columns))
        self.assertFalse(lab_report.is_clean(self.gathered(place)))
        missing = lab_report.Place("guest", lab_report.COUNTS)
        missing.missing = "qemu is not installed"
        self.assertIn("Not played: qemu is not installed.", lab_report.place_text(missing, self.columns))
        self.assertTrue(lab_report.is_clean(self.gathered(missing)))
        early = place_with(a=[run_of(1, 10)])
        early.problem = "still running after 700 s"
        self.assertIn("It ended early: still running", lab_report.place_text(early, self.columns))
        self.assertFalse(lab_report.is_clean(self.gathered(early)))
        self.assertFalse(lab_report.is_clean(self.gathered(lab_report.Place("here", lab_report.TIMES))))

    def test_only_the_generated_part_is_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "offload.md")
            lab_report.write(path, self.gathered(place_with(a=[run_of(1, 10)])), self.columns)
            with open(path) as file:
                text = file.read()
            with open(path, "w") as out:
                out.write(text.replace("# Offloads\n", "# By hand\n") + "behind\n")
            lab_report.write(path, self.gathered(place_with(a=[run_of(1, 77)])), self.columns)
            with open(path) as file:
                text = file.read()
            self.assertTrue(text.startswith("# By hand\n\n" + lab_report.BEGIN))
            self.assertTrue(text.endswith("\nbehind\n"))
            self.assertIn("| CPU, us | 77 |", text)
            self.assertNotIn("| CPU, us | 10 |", text)

    def test_places_are_joined(self):
        here, old, new = place_with(a=[run_of(1, 1)]), lab_report.Place("guest 7.3", lab_report.COUNTS), lab_report.Place("guest 7.3", lab_report.COUNTS)
        new.problem = "new"
        both = lab_report.joined(self.gathered(here, old), self.gathered(new))
        self.assertEqual([(p["name"], p["problem"]) for p in both["places"]], [("here", ""), ("guest 7.3", "new")])

    def test_events_go_through_json(self):
        there = lab_report.Place("guest", lab_report.COUNTS)
        for event in (run_of(1, 5),):
            there.take(json.loads(json.dumps(dict(event, column="a"))))
        self.assertEqual(list(there.runs), ["a"])
        self.assertIn("a, round 1: fanout 0.5 wake-ups", lab.shown(there, there.runs["a"][0]))


if __name__ == "__main__":
    unittest.main()
