# SPDX-License-Identifier: Apache-2.0
"""In-band registration (XEP-0077): slixmpp's own plugin makes, uses, changes and removes an account; by hand what no client does."""
import xml.etree.ElementTree as ElementTree

from clients import must
from raw import Raw, local
from test_admin import can_log_in, roster_of, with_settings

FEATURE = "{http://jabber.org/features/iq-register}register"
REGISTER = "jabber:iq:register"
ON = "registration: {allow: true, allow_removal: true%s}"
TEAM = "\ngroups: [{name: team, title: Team, members: [old1@localhost, new@localhost]}]"


def registered(bench, jid, password, **more):
    client = bench.client("slixmpp")
    client.send("connect", jid=jid, password=password, host="127.0.0.1", port=str(bench.server.starttls_port), tls="starttls",
                ca=client.ca, register=True, **more)
    return client


def whole_life(bench):
    """Made, in, in the group that waited for it; a new password; gone."""
    old, new = bench.account("old"), ("new@localhost", "the fïrst")
    must(new[0] not in roster_of(bench, old), "who does not exist is in the group already")
    client = registered(bench, *new)
    client.expect("registered")
    client.jid = client.expect("online")["jid"]
    must("Team" in client.roster().get(old[0], {}).get("groups", ""), "the new account does not see its group")
    must(new[0] in roster_of(bench, old), "its group does not see the new account")
    must(REGISTER in client.ask("disco", to="localhost")["features"], "not in service discovery")

    again = registered(bench, *new)
    must(again.expect("not-registered")["condition"] == "conflict", "made twice")
    again.expect("online")  # it has the password, so it is let in all the same

    client.ask("password", password="the second")
    must(can_log_in(bench, (new[0], "the second")) and not can_log_in(bench, new), "the password was not changed")
    must(bench.server.restart() == 0, "the server did not stop cleanly")
    client = bench.client("slixmpp")
    client.connect(bench.server, new[0], "the second", "direct")
    other = bench.on_close(Raw(bench.server, "direct")).log_in((new[0], "the second"))
    client.ask("unregister")
    client.expect("stream-error", condition="not-authorized")
    other.expect_stream_error("not-authorized")
    must(not can_log_in(bench, (new[0], "the second")), "it was not removed")
    must(new[0] not in bench.server.musterctl("user", "list").stdout.split(), "it is still listed")
    must(new[0] not in roster_of(bench, old), "its group still has it")

    client = registered(bench, new[0], "the third")  # the name is free
    client.expect("registered")
    client.jid = client.expect("online")["jid"]
    must(new[0] in roster_of(bench, old), "made again it is not in its group")


def ask_for(raw, name, password="the secret"):
    return raw.ask(f"<iq type='set' id='{name}'><query xmlns='{REGISTER}'><username>{name}</username><password>{password}</password>"
                   "</query></iq>", name)


def too_many(bench):
    """Two an hour from one address, on however many connections; what was refused at sight is not counted."""
    raw = [bench.on_close(Raw(bench.server, tls)) for tls in ("starttls", "direct", "direct")]
    raw[0].secure()
    raw[1].open()
    raw[2].open()
    must(Raw.condition(ask_for(raw[0], "a b")) == "jid-malformed", "a name that is none was taken")
    must(ask_for(raw[0], "one").get("type") == "result", "the first was refused")
    must(ask_for(raw[1], "two").get("type") == "result", "the second was refused")
    answer = ask_for(raw[2], "three")
    must(Raw.condition(answer) == "resource-constraint", f"the third: {ElementTree.tostring(answer)}")
    must(not can_log_in(bench, ("three@localhost", "the secret")) and can_log_in(bench, ("two@localhost", "the secret")), "not as was said")
    bench.server.musterctl("user", "add", "three@localhost", body="the secret\n")  # the administrator is not counted
    must(raw[2].scram("three@localhost", "the secret") is not None, "the connection of who was refused is of no use")


def not_without_tls(bench):
    raw = bench.on_close(Raw(bench.server)).open()
    must(raw.features.find(FEATURE) is None, "offered before TLS")
    raw.send(f"<iq type='get' id='1'><query xmlns='{REGISTER}'/></iq>")
    raw.expect_stream_error("not-authorized")
    raw = bench.on_close(Raw(bench.server)).secure()
    must(raw.features.find(FEATURE) is not None, "not offered under TLS")
    must(local(raw.scram(*bench.account())) == "success", "no log-in")
    raw.open()
    must(raw.features.find(FEATURE) is None, "offered to who is logged in")


def off(bench):
    raw = bench.on_close(Raw(bench.server)).secure()
    must(raw.features.find(FEATURE) is None, "offered")
    raw.send(f"<iq type='get' id='1'><query xmlns='{REGISTER}'/></iq>")
    raw.expect_stream_error("not-authorized")
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(bench.account())
    answer = raw.ask(f"<iq type='set' id='1'><query xmlns='{REGISTER}'><remove/></query></iq>", "1")
    must(Raw.condition(answer) == "not-allowed", "an account could be removed")
    raw.ping()


def stopped_meanwhile(bench):
    """The server stops while accounts are made and removed: every answer is true afterwards, and it stops cleanly."""
    accounts = [bench.account("gone") for _ in range(4)]
    leaving = [bench.on_close(Raw(bench.server, "direct")).log_in(account) for account in accounts]
    coming = [bench.on_close(Raw(bench.server, "direct")).open() for _ in range(4)]
    for raw in leaving:
        raw.send(f"<iq type='set' id='r'><query xmlns='{REGISTER}'><remove/></query></iq>")
    for i, raw in enumerate(coming):
        raw.send(f"<iq type='set' id='r'><query xmlns='{REGISTER}'><username>late{i}</username><password>long enough</password></query></iq>")
    must(bench.server.stop() == 0, "it did not stop cleanly")
    said = [any(local(e) == "iq" and e.get("type") == "result" for e in iter(raw.next, None)) for raw in leaving + coming]
    bench.server.start()
    users = bench.server.musterctl("user", "list").stdout.split()
    for i, (jid, _) in enumerate(accounts):
        must(not (said[i] and jid in users), f"{jid} was removed, and is there")
    for i in range(4):
        must(not said[4 + i] or f"late{i}@localhost" in users, f"late{i} was made, and is not there")


def tests(server):
    if not server.is_musterd:
        return
    yield "register: slixmpp, from the first to the last", with_settings(ON % "" + TEAM, whole_life)
    yield "register: so many from one address", with_settings(ON % ", per_hour: 2", too_many)
    yield "register: not without TLS", with_settings(ON % "", not_without_tls)
    yield "register: off", off
    yield "register: the server stops meanwhile", with_settings(ON % ", per_hour: 0", stopped_meanwhile)
