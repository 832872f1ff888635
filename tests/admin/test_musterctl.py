#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""musterctl as its user sees it: on the database while no daemon runs, and against a socket that plays the daemon."""
import fcntl
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

MUSTERCTL = os.path.abspath(sys.argv.pop(1))


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.state = os.path.join(self.folder.name, "state")
        self.config = self.file("c.yaml", f"""
domains: [localhost, example.org]
state: {self.state}
listen: [{{address: 127.0.0.1, tls: none}}]
""")

    def file(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run_ctl(self, *words, given="", config=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
        return subprocess.run([MUSTERCTL, "--config", config or self.config, *words], input=given, text=True,
                              capture_output=True, timeout=60, env=environment)

    def expect(self, *words, given="", status=0, out=None, error=None):
        r = self.run_ctl(*words, given=given)
        self.assertEqual(r.returncode, status, (words, r.stdout, r.stderr))
        if out is not None:
            self.assertEqual(r.stdout, out)
        if status == 0:
            self.assertEqual(r.stderr, "")
        else:
            self.assertEqual(r.stdout, "")
            self.assertTrue(r.stderr.startswith("musterctl: "), r.stderr)
            self.assertEqual(r.stderr.count("\n"), 1, r.stderr)
        if error is not None:
            self.assertEqual(r.stderr, f"musterctl: {error}\n")
        return r


class Offline(Case):
    def test_groups(self):
        for name in "alice", "bob":
            self.expect("user", "add", f"{name}@localhost", "--password", "pw")
        self.expect("group", "add", "staff", "--title", "The Staff", out="staff added\n")
        self.expect("group", "add", "all", "--visible-to", "staff", "--visible-to", "all", out="all added\n")
        self.expect("group", "add", "nobody", "--hidden", out="nobody added\n")
        self.expect("group", "join", "staff", "alice@localhost", "bob@localhost", out="2 joined\n")
        self.expect("group", "leave", "staff", "alice@localhost", out="1 left\n")
        self.expect("group", "import", "-", given="staff\talice@localhost\nnew\tbob@localhost\n",
                    out="2 joined, 0 there already, in 2 groups, 1 of them new\n")
        self.expect("group", "list", out="staff\tThe Staff\t2 members\tversion 4\tvisible to staff\n"
                                         "all\tall\t0 members\tversion 1\tvisible to staff, all\n"
                                         "nobody\tnobody\t0 members\tversion 1\tvisible to nobody\n"
                                         "new\tnew\t1 members\tversion 2\tvisible to new\n")
        self.expect("group", "show", "new", out="new\tnew\t1 members\tversion 2\tvisible to new\nbob@localhost\n")
        self.expect("group", "set", "new", "--title", "The New", "--visible-to", "staff", out="new changed\n")
        self.expect("group", "show", "new",
                    out="new\tThe New\t1 members\tversion 3\tvisible to staff\nbob@localhost\n")
        self.expect("group", "set", "new", "--hidden", out="new changed\n")
        self.expect("group", "show", "new",
                    out="new\tThe New\t1 members\tversion 4\tvisible to nobody\nbob@localhost\n")
        self.expect("group", "set", "new", status=2)
        self.expect("group", "set", "none", "--hidden", status=1, error="none: no such group")
        self.expect("group", "remove", "new", out="new removed\n")
        self.expect("group", "join", "new", "bob@localhost", status=1, error="new: no such group")
        self.expect("group", "join", "staff", "carol@localhost", status=1, error="carol@localhost: no such account")
        self.expect("group", "join", "staff", status=2)
        self.expect("group", "add", "x", "--hidden", "--visible-to", "staff", status=2)
        self.expect("group", "show", "staff", "--title", "T", status=2)
        self.expect("group", "add", "a\tb", status=1)

    def test_users(self):
        self.expect("user", "list", out="")
        self.expect("user", "add", "Alice@LocalHost", given="secret\n", out="1 account stored\n")
        self.expect("user", "add", "bob@example.org", "--password", "pw", out="1 account stored\n")
        self.expect("user", "list", out="alice@localhost\nbob@example.org\n")
        self.expect("user", "add", "alice@localhost", "--password", "x", status=1,
                    error="alice@localhost: the account exists (--replace changes its password)")
        before = self.stored("alice@localhost")
        self.expect("user", "add", "--replace", "alice@localhost", "--password", "x")
        self.assertNotEqual(before, self.stored("alice@localhost"))
        self.expect("user", "remove", "alice@localhost", out="alice@localhost removed\n")
        self.expect("user", "remove", "alice@localhost", status=1, error="alice@localhost: no such account")
        self.expect("user", "list", out="bob@example.org\n")

    def stored(self, jid):
        db = sqlite3.connect(os.path.join(self.state, "muster.db"))
        row = db.execute("SELECT sha256_stored, sha256_iterations FROM accounts WHERE jid = ?", (jid,)).fetchone()
        db.close()
        return row

    def test_no_password_is_stored(self):
        self.expect("user", "add", "a@localhost", given="correct horse battery\n")
        for name in os.listdir(self.state):
            with open(os.path.join(self.state, name), "rb") as f:
                self.assertNotIn(b"correct horse", f.read())
        self.assertEqual(self.stored("a@localhost")[1], 4096)

    def test_refused_users(self):
        for jid, why in [("localhost", "not an account's address (local@domain)"),
                         ("a@localhost/r", "not an account's address (local@domain)"),
                         ("a@elsewhere", "not one of the domains of the configuration")]:
            self.expect("user", "add", jid, "--password", "x", status=1, error=f"{jid}: {why}")
        self.expect("user", "add", "a@localhost", given="\n", status=1, error="a@localhost: the password is empty")
        self.expect("user", "add", "a@localhost", given="", status=1, error="a@localhost: the password is empty")
        self.expect("user", "add", "a@localhost", given="x" * 1024 + "\n", status=1)
        self.expect("user", "list", out="")

    def test_user_import(self):
        path = self.file("users", "a@localhost\tp1\r\n\nb@localhost\tp 2\nc@localhost\tp3")
        self.expect("user", "import", path, out="3 accounts stored\n")
        self.expect("user", "list", out="a@localhost\nb@localhost\nc@localhost\n")
        self.expect("user", "import", path, status=1,
                    error=f"{path}: line 1: a@localhost: the account exists (--replace changes its password)")
        self.expect("user", "import", path, "--replace", out="3 accounts stored\n")
        self.expect("user", "import", "-", given="d@localhost\tp\n\nnothing\n", status=1,
                    error="standard input: line 3: expected jid, TAB, password")
        self.expect("user", "import", "-", given="d@localhost\tp\n\na@localhost\tp\n", status=1,
                    error="standard input: line 3: a@localhost: the account exists (--replace changes its password)")
        self.expect("user", "import", "-", given="d@localhost\tp\tq\n", status=1,
                    error="standard input: line 1: d@localhost: the password is too long or has forbidden characters")
        self.expect("user", "import", "-", given="", status=1, error="standard input: no account given")
        self.expect("user", "list", out="a@localhost\nb@localhost\nc@localhost\n")
        self.expect("user", "import", path + "x", status=1, error=f"{path}x: No such file or directory")

    def test_roster_import(self):
        self.expect("user", "import", "-", given="a@localhost\tp\nb@localhost\tp\n")
        self.expect("roster", "import", "-", given="a@localhost\tb@localhost\tboth\tBob\tx,y\n"
                    "b@localhost\ta@localhost\tboth\n", out="2 contacts in 2 rosters stored\n")
        self.expect("roster", "import", "-", given="\nc@localhost\tb@localhost\tboth\n", status=1,
                    error="standard input: line 2: c@localhost: no such account")
        db = sqlite3.connect(os.path.join(self.state, "muster.db"))
        rows = db.execute("SELECT contact, state, name, groups FROM roster ORDER BY contact").fetchall()
        db.close()
        self.assertEqual(rows, [("a@localhost", 8, None, None), ("b@localhost", 8, "Bob", "x\ny\n")])

    def test_needs_the_daemon(self):
        for words in (["session", "list"], ["stats"], ["top"], ["shutdown"]):
            self.expect(*words, status=1, error=f"{self.state}/admin.sock: the daemon is not running")
        self.expect("explain", "a@b", "c@d", status=3, error=f"{self.state}/admin.sock: the daemon is not running")

    def test_state_in_use(self):
        os.mkdir(self.state)
        with open(os.path.join(self.state, "muster.lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.expect("user", "list", status=1,
                        error=f"{self.state}/muster.lock is held by process ?: the state is in use")

    def test_usage(self):
        for words in ([], ["user"], ["user", "dance"], ["user", "add"], ["user", "list", "x"], ["--dance"],
                      ["stats", "--replace"], ["stats", "--json"], ["stats", "--by", "bytes"], ["top", "--json"], ["explain", "a@b"],
                      ["explain", "a@b", "c@d", "e@f"], ["explain", "a@b", "c@d", "--count", "1"], ["explain", "a@b", "c\td@e"], ["user", "list", "--password", "x"], ["user", "add", "--password"]):
            self.expect(*words, status=2)
        for words in (["--help"], ["user", "add", "--help"], ["--version"]):
            self.assertNotEqual(self.expect(*words).stdout, "")
        listed = [line[2:27].strip() for line in self.expect("--help").stdout.splitlines() if line.startswith("  ")]
        self.assertIn("explain A B", listed)
        self.assertEqual(len(listed), len(set(listed)))

    def test_bad_configuration(self):
        r = self.run_ctl("user", "list", config=self.file("bad.yaml", "domain: x\n"))
        self.assertEqual(r.returncode, 1)
        self.assertIn("bad.yaml:1:1: domain: unknown key; did you mean domains?", r.stderr)
        for line in r.stderr.splitlines():
            self.assertTrue(line.startswith("musterctl: "))
        self.assertEqual(self.run_ctl("user", "list", config="/nonexistent").returncode, 1)
        self.assertEqual(self.run_ctl("explain", "a@b", "c@d", config="/nonexistent").returncode, 3)

    def test_output_that_cannot_be_written(self):
        self.expect("user", "add", "a@localhost", "--password", "x")
        with open("/dev/full", "w", encoding="utf-8") as full:
            r = subprocess.run([MUSTERCTL, "--config", self.config, "user", "list"], stdout=full, timeout=60,
                               stderr=subprocess.PIPE, check=False)
        self.assertEqual(r.returncode, 1)


class Online(Case):
    """What goes over the socket; the state folder is never touched."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.state)
        self.requests, self.reply = [], b"ok\n"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(self.state, "admin.sock"))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        self.addCleanup(self.stop)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        self.assertNotIn("muster.db", os.listdir(self.state))

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                request = b""
                while part := connection.recv(65536):
                    request += part
                self.requests.append(request)
                connection.sendall(self.reply)

    def test_requests(self):
        for words, request in ((["user", "list"], b"user\tlist\n"), (["stats"], b"stats\n"),
                               (["session", "list"], b"session\tlist\n"), (["shutdown"], b"shutdown\n"),
                               (["user", "remove", "a@b"], b"user\tremove\ta@b\n")):
            self.reply = b"ok\nall is well\n"
            self.expect(*words, out="all is well\n")
            self.assertEqual(self.requests.pop(), request)

    def test_top(self):
        self.reply = b"ok\nlines\n"
        self.expect("top", out="lines\n")
        self.expect("top", "--by", "bytes", "--count", "3", "--seconds", "20", out="lines\n")
        self.assertEqual(self.requests, [b"top\tdeliveries\t10\t60\n", b"top\tbytes\t3\t20\n"])

    def test_explain(self):
        """The exit status is the verdict's."""
        for reply, words, request, status, out in (
                (b"sees\nVERDICT: yes\n", [], b"explain\ta@b/c\td@e\n", 0, "VERDICT: yes\n"),
                (b"unseen\nVERDICT: no\n", [], b"explain\ta@b/c\td@e\n", 1, "VERDICT: no\n"),
                (b"unseen\n{}\n", ["--json"], b"explain\ta@b/c\td@e\tjson\n", 1, "{}\n")):
            self.reply = b"ok\n" + reply
            r = self.run_ctl("explain", "a@b/c", "d@e", *words)
            self.assertEqual((r.returncode, r.stdout, r.stderr), (status, out, ""))
            self.assertEqual(self.requests.pop(), request)
        self.reply = b"error\nx: not the address of an account"
        self.expect("explain", "x", "d@e", status=2, error="x: not the address of an account")
        self.reply = b""
        self.expect("explain", "a@b", "d@e", status=3, error="Protocol error")

    def test_refusals(self):
        self.reply = b"error\nnot today"
        self.expect("stats", status=1, error="not today")
        self.reply = b""
        self.expect("stats", status=1, error=f"{self.state}/admin.sock: Protocol error")

    def test_passwords_stay_here(self):
        self.expect("user", "add", "a@localhost", "--password", "correct horse")
        request = self.requests.pop()
        self.assertNotIn(b"correct horse", request)
        self.assertRegex(request, rb"\Auser\tput\na@localhost\t1000,[0-9a-f]{32},[0-9a-f]{64},[0-9a-f]{64};"
                                  rb"1000,[0-9a-f]{32},[0-9a-f]{40},[0-9a-f]{40}\n\Z")
        self.expect("user", "add", "a@localhost", "--password", "x", "--replace")
        self.assertTrue(self.requests.pop().startswith(b"user\tput\treplace\na@localhost\t"))

    def test_roster_is_passed_on(self):
        lines = "".join(f"a@localhost\tc{i}@localhost\tboth\n" for i in range(100000))
        self.expect("roster", "import", "-", given=lines)
        self.assertEqual(self.requests.pop(), b"roster\timport\n" + lines.encode())


if __name__ == "__main__":
    unittest.main()
