#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The comparison's report: medians over clean runs only, goals met and missed, the generated part of a file, plots."""
import fcntl
import fnmatch
import os
import sys
import tempfile
import unittest
import xml.dom.minidom

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "bench"))
import accounts  # noqa: E402
import cases  # noqa: E402
import machine  # noqa: E402
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
        self.assertIn("musterd (2 of 5 runs failed)", report.case_text("fanout 10x250", case, 5))
        self.assertIn("3 (1 to 9)", report.case_text("fanout 10x250", case, 5))
        self.assertIn("ejabberd was left out: not installed", report.case_text("fanout 10x250", case, 5))

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

    def test_a_group_is_compared_with_our_own_fanout(self):
        both = gathered({"musterd": runs(4)}, "group 10")
        self.assertEqual(report.goals_rows(both)[1][2:], ["", "", "not measured"])
        both["cases"].update(gathered({"musterd": runs(8)}, "fanout 10x250")["cases"])
        self.assertEqual(report.goals_rows(both)[1][2:], ["0.50", "at most 1.3", "met"])

    def test_goals_of_those_who_do_not_play_are_left_out(self):
        alone = gathered({"musterd": runs(4)})
        self.assertNotEqual(report.goals_rows(alone)[1:], [])  # ejabberd was to play
        alone["cases"]["fanout 10x250"]["skipped"] = {}
        self.assertEqual(report.goals_rows(alone)[1:], [])

    def test_fewer_repetitions_are_said(self):
        case = gathered({"musterd": runs(1, 2, 3), "prosody": runs(7)})["cases"]["fanout 10x250"]
        text = report.case_text("fanout 10x250", dict(case, measured="measured then"), 3)
        self.assertIn("| prosody (1 of 3) | 7 |", text)
        self.assertIn("| musterd | 2 (1 to 3) |", text)
        self.assertIn("; measured then", text)

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
            self.assertIn("| musterd (1 of 3) | 8 |", text)
            self.assertNotIn("| musterd (1 of 3) | 7 |", text)

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

    def test_slow_servers_play_less_often(self):
        case = cases.fanout(100, 250, 10, repeats_most=4, peer_repeats_most=3)
        self.assertEqual([case.repeats_of(name, 5) for name in ("floor", cases.ONE, "prosody")], [4, 4, 3])
        self.assertEqual(case.repeats_of("prosody", 2), 2)
        self.assertEqual(cases.fanout(100, 250, 10).repeats_of("prosody", 5), 5)

    def test_contacts_that_are_served_but_not_played(self):
        case = next(c for c in cases.cases(cases.QUICK) if c.scenario == "roster-login")
        with tempfile.TemporaryDirectory() as folder:
            case.sets = (("roster", 3),)
            case.extra = (("absent", 2),)
            files = accounts.Files("unused", case, folder)
            owners = lambda path: [owner for owner, *_ in peers.lines(path)].count(accounts.HEAVY)
            self.assertEqual((owners(files.played[1]), owners(files.served[1])), (3, 5))


class Share(unittest.TestCase):
    def test_what_is_not_ours_was_taken_by_others(self):
        share = machine.Share()
        share.before, share.began = (100.0, 1.0, 50.0), share.began - 10 / os.cpu_count()
        share.read = lambda: (110.0, 2.0, 57.0)  # ten seconds of processors were busy, seven of them for us
        others, stolen = share.taken()
        self.assertAlmostEqual(others, 0.3, places=1)
        self.assertAlmostEqual(stolen, 0.1, places=1)

    def test_it_is_read(self):
        busy, stolen, own = machine.Share.read()
        self.assertGreater(busy, 0)
        self.assertGreaterEqual(stolen, 0)
        self.assertGreater(own, 0)


class Lock(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.paths = [os.path.join(self.folder.name, name) for name in ("turnstile", "room")]
        self.lock = machine.Lock(self.paths)

    def tearDown(self):
        self.lock.give()
        self.folder.cleanup()

    def free(self, how):
        """Which of the files somebody else could lock."""
        found = []
        for path in self.paths:
            with open(path, "a") as file:
                try:
                    fcntl.flock(file, how | fcntl.LOCK_NB)
                    found.append(os.path.basename(path))
                except BlockingIOError:
                    pass
        return found

    def test_alone_and_shared(self):
        self.lock.alone()
        self.assertEqual(self.free(fcntl.LOCK_SH), ["turnstile"])
        with self.lock.shared():
            self.assertEqual(self.free(fcntl.LOCK_SH), ["turnstile", "room"])
            self.assertEqual(self.free(fcntl.LOCK_EX), ["turnstile"])
        self.assertEqual(self.free(fcntl.LOCK_EX), ["turnstile", "room"])

    def test_it_is_given_back_after_a_while(self):
        self.lock.alone()
        first = self.lock.held
        self.lock.alone()
        self.assertIs(self.lock.held, first)
        self.lock.since -= machine.LOCK_SECONDS_MAX + 1
        self.lock.alone()
        self.assertIsNot(self.lock.held, first)
        self.assertEqual(self.free(fcntl.LOCK_SH), ["turnstile"])

    def test_without_files(self):
        lock = machine.Lock([])
        lock.alone()
        with lock.shared():
            pass
        lock.give()


if __name__ == "__main__":
    unittest.main()
