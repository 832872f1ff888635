# SPDX-License-Identifier: Apache-2.0
"""What the server answers for itself and for accounts, asked by a library that knows the protocols."""
import datetime

from test_admin import must
from test_readers import two_friends

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


def tests(server):
    if not server.is_musterd:
        return
    yield "services: documents outlive a restart", documents
    yield "services: version, time and uptime of the server", of_the_server
    yield "services: last activity of friends and strangers", last_activity
