# SPDX-License-Identifier: Apache-2.0
"""Presence under load at a real server: clients that are inactive (XEP-0352), do not read, change too often, or lose their
connection. What is out of date does not come, the last does."""
import time

from clients import DEADLINE_S, Failure, must
from raw import NS_CLIENT, Raw, local
from test_admin import with_settings

CSI = "urn:xmpp:csi:0"
CHANGES = 50
STATUS_BYTES = 8000
STORM_CHANGES_MAX = 8000  # 64 MB: beyond what the sockets of one loopback connection take


def counter(bench, name):
    stats = dict(line.split("\t") for line in bench.server.musterctl("stats").stdout.splitlines())
    return int(stats[name])


def wait_counter(bench, name, at_least):
    deadline = time.monotonic() + DEADLINE_S
    while counter(bench, name) < at_least:
        if time.monotonic() > deadline:
            raise Failure(f"{name} is {counter(bench, name)}, expected {at_least}")
        time.sleep(0.02)


def two_friends(bench):
    """Accounts that see each other."""
    a, b = bench.account("reader"), bench.account("publisher")
    bench.server.musterctl("roster", "import", "/dev/stdin", body=f"{a[0]}\t{b[0]}\tboth\n{b[0]}\t{a[0]}\tboth\n")
    return a, b


def come_online(bench, account):
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(account)
    raw.send("<presence/>")
    raw.ping()
    return raw


def statuses(elements, publisher):
    """What they say of `publisher`, in order."""
    return [element.findtext(f"{{{NS_CLIENT}}}status", "") for element in elements
            if local(element) == "presence" and element.get("from") == publisher.jid]


def client_state(bench):
    a, b = two_friends(bench)
    reader = come_online(bench, a)
    must(reader.features.find(f"{{{CSI}}}csi") is not None, "client state indication is not offered")
    publisher = come_online(bench, b)
    other = come_online(bench, a)
    reader.send(f"<inactive xmlns='{CSI}'/>")
    reader.ping()
    reader.queue.clear()
    held = counter(bench, "presences_held")
    must(counter(bench, "sessions_inactive") == 1, "the session does not count as inactive")
    for number in range(CHANGES):
        publisher.send(f"<presence><status>{number}</status></presence>")
    wait_counter(bench, "presences_held", held + CHANGES)
    reader.send(f"<active xmlns='{CSI}'/>")
    reader.ping()
    must(statuses(reader.queue, publisher) == [str(CHANGES - 1)], f"the reader saw {statuses(reader.queue, publisher)}")
    publisher.send(f"<message to='{other.jid}' type='headline'/>")  # behind all of it
    seen = []
    while local(element := other.next()) != "message":
        seen.append(element)
    must(statuses(seen, publisher)[-CHANGES:] == [str(n) for n in range(CHANGES)], "the active resource missed some")
    must(counter(bench, "sessions_inactive") == 0, "the session still counts as inactive")


def wrong_moment(bench):
    raw = bench.on_close(Raw(bench.server, "direct")).open()
    raw.scram(*bench.account())
    raw.open()
    raw.send(f"<inactive xmlns='{CSI}'/>")
    raw.expect_stream_error("not-authorized")


def storm(bench):
    """A reader stands still while a contact changes its presence all the time: it is not cut, what waits for it does not grow, and
    in the end it knows the last."""
    a, b = two_friends(bench)
    reader, publisher = come_online(bench, a), come_online(bench, b)
    other = come_online(bench, a)
    text = "x" * STATUS_BYTES
    sent, cut, conflated = 0, counter(bench, "slow_readers"), counter(bench, "presences_conflated")
    while counter(bench, "presences_conflated") < conflated + 100:
        must(sent < STORM_CHANGES_MAX, "nothing is conflated")
        for _ in range(100):
            publisher.send(f"<presence><status>{sent} {text}</status></presence>")
            sent += 1
        publisher.ping()
        publisher.queue.clear()
        seen = []
        while seen[-1:] != [f"{sent - 1}"]:
            seen.extend(status.split()[0] for status in statuses([other.next()], publisher) if status)
    publisher.send(f"<message to='{reader.jid}' type='headline'/>")
    seen = []
    while local(element := reader.next()) != "message":
        seen.append(element)
    numbers = [int(status.split()[0]) for status in statuses(seen, publisher) if status]
    must(numbers == sorted(set(numbers)) and numbers[-1] == sent - 1, f"the reader saw {numbers[-5:]} of {sent}")
    must(len(numbers) < sent, "the reader was sent everything")
    must(counter(bench, "slow_readers") == cut, "the reader was cut")


def heard_before_a_message(reader, publisher):
    """What `reader` is told of `publisher` until a message of his comes."""
    publisher.send(f"<message to='{reader.jid}' type='headline'/>")
    seen = []
    while local(element := reader.next()) != "message":
        seen.append(element)
    return [element for element in seen if element.get("from") == publisher.jid]


def lost_connection(bench):
    a, b = two_friends(bench)
    reader = come_online(bench, a)
    publisher = bench.on_close(Raw(bench.server, "direct")).log_in(b, "phone")
    publisher.send("<presence/>")
    publisher.ping()
    while local(reader.next()) != "presence" or reader.queue:
        pass
    reader.ping()
    reader.queue.clear()
    for said, expected in (("<presence/>", []), ("<presence><show>away</show></presence>", ["away"])):
        held = counter(bench, "flaps_held")
        publisher.close()  # no word, no close_notify
        wait_counter(bench, "flaps_held", held + 1)
        publisher = bench.on_close(Raw(bench.server, "direct")).log_in(b, "phone")
        publisher.send(said)
        heard = heard_before_a_message(reader, publisher)
        must([element.findtext(f"{{{NS_CLIENT}}}show") for element in heard] == expected,
             f"the reader heard {[element.attrib for element in heard]}")
    must(counter(bench, "flaps_damped") == 2, "two flaps are not counted as damped")
    publisher.send("</stream:stream>")
    element = reader.next()
    must(element.get("type") == "unavailable" and element.get("from") == publisher.jid, "a goodbye was not believed")


def too_many_changes(bench):
    a, b = two_friends(bench)
    reader, publisher = come_online(bench, a), come_online(bench, b)
    publisher.send("".join(f"<presence><status>{number}</status></presence>" for number in range(CHANGES)))
    seen = []
    while seen[-1:] != [str(CHANGES - 1)]:
        seen.extend(status for status in statuses([reader.next()], publisher) if status)
    must(seen == sorted(set(seen), key=int), f"the reader saw {seen}")
    must(4 <= len(seen) < CHANGES / 2, f"the reader saw {len(seen)} of {CHANGES} changes")
    must(counter(bench, "presences_superseded") > 0, "no change is counted as superseded")


def tests(server):
    if not server.is_musterd:
        return
    yield "readers: client state indication", client_state
    yield "readers: client state before bind", wrong_moment
    yield "readers: a stopped reader in a storm", storm
    yield "readers: a lost connection", with_settings("presence: {flap_grace_ms: 20000}", lost_connection)
    yield "readers: too many changes", with_settings("presence: {rate: 2, burst: 5}", too_many_changes)
