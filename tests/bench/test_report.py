#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The comparison's report: medians over clean runs only, goals met and missed, the generated part of a file, plots."""
import fnmatch
import os
import sys
import tempfile
import unittest
import xml.dom.minidom

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "bench"))
import accounts  # noqa: E402
import cases  # noqa: E402
import peers  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402

CPU, P99 = "total_cpu_per_delivery_us", "last_watcher_p99_ms"


def runs(*figures, result="ok"):
    return [{CPU: figure, P99: 1.0, "result": result} for figure in figures]


def gathered(results, name="fanout 10x250", watchers=10):
    return {"machine": [["processors", "1"]], "command": "", "extent": cases.USUAL, "repeats": 3,
            "cases": {name: {"title": "A title", "figures": [[CPU, "CPU"]], "labels": {"watchers": watchers, "size": 250}, "options": ["--x", 1],
                             "results": results, "skipped": {"ejabberd": "not installed"}, "servers": {"floor": ["", "bare"]}}}}


class Report(unittest.TestCase):
    def reached(self, results):
        """What the rows of the goals say of CPU against floor and peers."""
        return {row[1]: row[2:] for row in report.goals_rows(gathered(results))[1:]}

    def test_medians_of_clean_runs(self):
        case = gathered({"musterd": runs(1, 9, 3) + runs(100, result="FAILED") + [None]})["cases"]["fanout 10x250"]
        self.assertEqual(report.median(case, "musterd", CPU), 3)
        self.assertEqual(report.failures(case, "musterd"), 2)
        self.assertIn("musterd (2 of 5 runs failed)", report.case_text("fanout 10x250", case))
        self.assertIn("3 (1 to 9)", report.case_text("fanout 10x250", case))
        self.assertIn("ejabberd was left out: not installed", report.case_text("fanout 10x250", case))

    def test_goals(self):
        rows = self.reached({"floor": runs(2), "musterd": runs(5), "prosody": runs(100), "ejabberd": runs(30)})
        self.assertEqual(rows["CPU a delivery, to the floor"], ["2.50", "at most 1.3", "MISSED"])
        self.assertEqual(rows["CPU a delivery, the better peer's to ours"], ["6.00", "at least 5", "met"])
        rows = self.reached({"floor": runs(4), "musterd": runs(5), "prosody": runs(10)})
        self.assertEqual(rows["CPU a delivery, to the floor"], ["1.25", "at most 1.3", "met"])
        self.assertEqual(rows["CPU a delivery, the better peer's to ours"], ["2.00", "at least 5", "MISSED"])

    def test_a_goal_that_could_not_be_measured_is_not_met(self):
        rows = self.reached({"musterd": runs(5, result="FAILED"), "prosody": runs(50)})
        self.assertEqual(set(row[2] for row in rows.values()), {"not measured"})

    def test_only_the_generated_part_is_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "b.md")
            with open(path, "w") as out:
                out.write("# By hand\n")
            for figure in (7, 8):
                report.write(path, gathered({"musterd": runs(figure)}))
            with open(path) as file:
                text = file.read()
            self.assertTrue(text.startswith("# By hand\n\n" + report.BEGIN))
            self.assertEqual(text.count(report.BEGIN), 1)
            self.assertIn("| musterd | 8 |", text)
            self.assertNotIn("| musterd | 7 |", text)

    def test_plot(self):
        svg = plot.chart("a < b", "x", {"one & two": [(1000, 7.0), (100, 5.0)], "alone": [(100, 80)]})
        drawn = xml.dom.minidom.parseString(svg)
        self.assertEqual(len(drawn.getElementsByTagName("circle")), 3)
        line = next(p for p in drawn.getElementsByTagName("path") if p.getAttribute("fill") == "none")
        first, second = line.getAttribute("d")[1:].split("L")
        self.assertLess(float(first.split()[0]), float(second.split()[0]))  # to the right: more watchers
        self.assertGreater(float(first.split()[1]), float(second.split()[1]))  # upwards: more


class Cases(unittest.TestCase):
    def test_every_goal_has_its_figure(self):
        known = {}
        for case in cases.cases(cases.USUAL):
            known[case.name] = {key for key, _ in case.figures}
        for goal in cases.GOALS:
            names = fnmatch.filter(known, goal.case)
            self.assertTrue(names, goal)
            for name in names:
                self.assertIn(goal.figure, known[name], goal)

    def test_names_are_unique(self):
        for extent in (cases.QUICK, cases.USUAL, cases.FULL):
            names = [case.name for case in cases.cases(extent)]
            self.assertEqual(len(names), len(set(names)))

    def test_contacts_that_are_served_but_not_played(self):
        case = next(c for c in cases.cases(cases.QUICK) if c.scenario == "roster-login")
        with tempfile.TemporaryDirectory() as folder:
            case.sets = (("roster", 3),)
            case.extra = (("absent", 2),)
            files = accounts.Files("unused", case, folder)
            owners = lambda path: [owner for owner, *_ in peers.lines(path)].count(accounts.HEAVY)
            self.assertEqual((owners(files.played[1]), owners(files.served[1])), (3, 5))


if __name__ == "__main__":
    unittest.main()
