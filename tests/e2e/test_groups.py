# SPDX-License-Identifier: Apache-2.0
"""Shared groups, changed with musterctl while clients are online, and while the daemon is down."""
import subprocess

from clients import Failure
from servers import KERNEL
from test_admin import roster_of

KIND = "slixmpp"
TLS = "direct"


def must_show(bench, account, expected):
    found = roster_of(bench, account)
    if found != expected:
        raise Failure(f"the roster of {account[0]} is {found}, wanted {expected}")


def online(bench, account):
    client = bench.client(KIND)
    client.connect(bench.server, account[0] + "/desk", account[1], TLS)
    client.ask("roster-get")
    client.send("presence")
    client.expect("presence", **{"from": client.jid})
    return client


def live(bench):
    server = bench.server
    accounts = [bench.account(name) for name in ("ann", "ben", "cleo")]
    server.musterctl("group", "add", "crew", "--title", "The Crew")
    server.musterctl("group", "join", "crew", accounts[0][0])
    ann, ben, cleo = (online(bench, account) for account in accounts)
    server.musterctl("group", "join", "crew", accounts[1][0])
    for one, other in ((ann, ben), (ben, ann)):
        one.expect("push", jid=other.bare, subscription="both", groups="The Crew")
        one.expect("presence", **{"from": other.jid, "type": ""})
    ben.send("presence", show="away")
    ann.expect("presence", **{"from": ben.jid, "show": "away"})
    must_show(bench, accounts[0], {ben.bare: ("both", None, ["The Crew"])})

    server.musterctl("group", "leave", "crew", accounts[1][0])
    for one, other in ((ann, ben), (ben, ann)):
        one.expect("push", jid=other.bare, subscription="remove")
        one.expect("presence", **{"from": other.jid, "type": "unavailable"})
    must_show(bench, accounts[0], {})
    cleo.expect_none("presence", **{"from": ann.jid})

    members = server.path("members.tsv")
    with open(members, "w") as out:
        out.write("".join(f"watched\t{account[0]}\n" for account in accounts[1:]))
    server.musterctl("group", "add", "chiefs", "--hidden")
    server.musterctl("group", "add", "watched", "--visible-to", "chiefs")
    server.musterctl("group", "join", "chiefs", accounts[0][0])
    server.musterctl("group", "import", members)
    for client in (ben, cleo):
        ann.expect("push", jid=client.bare, subscription="to", groups="watched")
        ann.expect("presence", **{"from": client.jid, "type": ""})
    ann.send("presence", show="xa")
    ann.expect("presence", **{"from": ann.jid, "show": "xa"})
    ben.ask("ping", to="localhost")
    ben.expect_none("presence", **{"from": ann.jid})
    server.musterctl("user", "remove", accounts[2][0])
    ann.expect("presence", **{"from": cleo.jid, "type": "unavailable"})
    ann.expect("push", jid=cleo.bare, subscription="remove")
    for group in ("crew", "chiefs", "watched"):
        server.musterctl("group", "remove", group)


def redefined(bench):
    """Title and visibility, changed while members are online, and while the daemon is down."""
    server = bench.server
    accounts = [bench.account(name) for name in ("flo", "gus", "hal")]
    server.musterctl("group", "add", "bosses", "--hidden")
    server.musterctl("group", "add", "shift", "--title", "Early")
    server.musterctl("group", "join", "bosses", accounts[2][0])
    server.musterctl("group", "join", "shift", accounts[0][0], accounts[1][0])
    flo, gus, hal = (online(bench, account) for account in accounts)
    server.musterctl("group", "set", "shift", "--title", "Late")
    for one, other in ((flo, gus), (gus, flo)):
        one.expect("push", jid=other.bare, subscription="both", groups="Late")
    server.musterctl("group", "set", "shift", "--visible-to", "bosses")
    for one, other in ((flo, gus), (gus, flo)):
        hal.expect("push", jid=one.bare, subscription="to", groups="Late")
        hal.expect("presence", **{"from": one.jid, "type": ""})
        one.expect("push", jid=other.bare, subscription="remove")
        one.expect("presence", **{"from": other.jid, "type": "unavailable"})
    flo.send("presence", show="dnd")
    hal.expect("presence", **{"from": flo.jid, "show": "dnd"})
    server.musterctl("group", "set", "shift", "--hidden")
    for one in (flo, gus):
        hal.expect("presence", **{"from": one.jid, "type": "unavailable"})
    if server.stop() != 0:
        raise Failure("the server did not stop cleanly")
    server.musterctl("group", "set", "shift", "--title", "Night", "--visible-to", "shift")
    server.start()
    must_show(bench, accounts[0], {accounts[1][0]: ("both", None, ["Night"])})
    for group in ("bosses", "shift"):
        server.musterctl("group", "remove", group)


def down(bench):
    server = bench.server
    one, two = bench.account("don"), bench.account("eve")
    if server.stop() != 0:
        raise Failure("the server did not stop cleanly")
    server.musterctl("group", "add", "night", "--title", "Night & Day")
    server.musterctl("group", "join", "night", one[0], two[0])
    server.start()
    must_show(bench, one, {two[0]: ("both", None, ["Night & Day"])})
    a, b = online(bench, one), online(bench, two)
    b.expect("presence", **{"from": a.jid})
    a.expect("presence", **{"from": b.jid})
    server.musterctl("group", "remove", "night")
    a.expect("presence", **{"from": b.jid, "type": "unavailable"})
    b.expect("presence", **{"from": a.jid, "type": "unavailable"})


STAFF = """groups:
  - {{name: desk, title: Front Desk, members: [{0}, {1}, late@localhost], visible_to: [desk, leads]}}
  - {{name: leads, visible_to: hidden, members: [{2}]}}
"""
SMALLER = """groups:
  - {{name: desk, title: Desk, members: [{0}, late@localhost]}}
"""


def refused(server, *command):
    done = server.musterctl("group", *command, check=False)
    if done.returncode == 0 or "configuration file (key groups)" not in done.stderr + done.stdout:
        raise Failure(f"musterctl group {' '.join(command)}: exit {done.returncode}, {done.stderr!r}")


def restart(server, extra):
    if server.stop() != 0:
        raise Failure("the server did not stop cleanly")
    server.extra = extra
    server.write_config()
    server.start()


def from_file(bench):
    """Groups of the configuration file: there at the start, following it at the next, and not for musterctl to change."""
    server = bench.server
    accounts = [bench.account(name) for name in ("iris", "jon", "kim")]
    jids = [account[0] for account in accounts]
    restart(server, STAFF.format(*jids))
    if "1 of the members have no account: late@localhost" not in server.log_text():
        raise Failure("no warning about the member without an account")
    iris, jon, kim = (online(bench, account) for account in accounts)
    for one, other in ((jon, iris), (iris, jon), (kim, iris), (kim, jon)):
        one.expect("presence", **{"from": other.jid, "type": ""})
    must_show(bench, accounts[0], {jids[1]: ("both", None, ["Front Desk"])})
    must_show(bench, accounts[2], {jid: ("to", None, ["Front Desk"]) for jid in jids[:2]})
    for command in (("join", "leads", jids[0]), ("leave", "desk", jids[0]), ("remove", "desk"),
                    ("set", "desk", "--title", "X")):
        refused(server, *command)
    late = ("late@localhost", "later than the others")
    server.add_user(*late)
    for one in (iris, jon):
        one.expect("push", jid=late[0], subscription="both", groups="Front Desk")
    kim.expect("push", jid=late[0], subscription="to", groups="Front Desk")

    restart(server, SMALLER.format(*jids))
    must_show(bench, accounts[0], {late[0]: ("both", None, ["Desk"])})
    must_show(bench, accounts[1], {})
    must_show(bench, accounts[2], {})
    server.musterctl("group", "add", "leads")
    restart(server, "")
    must_show(bench, accounts[0], {})
    server.musterctl("group", "remove", "leads")


def of_musterctl_too(bench):
    """A group of the same name that musterctl made: the daemon says so and does not start."""
    server = bench.server
    server.musterctl("group", "add", "taken")
    if server.stop() != 0:
        raise Failure("the server did not stop cleanly")
    server.extra = "groups: [{name: taken}]\n"
    server.write_config()
    with KERNEL.probing():
        done = subprocess.run([f"{server.build}/musterd", "--config", server.path("musterd.yaml")], capture_output=True, text=True,
                              timeout=60)
    if done.returncode != 1 or "taken: the group of this name" not in done.stderr:
        raise Failure(f"exit {done.returncode}: {done.stderr}")
    server.musterctl("group", "remove", "taken")
    server.start()
    if "from the configuration file" not in server.musterctl("group", "show", "taken").stdout:
        raise Failure("the group is not the file's")
    restart(server, "")


def tests(server):
    if not server.is_musterd:
        return
    yield "groups: changed while members are online", live
    yield "groups: other titles and viewers", redefined
    yield "groups: made while the daemon is down", down
    yield "groups: from the configuration file", from_file
    yield "groups: in the configuration file and made with musterctl", of_musterctl_too
