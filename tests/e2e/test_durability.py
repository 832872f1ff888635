# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the server during 1,000 roster changes: what was acknowledged is there afterwards."""
import random

from clients import Failure
from raw import Raw, local

CHANGES = 1000
CONTACTS = 250
WINDOW = 40  # changes under way at once, so that the kill meets some
ROSTER = "jabber:iq:roster"


def change(number):
    """(contact, state after the change); a state is the item's name, None when it is removed."""
    contact = f"contact{number % CONTACTS}@example.org"
    is_removal = number >= CONTACTS and number % 7 == 0
    return contact, None if is_removal else f"change {number}"


def request(number):
    contact, name = change(number)
    item = f"<item jid='{contact}' subscription='remove'/>" if name is None else f"<item jid='{contact}' name='{name}'/>"
    return f"<iq type='set' id='c{number}'><query xmlns='{ROSTER}'>{item}</query></iq>"


def note(element, answered):
    """Remember the answer to a change; a removal of what is removed already is answered item-not-found."""
    identity = element.get("id") or ""
    if local(element) == "iq" and element.get("type") in ("result", "error") and identity[:1] == "c":
        number = int(identity[1:])
        if element.get("type") == "error" and Raw.condition(element) != "item-not-found":
            raise Failure(f"change {number} was answered {Raw.condition(element)}")
        answered.add(number)


def change_until_killed(bench, account, first, kill_after):
    """Send changes from `first` on; kill the server after `kill_after` answers. Returns (answered, number sent)."""
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(account)
    answered, sent = set(), first
    while len(answered) < kill_after:
        while sent < CHANGES and sent - first - len(answered) < WINDOW:
            raw.send(request(sent))
            sent += 1
        element = raw.next()
        if element is None:
            raise Failure("the stream ended by itself")
        note(element, answered)
    bench.server.kill()
    try:  # answers that had left the server before it died
        while (element := raw.next()) is not None:
            note(element, answered)
    except OSError:
        pass
    return answered, sent


def kill_loses_nothing(bench):
    seed = random.randrange(1 << 32)
    print(f"# durability: seed {seed}")
    dice = random.Random(seed)
    account = bench.account()
    allowed = {f"contact{i}@example.org": {None} for i in range(CONTACTS)}
    first = 0
    while first < CHANGES:
        kill_after = min(dice.randint(100, 300), CHANGES - first)
        answered, sent = change_until_killed(bench, account, first, kill_after)
        for number in range(first, sent):
            contact, name = change(number)
            if number in answered:
                allowed[contact] = {name}
            else:  # may have happened or not: both are right
                allowed[contact] = allowed[contact] | {name}
        bench.server.start()
        raw = bench.on_close(Raw(bench.server)).log_in(account)
        reply = raw.ask(f"<iq type='get' id='all'><query xmlns='{ROSTER}'/></iq>", "all")
        found = {item.get("jid"): item.get("name") for item in reply.iter(f"{{{ROSTER}}}item")}
        for contact, states in allowed.items():
            if found.get(contact) not in states:
                raise Failure(f"killed after {len(answered)} answers: {contact} is {found.get(contact)!r}, "
                              f"acknowledged was {states}")
        allowed = {contact: {found.get(contact)} for contact in allowed}
        first = sent


def tests(server):
    yield "durability: kill -9 during 1,000 roster changes", kill_loses_nothing
