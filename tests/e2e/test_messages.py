# SPDX-License-Identifier: Apache-2.0
"""One-to-one messages with a real client library (XEP-0160, 0280, 0313), and by hand across a killed server."""
from clients import Failure
from raw import Raw, local

KIND = "slixmpp"
TLS = "direct"
BODY = "{jabber:client}body"
DELAY = "{urn:xmpp:delay}delay"
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"


def client_of(bench, account, resource, wants_carbons=False):
    client = bench.client(KIND)
    client.connect(bench.server, f"{account[0]}/{resource}", account[1], TLS)
    if wants_carbons:
        client.ask("carbons")
    return client


def appear(client, priority=None):
    client.send("presence", priority=priority)
    client.expect("presence", **{"from": client.jid})
    return client


def offline(bench):
    """Messages to who is offline come at log-in, in order and stamped, and once."""
    ann, ben = bench.account("ann"), bench.account("ben")
    sender = appear(client_of(bench, ann, "desk"))
    for number in range(150):  # more than a page
        sender.send("message", to=ben[0], body=f"text {number} <&>")
    sender.ask("ping", to="localhost")
    receiver = client_of(bench, ben, "phone")
    receiver.ask("ping", to="localhost")
    receiver.expect_none("message")
    receiver.send("presence")
    for number in range(150):
        got = receiver.expect("message")
        if got["body"] != f"text {number} <&>" or got["from"] != sender.jid or not got["delay"]:
            raise Failure(f"message {number} is {got}")
    sender.send("message", to=ben[0], body="at once")
    if receiver.expect("message", body="at once")["delay"]:
        raise Failure("a message that did not wait is stamped")
    second = appear(client_of(bench, ben, "other"))
    second.ask("ping", to="localhost")
    second.expect_none("message")


def carbons(bench):
    ann, ben = bench.account("ann"), bench.account("ben")
    sender = appear(client_of(bench, ann, "desk", True))
    senders_other = appear(client_of(bench, ann, "phone", True))
    receiver = appear(client_of(bench, ben, "desk", True), "5")
    receivers_other = appear(client_of(bench, ben, "phone", True), "1")
    without = appear(client_of(bench, ben, "old"), "1")
    sender.send("message", to=receiver.jid, body="full")
    receiver.expect("message", body="full", **{"from": sender.jid})
    receivers_other.expect("carbon", kind="received", body="full", **{"from": sender.jid})
    senders_other.expect("carbon", kind="sent", body="full", to=receiver.jid)
    sender.send("message", to=receiver.bare, body="bare")
    for one in (receiver, receivers_other):
        one.expect("message", body="bare", **{"from": sender.jid})
    senders_other.expect("carbon", kind="sent", body="bare", to=receiver.bare)
    without.ask("ping", to="localhost")
    without.expect_none("message")
    without.expect_none("carbon")
    if bench.server.is_musterd and bench.server.stat("messages_copied") < 3:
        raise Failure("copies are not counted")


def archive(bench):
    """What was said is found by both sides, page by page, in order, also by a client that was never there."""
    ann, ben = bench.account("ann"), bench.account("ben")
    sender, receiver = appear(client_of(bench, ann, "desk")), appear(client_of(bench, ben, "desk"))
    said = []
    for number in range(130):
        one, other = (sender, receiver) if number % 3 else (receiver, sender)
        one.send("message", to=other.jid, body=f"text {number}")
        other.expect("message", body=f"text {number}")
        said.append(f"text {number}")
    for account in (ann, ben):
        newcomer = client_of(bench, account, "new")
        newcomer.ask("archive", max="50")  # the library pages until it is complete
        found = [event["body"] for event in newcomer.seen("archived")]
        if found != said:
            raise Failure(f"the archive of {account[0]} has {len(found)} messages: {found[:5]}...")
        newcomer.forget()
        newcomer.ask("archive", max="50", **{"with": "nobody@localhost"})
        newcomer.expect_none("archived")
    if bench.server.is_musterd and bench.server.stat("messages_archived") < 2 * len(said):
        raise Failure("archived messages are not counted")


def messages_of(raw, marker):
    """The messages until the answer to a ping."""
    found = []
    raw.send(f"<iq type='get' id='{marker}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    while (element := raw.next()) is not None:
        if local(element) == "message":
            found.append(element)
        elif element.get("id") == marker:
            return found
    raise Failure("the stream ended by itself")


def kept_through_a_kill(bench):
    """What is on the disk survives kill -9: with its id, which the archive knows as well."""
    ann, ben = bench.account("ann"), bench.account("ben")
    sender = bench.on_close(Raw(bench.server, "direct")).log_in(ann)
    sender.send("".join(f"<message type='chat' to='{ben[0]}' id='m{n}'><body>text {n}</body></message>" for n in range(20)))
    # The archive is asked behind them: when it answers, they are on the disk.
    sender.ask("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'>"
               "<max>0</max></set></query></iq>", "q")
    reader = bench.on_close(Raw(bench.server)).log_in(ben)
    reply = reader.ask("<iq type='get' id='m'><metadata xmlns='urn:xmpp:mam:2'/></iq>", "m")
    last = next(reply.iter("{urn:xmpp:mam:2}end")).get("id")
    bench.server.kill()
    bench.server.start()
    receiver = bench.on_close(Raw(bench.server)).log_in(ben)
    receiver.send("<presence/>")
    got = messages_of(receiver, "p1")
    if [m.findtext(BODY) for m in got] != [f"text {n}" for n in range(20)]:
        raise Failure(f"after the kill there are {[m.findtext(BODY) for m in got]}")
    for message in got:
        if message.find(DELAY) is None or message.find(STANZA_ID).get("by") != ben[0]:
            raise Failure("a message lacks its stamp or its id")
    if got[-1].find(STANZA_ID).get("id") != last:
        raise Failure("the archive knows the last message by another id")


def tests(server):
    if not server.is_musterd:
        return
    yield "messages: for who is offline", offline
    yield "messages: carbons", carbons
    yield "messages: archives", archive
    yield "messages: kill -9", kept_through_a_kill
