# SPDX-License-Identifier: Apache-2.0
"""Roster versions (RFC 6121 s. 2.6): a client that keeps its roster and says which version it knows has, whatever
happened meanwhile, the server's roster afterwards."""
import os
import random
import shutil

from clients import Failure
from raw import Raw, local

ROSTER = "jabber:iq:roster"
ROUNDS = 30


class Replica:
    """What a client remembers."""

    def __init__(self, bench, account):
        self.bench, self.account = bench, account
        self.items, self.version = {}, ""
        self.wholes = self.pushes = 0

    def put(self, query):
        for item in query.iter(f"{{{ROSTER}}}item"):
            if item.get("subscription") == "remove":
                self.items.pop(item.get("jid"), None)
            else:
                groups = sorted(group.text for group in item.iter(f"{{{ROSTER}}}group"))
                self.items[item.get("jid")] = (item.get("name"), item.get("subscription"), groups)
        self.version = query.get("ver")

    def catch_up(self):
        """Log in, ask with the version it knows, compare with the whole, log out."""
        raw = self.bench.on_close(Raw(self.bench.server, "direct")).log_in(self.account)
        if raw.features.find("{urn:xmpp:features:rosterver}ver") is None:
            raise Failure("roster versions are not announced")
        result = raw.ask(f"<iq type='get' id='g'><query xmlns='{ROSTER}' ver='{self.version}'/></iq>", "g")
        query = result.find(f"{{{ROSTER}}}query")
        if query is not None:
            self.items = {}
            self.put(query)
            self.wholes += 1
        raw.ping()
        versions = []
        for push in [e for e in raw.queue if local(e) == "iq" and e.get("type") == "set"]:
            if query is not None:
                raise Failure("a push after the whole roster")
            self.put(push.find(f"{{{ROSTER}}}query"))
            versions.append(self.version)
        if len(set(versions)) != len(versions):
            raise Failure(f"two pushes of one version: {versions}")
        self.pushes += len(versions)
        mine = dict(self.items)
        whole = raw.ask(f"<iq type='get' id='w'><query xmlns='{ROSTER}'/></iq>", "w").find(f"{{{ROSTER}}}query")
        self.items = {}
        self.put(whole)
        if mine != self.items:
            raise Failure(f"knows {mine}\nthe roster is {self.items}")
        raw.close()
        return len(versions)


def edit(raw, dice, serial):
    contact = f"c{dice.randrange(30)}@example.org"
    if dice.randrange(4) == 0:
        item = f"<item jid='{contact}' subscription='remove'/>"
    else:
        item = f"<item jid='{contact}' name='n{serial}'><group>g{dice.randrange(3)}</group></item>"
    raw.ask(f"<iq type='set' id='e{serial}'><query xmlns='{ROSTER}'>{item}</query></iq>", f"e{serial}")


def replica_equals_roster(bench):
    seed = random.randrange(1 << 32)
    print(f"# rosters: seed {seed}")
    dice = random.Random(seed)
    account = bench.account()
    replica = Replica(bench, account)
    replica.catch_up()
    serial = 0
    for number in range(ROUNDS):
        editor = bench.on_close(Raw(bench.server, "direct")).log_in(account)
        for _ in range(dice.choice((0, 0, 1, 3, 10))):
            serial += 1
            edit(editor, dice, serial)
        editor.close()
        if number % 10 == 5:
            bench.server.restart()
        replica.catch_up()
    if replica.wholes != 1:
        raise Failure(f"the whole roster was sent {replica.wholes} times, expected only the first")
    if not replica.pushes:
        raise Failure("not one push")


def slixmpp_keeps_its_roster(bench):
    """The library's own handling of versions: an empty result leaves what it knows, a push changes it."""
    account = bench.account()
    client = bench.client("slixmpp")
    client.connect(bench.server, *account, "starttls")
    first = client.ask("roster-sync")["version"]
    client.ask("roster-set", jid="nurse@example.org", name="Nurse")
    second = client.ask("roster-sync")
    items = {e["jid"]: e["name"] for e in client.events if e["event"] == "roster-item" and e["id"] == second["id"]}
    if not first or not second["version"] or first == second["version"]:
        raise Failure(f"versions {first!r}, then {second['version']!r}")
    if items.get("nurse@example.org") != "Nurse":
        raise Failure(f"after an empty result the library knows {items}")


def many_removals(bench):
    """More than the server remembers: the whole, and right."""
    account = bench.account()
    replica = Replica(bench, account)
    editor = bench.on_close(Raw(bench.server, "direct")).log_in(account)
    for i in range(300):
        editor.ask(f"<iq type='set' id='a{i}'><query xmlns='{ROSTER}'><item jid='c{i}@example.org'/></query></iq>", f"a{i}")
    replica.catch_up()
    for i in range(280):
        editor.ask(f"<iq type='set' id='r{i}'><query xmlns='{ROSTER}'><item jid='c{i}@example.org' "
                   "subscription='remove'/></query></iq>", f"r{i}")
    replica.catch_up()
    if replica.wholes != 2 or replica.pushes:
        raise Failure(f"{replica.wholes} whole rosters, {replica.pushes} pushes")


def backup_is_restored(bench):
    """What a client learnt after a backup that was restored since is not taken for known."""
    account = bench.account()
    replica = Replica(bench, account)
    editor = bench.on_close(Raw(bench.server, "direct")).log_in(account)
    edit(editor, random.Random(1), 1)
    replica.catch_up()
    state, backup = bench.server.path("state"), bench.server.path("backup")
    shutil.copytree(state, backup)  # while it runs, and nothing is written: within an epoch
    for serial in range(2, 6):
        edit(editor, random.Random(serial), serial)
    replica.catch_up()
    wholes = replica.wholes
    bench.server.stop()
    shutil.rmtree(state)
    os.rename(backup, state)
    bench.server.start()
    editor = bench.on_close(Raw(bench.server, "direct")).log_in(account)
    for serial in range(10, 16):
        edit(editor, random.Random(serial), serial)
    replica.catch_up()
    if replica.wholes != wholes + 1:
        raise Failure("a version of the lost days was taken for known")


def tests(server):
    yield "rosters: a replica with versions equals the roster", replica_equals_roster
    yield "rosters: slixmpp keeps its roster", slixmpp_keeps_its_roster
    if server.is_musterd:
        yield "rosters: more removals than are remembered", many_removals
        yield "rosters: a backup is restored", backup_is_restored
