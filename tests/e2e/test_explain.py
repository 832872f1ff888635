# SPDX-License-Identifier: Apache-2.0
"""musterctl explain and top at a real server: why somebody sees somebody, by exit status and verdict, and what it costs."""
import json
import time

from clients import DEADLINE_S, Failure, must
from raw import Raw


def import_rows(bench, *rows):
    bench.server.musterctl("roster", "import", "/dev/stdin", body="".join("\t".join(row) + "\n" for row in rows))


def expect(bench, publisher, watcher, status, verdict, step=""):
    done = bench.server.musterctl("explain", publisher, watcher, check=False)
    last = (done.stdout.splitlines() or [""])[-1]
    verb = "sees" if status == 0 else "does not see"
    must(done.returncode == status and last == f"VERDICT: {watcher} {verb} {publisher}{verdict}",
         f"explain {publisher} {watcher}: exit {done.returncode}, {done.stdout!r} {done.stderr!r}")
    must(step in done.stdout, f"{step!r} is not in {done.stdout!r}")
    as_json = json.loads(bench.server.musterctl("explain", publisher, watcher, "--json", check=False).stdout)
    must(as_json["sees"] == (status == 0) and (as_json["why"] or as_json["late"]) in verdict and as_json["steps"],
         f"the same as JSON: {as_json}")


def online(bench, account):
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(account)
    raw.send("<presence/>")
    raw.ping()
    return raw


def settled(bench, publisher, watcher):
    """Grants go from worker to worker, behind the answer to a ping."""
    deadline = time.monotonic() + DEADLINE_S
    while bench.server.musterctl("explain", publisher, watcher, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise Failure(f"{watcher} never sees {publisher}")


def explain(bench):
    a, b, nobody = bench.account("shown"), bench.account("looks"), "nobody-at-all@localhost"
    expect(bench, nobody, b[0], 1, f": there is no account {nobody}")
    expect(bench, a[0], nobody, 1, f": there is no account {nobody}", f"{a[0]} is an account, and offline")
    expect(bench, a[0], b[0], 1, ": it is not subscribed")
    import_rows(bench, (a[0], b[0], "from"))
    expect(bench, a[0], b[0], 1, f": the rosters disagree: that of {b[0]} does not ask for it")
    import_rows(bench, (b[0], a[0], "to"))
    expect(bench, a[0], b[0], 1, f": {a[0]} is offline", "subscription from: shown its presence")
    publisher = online(bench, a)
    expect(bench, a[0], b[0], 1, f": {b[0]} is offline", f"{publisher.jid}: available, priority 0")
    watcher = online(bench, b)
    settled(bench, a[0], b[0])
    expect(bench, a[0], b[0], 0, "", "in the list of watchers there, of this time")
    expect(bench, publisher.jid, watcher.jid, 0, "")
    expect(bench, b[0], a[0], 1, ": it is not subscribed")
    expect(bench, a[0] + "/other", b[0], 1, f": {a[0]}/other is offline")
    watcher.send("<inactive xmlns='urn:xmpp:csi:0'/>")
    watcher.ping()
    publisher.send("<presence><show>away</show></presence>")
    publisher.ping()
    deadline = time.monotonic() + DEADLINE_S
    while "held back" not in bench.server.musterctl("explain", a[0], b[0]).stdout:
        must(time.monotonic() < deadline, "presence for the inactive watcher is never held back")
    expect(bench, a[0], b[0], 0, ", but not the latest yet: presence is held back, for it is inactive or behind in reading",
           ", away")
    bench.server.musterctl("group", "import", "/dev/stdin", body=f"explained\t{a[0]}\nexplained\t{b[0]}\n")
    while "not the latest" in bench.server.musterctl("explain", b[0], a[0]).stdout:
        must(time.monotonic() < deadline, "the members of the group are never told of each other")
    expect(bench, b[0], a[0], 0, "", "It is shown by the shared group explained.")
    must(watcher.jid in bench.server.musterctl("top", "--by", "queued").stdout, "who holds presence is not in top --by queued")


def explain_usage(bench):
    for words, status in ((("explain", "a@localhost"), 2), (("explain", "a@localhost", "b@localhost", "c@localhost"), 2),
                          (("explain", "localhost", "b@localhost"), 2), (("explain", "a@localhost", "a b@localhost"), 2),
                          (("stats", "--json"), 2), (("explain", "a@localhost", "b@localhost", "--count", "1"), 2),
                          (("top", "--by", "beauty"), 1), (("top", "--count", "0"), 1), (("top", "--seconds", "61"), 1)):
        done = bench.server.musterctl(*words, check=False)
        must(done.returncode == status and done.stderr.count("\n") == 1 and not done.stdout,
             f"{' '.join(words)}: exit {done.returncode}, {done.stdout!r} {done.stderr!r}")


def top_lines(bench, *words):
    """{publisher: its columns}, in order."""
    lines = [line.split() for line in bench.server.musterctl("top", *words).stdout.splitlines()]
    return {line[-1]: dict(zip(lines[0], line)) for line in lines[1:]}


def top(bench):
    busy, quiet, watchers = bench.account("busy"), bench.account("quiet"), [bench.account("watches") for _ in range(4)]
    for publisher in (busy, quiet):
        for watcher in watchers if publisher is busy else watchers[:1]:
            import_rows(bench, (publisher[0], watcher[0], "from"), (watcher[0], publisher[0], "to"))
    for account in watchers:
        online(bench, account)
    sessions = {account: online(bench, account) for account in (busy, quiet)}
    for account in watchers:
        settled(bench, busy[0], account[0])
    settled(bench, quiet[0], watchers[0][0])
    for account, changes in ((busy, 5), (quiet, 7)):
        for number in range(changes):
            sessions[account].send(f"<presence><status>{number}</status></presence>")
        sessions[account].ping()
    deadline = time.monotonic() + DEADLINE_S
    found = {}
    while found.get(busy[0], {}).get("DELIVERIES") != "20" or found.get(quiet[0], {}).get("DELIVERIES") != "7":
        must(time.monotonic() < deadline, f"top shows {found}")
        found = top_lines(bench, "--count", "1000")
    must(found[busy[0]]["CHANGES"] == "5" and found[busy[0]]["WATCHERS"] == "4", f"top shows {found[busy[0]]}")
    must(found[quiet[0]]["CHANGES"] == "7" and found[quiet[0]]["ERROR"] == "0", f"top shows {found[quiet[0]]}")
    order = list(found)
    must(order.index(busy[0]) < order.index(quiet[0]), "top is not by deliveries")
    order = list(top_lines(bench, "--by", "changes", "--count", "1000"))
    must(order.index(quiet[0]) < order.index(busy[0]), "top --by changes is not by changes")
    must(len(top_lines(bench, "--count", "1")) == 1, "top --count 1 is not one line")
    stats = dict(line.split("\t") for line in bench.server.musterctl("stats").stdout.splitlines())
    must(int(stats["fanouts"]) >= 12 and int(stats["presences_received"]) >= 18, f"stats: {stats}")
    must(int(stats["fanout_queued_p50_us"]) <= int(stats["fanout_queued_max_us"]) <= int(stats["fanout_sent_max_us"]) > 0,
         f"stats: {stats}")


def tests(server):
    if not server.is_musterd:
        return
    yield "explain: from the store to the reader", explain
    yield "explain: wrong usage", explain_usage
    yield "top: whose presence costs most", top
