# SPDX-License-Identifier: Apache-2.0
"""What the server answers for itself and for accounts, asked by a library that knows the protocols."""
import datetime
import os

from clients import must
from raw import local
from test_admin import with_settings
from test_readers import come_online, two_friends

PRIVATE = "<storage xmlns='urn:example:notes'>{}</storage>"


def online(bench, account):
    client = bench.client("slixmpp")
    client.connect(bench.server, *account, "direct")
    client.appear()
    return client


def documents(bench):
    a, b = bench.account("keeper"), bench.account("reader")
    keeper, reader = online(bench, a), online(bench, b)
    must(keeper.ask("private-get", xml=PRIVATE.format(""))["text"] == "", "something was there from the start")
    keeper.ask("private-set", xml=PRIVATE.format("naïve &amp; short"))
    keeper.ask("vcard-set", name="A. Keeper")
    bench.server.restart()
    keeper, reader = online(bench, a), online(bench, b)
    must(keeper.ask("private-get", xml=PRIVATE.format(""))["text"] == "naïve & short", "private storage is not what it was")
    must(reader.ask("private-get", xml=PRIVATE.format(""))["text"] == "", "another account's private storage")
    must(reader.ask("vcard-get", to=a[0])["name"] == "A. Keeper", "the vCard is not what it was")
    none, nobody = (reader.ask("vcard-get", "error", to=jid)["condition"] for jid in (b[0], "nobody@localhost"))
    must((none, nobody) == ("item-not-found", "service-unavailable"), f"no vCard is {none}, nobody is {nobody}")


def of_the_server(bench):
    client = online(bench, bench.account())
    version = client.ask("version", to="localhost")
    must(version["name"] == "musterd" and version["version"] and not version["os"], f"the version is {version}")
    said = datetime.datetime.fromisoformat(client.ask("time", to="localhost")["utc"])
    must(abs((datetime.datetime.now(datetime.timezone.utc) - said).total_seconds()) < 30, f"the time is {said}")
    must(int(client.ask("last", to="localhost")["seconds"]) >= 0, "no uptime")


def last_activity(bench):
    a, b = two_friends(bench)
    watcher, friend = online(bench, a), online(bench, b)
    must(watcher.ask("last", to=b[0])["seconds"] == "0", "a friend who is here was last here some time ago")
    friend.send("presence", type="unavailable", status="gone fishing")
    watcher.expect("presence", type="unavailable", **{"from": friend.jid})
    friend.close()
    bench.server.restart()
    watcher = online(bench, a)
    last = watcher.ask("last", to=b[0])
    must(int(last["seconds"]) < 60 and last["status"] == "gone fishing", f"a friend who has gone: {last}")
    watcher.send("presence", to=b[0], type="probe")
    must(watcher.expect("presence", type="unavailable", **{"from": b[0]})["status"] == "gone fishing", "a probe")
    for jid in (bench.account("stranger")[0], "nobody@localhost"):
        condition = watcher.ask("last", "error", to=jid)["condition"]
        must(condition == "forbidden", f"{jid} is answered for with {condition}")


COMMANDS, ADMIN = "http://jabber.org/protocol/commands", "http://jabber.org/protocol/admin#"


def order(admin, node, **fields):
    """Run the command by its form; returns (type of its note, all that it says)."""
    request = f"c{os.urandom(4).hex()}"
    form = "".join(f"<field var='{name}'><value>{value}</value></field>" for name, value in fields.items())
    reply = admin.ask(f"<iq type='set' id='{request}' to='localhost'><command xmlns='{COMMANDS}' node='{node}'>"
                      f"<x xmlns='jabber:x:data' type='submit'>{form}</x></command></iq>", request)
    command = reply.find(f"{{{COMMANDS}}}command")
    must(command is not None and command.get("status") == "completed", f"{node} is answered {reply.get('type')}")
    note = command.find(f"{{{COMMANDS}}}note")
    return "" if note is None else note.get("type"), "".join(command.itertext())


def administration(bench):
    account = bench.account("boss")
    bench.server.extra = f"admins: [{account[0]}]\n"
    bench.server.write_config()
    bench.server.restart()
    admin = come_online(bench, account)
    new = ("made@localhost", "first password")
    must(order(admin, ADMIN + "add-user", accountjid=new[0], password=new[1])[0] == "info", "a user cannot be added")
    must(order(admin, ADMIN + "add-user", accountjid=new[0], password="other")[0] == "error", "a user can be added twice")
    user = come_online(bench, new)
    must(user.jid in order(admin, ADMIN + "get-online-users-list")[1], "who is online is not listed")
    must("sessions_bound" not in order(admin, "statistics")[0], "statistics fail")
    order(admin, ADMIN + "announce", announcement="Down at noon &amp; later.")
    while local(said := user.next()) != "message":
        pass
    must(said.get("from") == "localhost" and "".join(said.itertext()) == "Down at noon & later.", "the announcement")
    must("1 session ended" in order(admin, ADMIN + "end-user-session", accountjids=new[0])[1], "a session cannot be ended")
    user.expect_stream_error("policy-violation")
    must(order(admin, ADMIN + "change-user-password", accountjid=new[0], password="second")[0] == "info", "no new password")
    come_online(bench, (new[0], "second"))
    must(order(admin, ADMIN + "delete-user", accountjids=new[0])[0] == "info", "a user cannot be removed")
    must(order(admin, ADMIN + "delete-user", accountjids=new[0])[0] == "error", "a user can be removed twice")
    must(order(admin, ADMIN + "change-user-password", accountjid=new[0], password="third")[0] == "error", "a password makes a user")
    must(bench.server.musterctl("announce", "-", body="Again.").stdout == "announced to 1 account\n", "musterctl announce")
    while "".join(admin.next().itertext()) != "Again.":  # behind the first one, and his own contacts' presence
        pass
    must(bench.server.musterctl("session", "end", admin.jid).stdout == "1 session ended\n", "musterctl session end")


def tests(server):
    if not server.is_musterd:
        return
    yield "services: documents outlive a restart", documents
    yield "services: version, time and uptime of the server", of_the_server
    yield "services: administration by ad-hoc commands", with_settings("", administration)
    yield "services: last activity of friends and strangers", last_activity
