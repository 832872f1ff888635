# SPDX-License-Identifier: Apache-2.0
"""Scenarios with three real clients: every ordered pair of kinds, over STARTTLS and over direct TLS."""
import os
import ssl

from clients import KINDS, Failure
from raw import Raw

UNUSUAL = "it's <b>\"fine\"</b> & späť, 日本語 \U0001f600"


def befriend(a, b):
    """Mutual subscription, asked for by `a`; every step of RFC 6121 s. 3.1 is seen by both."""
    a.ask("roster-set", jid=b.bare, name="Bee", groups="Friends")
    a.expect("push", jid=b.bare, name="Bee", groups="Friends", subscription="none", ask="")
    a.send("presence", to=b.bare, type="subscribe")
    a.expect("push", jid=b.bare, subscription="none", ask="subscribe")
    b.expect("presence", **{"from": a.bare, "type": "subscribe"})
    b.expect_none("push", jid=a.bare)  # no roster item before approval (s. 3.1.3)

    b.send("presence", to=a.bare, type="subscribed")
    b.expect("push", jid=a.bare, subscription="from")
    a.expect("presence", **{"from": b.bare, "type": "subscribed"})
    a.expect("push", jid=b.bare, subscription="to", ask="")
    a.expect("presence", **{"from": b.jid, "type": ""})

    b.send("presence", to=a.bare, type="subscribe")
    b.expect("push", jid=a.bare, subscription="from", ask="subscribe")
    a.expect("presence", **{"from": b.bare, "type": "subscribe"})
    a.send("presence", to=b.bare, type="subscribed")
    b.expect("presence", **{"from": a.bare, "type": "subscribed"})
    b.expect("push", jid=a.bare, subscription="both")
    a.expect("push", jid=b.bare, subscription="both", name="Bee", groups="Friends")
    b.expect("presence", **{"from": a.jid, "type": ""})


def talk(a, b):
    """Messages both ways, to the bare and to the full JID, with text that needs escaping."""
    for number, text in enumerate(("hello", UNUSUAL, "x" * 5000)):
        a.send("message", to=b.bare if number % 2 else b.jid, body=text)
        b.expect("message", **{"from": a.jid, "type": "chat", "body": text})
        b.send("message", to=a.jid, body=text, type="normal")
        got = a.expect("message", **{"from": b.jid, "body": text})
        if got["type"] not in ("", "normal"):
            raise Failure(f"{a}: type of {got}")


def query(a, b):
    a.ask("ping", to="localhost")
    features = a.ask("disco", to="localhost")["features"].split()
    if "http://jabber.org/protocol/disco#info" not in features:
        raise Failure(f"disco#info of the server lists {features}")
    reply = a.ask("unknown", to="localhost", expected="error")
    if reply["condition"] != "service-unavailable":
        raise Failure(f"an unknown query was answered {reply}")
    a.ask("ping", to=b.jid)  # answered by the other client
    reply = a.ask("ping", to=b.bare + "/nobody-here", expected="error")
    if reply["condition"] != "service-unavailable":
        raise Failure(f"an IQ to an unknown resource was answered {reply}")


def change_presence(a, watchers):
    steps = ({"show": "away", "status": "back soon"}, {"show": "dnd", "status": UNUSUAL}, {"show": "xa"},
             {"status": "here", "priority": "5"}, {"show": "chat"})
    for step in steps:
        a.send("presence", **step)
        for watcher in watchers:
            watcher.expect("presence", **{"from": a.jid, "type": "", "show": step.get("show", ""),
                                          "status": step.get("status", "")})
    for watcher in watchers:
        watcher.expect_none("presence", **{"from": a.jid})


def edit_roster(a, second, b):
    """Every interested resource of the account gets every push, the one that asked included (s. 2.1.6)."""
    a.ask("roster-set", jid=b.bare, name="Beatrice", groups="Friends,Work")
    for resource in (a, second):
        resource.expect("push", jid=b.bare, name="Beatrice", groups="Friends,Work", subscription="both")
    second.ask("roster-set", jid="carol@example.org", name=UNUSUAL)
    for resource in (a, second):
        resource.expect("push", jid="carol@example.org", name=UNUSUAL, subscription="none", groups="")
    second.ask("roster-remove", jid="carol@example.org")
    for resource in (a, second):
        resource.expect("push", jid="carol@example.org", subscription="remove")
    reply = a.ask("roster-remove", jid="carol@example.org", expected="error")
    if reply["condition"] != "item-not-found":
        raise Failure(f"removing an unknown item was answered {reply}")
    b.expect_none("push")


def life(kind_a, kind_b, tls):
    def test(bench):
        (jid_a, password_a), (jid_b, password_b) = bench.account("a"), bench.account("b")
        a, b, second = bench.client(kind_a), bench.client(kind_b), bench.client(kind_b)
        a.connect(bench.server, jid_a, password_a, tls)
        b.connect(bench.server, jid_b + "/desk", password_b, tls)
        # With Bind 2 (XEP-0386) it is only the beginning.
        if b.jid != jid_b + "/desk" and not (kind_b == "xmppjs" and b.jid.startswith(jid_b + "/desk.")):
            raise Failure(f"the resource asked for became {b.jid}")
        if a.appear() or b.appear():
            raise Failure("a new account has a roster")
        befriend(a, b)
        talk(a, b)
        query(a, b)

        second.connect(bench.server, jid_a + "/second", password_a, tls)
        if second.roster()[b.bare]["subscription"] != "both":
            raise Failure("the second resource's roster lacks the contact")
        second.send("presence")
        for watcher in (a, b, second):
            watcher.expect("presence", **{"from": second.jid, "type": ""})
        second.expect("presence", **{"from": b.jid, "type": ""})
        second.expect("presence", **{"from": a.jid, "type": ""})
        edit_roster(a, second, b)
        a.forget(), b.forget(), second.forget()
        change_presence(a, (a, b, second))

        a.kill()
        for watcher in (b, second):
            watcher.expect("presence", **{"from": a.jid, "type": "unavailable"})

        again = bench.client(kind_a)
        again.connect(bench.server, jid_a, password_a, tls)
        items = again.appear()
        if {jid: item["subscription"] for jid, item in items.items()} != {b.bare: "both"} or \
                items[b.bare]["name"] != "Beatrice":
            raise Failure(f"the roster became {items}")
        b.expect("presence", **{"from": again.jid, "type": ""})
        again.expect("presence", **{"from": b.jid, "type": ""})  # the answer to the probe

        b.send("presence", type="unavailable", status="gone home")
        again.expect("presence", **{"from": b.jid, "type": "unavailable", "status": "gone home"})
        b.send("presence")
        again.expect("presence", **{"from": b.jid, "type": ""})
        b.close()
        again.expect("presence", **{"from": b.jid, "type": "unavailable"})
    return test


def leave(kind_a, kind_b, tls):
    """Take the subscription back: unavailable comes first, and afterwards nothing is seen any more (s. 3.2.2)."""
    def test(bench):
        (jid_a, password_a), (jid_b, password_b) = bench.account("a"), bench.account("b")
        a, b = bench.client(kind_a), bench.client(kind_b)
        a.connect(bench.server, jid_a, password_a, tls)
        b.connect(bench.server, jid_b, password_b, tls)
        a.appear(), b.appear()
        befriend(a, b)

        a.send("presence", to=b.bare, type="unsubscribed")
        b.expect("presence", **{"from": a.jid, "type": "unavailable"})
        b.expect("presence", **{"from": a.bare, "type": "unsubscribed"})
        b.expect("push", jid=a.bare, subscription="from")
        a.expect("push", jid=b.bare, subscription="to")
        a.send("presence", show="away", status="not for b")
        a.send("message", to=b.jid, body="after the presence")
        b.expect("message", body="after the presence")  # in order: the presence would have come before
        b.expect_none("presence", **{"from": a.jid})
        b.send("presence", show="dnd")
        a.expect("presence", **{"from": b.jid, "show": "dnd"})

        a.ask("roster-remove", jid=b.bare)
        a.expect("push", jid=b.bare, subscription="remove")
        b.expect("push", jid=a.bare, subscription="none")
        if bench.server.is_musterd:  # s. 3.3.3 step 3; Prosody leaves it out
            a.expect("presence", **{"from": b.jid, "type": "unavailable"})
        b.send("presence", status="nobody listens")
        b.send("message", to=a.jid, body="after that one")
        a.expect("message", body="after that one")
        a.expect_none("presence", status="nobody listens")
        if a.roster():
            raise Failure("the removed contact is still in the roster")
    return test


def request_waits(kind_a, kind_b, tls):
    """A subscription request to an offline contact is kept, and delivered at each log-in until it is answered (s. 3.1.3)."""
    def test(bench):
        (jid_a, password_a), (jid_b, password_b) = bench.account("a"), bench.account("b")
        a = bench.client(kind_a)
        a.connect(bench.server, jid_a, password_a, tls)
        a.appear()
        a.send("presence", to=jid_b, type="subscribe")
        a.expect("push", jid=jid_b, subscription="none", ask="subscribe")
        a.close()
        if bench.server.is_musterd and bench.server.restart() != 0:
            raise Failure("the server did not stop with exit code 0")
        for is_answered in (False, True):
            b = bench.client(kind_b)
            b.connect(bench.server, jid_b, password_b, tls)
            b.appear()
            b.expect("presence", **{"from": jid_a, "type": "subscribe"})
            if is_answered:
                b.send("presence", to=jid_a, type="subscribed")
                b.expect("push", jid=jid_a, subscription="from")
            b.close()
        a = bench.client(kind_a)
        a.connect(bench.server, jid_a, password_a, tls)
        items = a.appear()
        if items[jid_b]["subscription"] != "to" or items[jid_b]["ask"]:
            raise Failure(f"the roster became {items}")
    return test


def restart(kind_a, kind_b, tls):
    """The server stops and starts: accounts, rosters and subscriptions are kept."""
    def test(bench):
        (jid_a, password_a), (jid_b, password_b) = bench.account("a"), bench.account("b")
        a, b = bench.client(kind_a), bench.client(kind_b)
        a.connect(bench.server, jid_a, password_a, tls)
        b.connect(bench.server, jid_b, password_b, tls)
        a.appear(), b.appear()
        befriend(a, b)
        code = bench.server.stop()
        a.expect("closed"), b.expect("closed")
        if bench.server.is_musterd and code != 0:
            raise Failure(f"the server stopped with exit code {code}")
        bench.server.start()
        a, b = bench.client(kind_a), bench.client(kind_b)
        a.connect(bench.server, jid_a, password_a, tls)
        b.connect(bench.server, jid_b, password_b, tls)
        for client, other, name, groups in ((a, b, "Bee", "Friends"), (b, a, "", "")):
            item = client.appear()[other.bare]
            if (item["subscription"], item["name"], item["groups"], item["ask"]) != ("both", name, groups, ""):
                raise Failure(f"{client}: after the restart its roster has {item}")
        a.expect("presence", **{"from": b.jid, "type": ""})
        b.expect("presence", **{"from": a.jid, "type": ""})
        change_presence(b, (a,))
    return test


def wrong_password(kind, tls):
    def test(bench):
        jid, password = bench.account()
        for try_jid, try_password in ((jid, password + "x"), ("nobody@localhost", password)):
            client = bench.client(kind)
            client.connect(bench.server, try_jid, try_password, tls, expect_failure=True)
            client.close()
        client = bench.client(kind)
        client.connect(bench.server, jid, password, tls)
    return test


def only_tls12(bench):
    """The whole run is worth its name: none of its clients comes in where only TLS 1.3 is spoken."""
    os.environ["MUSTER_TLS_ALLOW_TLS12"] = "false"
    try:
        bench.server.restart()
        for kind in KINDS:
            for tls in ("starttls", "direct"):
                bench.client(kind).connect(bench.server, *bench.account(), tls, expect_failure=True)
        try:
            Raw(bench.server, "direct").close()
        except ssl.SSLError:
            return
        raise Failure("Python speaks TLS 1.3")
    finally:
        os.environ["MUSTER_TLS_ALLOW_TLS12"] = "true"
        bench.close()
        bench.server.restart()


def tests(server):
    if os.environ.get("MUSTER_TLS_ALLOW_TLS12") == "true":
        yield "TLS 1.2: every client speaks nothing newer", only_tls12
    pairs = [(a, b) for a in KINDS for b in KINDS if a != b]
    for tls in ("starttls", "direct"):
        for a, b in pairs:
            yield f"life: {a} and {b}, {tls}", life(a, b, tls)
    for kind in KINDS:
        yield f"life: {kind} with itself, plain text", life(kind, kind, "none")
        yield f"wrong password and unknown user: {kind}", wrong_password(kind, "starttls")
    for number, kind in enumerate(KINDS):
        other = KINDS[(number + 1) % len(KINDS)]
        tls = ("starttls", "direct")[number % 2]
        yield f"leave: {kind} and {other}, {tls}", leave(kind, other, tls)
        yield f"request to an offline contact: {kind} and {other}, {tls}", request_waits(kind, other, tls)
        yield f"restart: {kind} and {other}, {tls}", restart(kind, other, tls)
