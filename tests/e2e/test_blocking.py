# SPDX-License-Identifier: Apache-2.0
"""Block lists and invisible sessions over real connections; the list survives a restart of the server."""
from clients import Failure
from raw import Raw, local

BLOCKING = "urn:xmpp:blocking"


def online(bench, account):
    raw = bench.on_close(Raw(bench.server, "direct")).log_in(account)
    raw.ask("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>", "r")
    raw.send("<presence/>")
    raw.ping()
    return raw


def presence_of(raw, jid, kind=None):
    while (element := raw.next()) is not None:
        if local(element) == "presence" and element.get("from") == jid and element.get("type") == kind:
            return element
    raise Failure(f"the stream of {raw.jid} ended before the presence of {jid}")


def friends(bench):
    accounts = [bench.account("a"), bench.account("b")]
    one, two = (online(bench, account) for account in accounts)
    for asker, other in ((one, two), (two, one)):
        asker.send(f"<presence type='subscribe' to='{other.jid.split('/')[0]}'/>")
        presence_of(other, asker.jid.split("/")[0], "subscribe")
        other.send(f"<presence type='subscribed' to='{asker.jid.split('/')[0]}'/>")
        presence_of(asker, other.jid)
    return accounts, one, two


def block_lasts(bench):
    accounts, one, two = friends(bench)
    blocked = accounts[1][0]
    one.ask(f"<iq type='set' id='b'><block xmlns='{BLOCKING}'><item jid='{blocked}'/></block></iq>", "b")
    presence_of(two, one.jid, "unavailable")
    if bench.server.is_musterd and bench.server.restart() != 0:
        raise Failure("the server did not stop with exit code 0")
    one, two = (online(bench, account) for account in accounts)
    reply = one.ask(f"<iq type='get' id='l'><blocklist xmlns='{BLOCKING}'/></iq>", "l")
    listed = [item.get("jid") for item in reply.iter(f"{{{BLOCKING}}}item")]
    if listed != [blocked]:
        raise Failure(f"after the restart {listed} are blocked")
    # Who is blocked hears what one hears who writes to nobody: nothing of a message, an error to a query.
    reply = two.ask(f"<message id='m' to='{accounts[0][0]}' type='chat'><body>?</body></message>"
                    f"<iq type='get' id='m' to='{accounts[0][0]}'><query xmlns='jabber:iq:last'/></iq>", "m")
    if Raw.condition(reply) != "service-unavailable":
        raise Failure(f"a query of one who is blocked was answered {Raw.condition(reply)}")
    for element in two.passed:
        if (element.get("from") or "").startswith(accounts[0][0]):
            raise Failure(f"who is blocked is told {element.attrib}")
    one.ping()
    if any(local(element) == "message" for element in one.passed):
        raise Failure("a message of one who is blocked came")
    one.ask(f"<iq type='set' id='u'><unblock xmlns='{BLOCKING}'/></iq>", "u")
    presence_of(two, one.jid)
    presence_of(one, two.jid)


def invisible(bench):
    _, one, two = friends(bench)
    one.ask("<iq type='set' id='i'><invisible xmlns='urn:xmpp:invisible:1' probe='true'/></iq>", "i")
    presence_of(two, one.jid, "unavailable")
    two.send("<presence><show>dnd</show></presence>")
    presence_of(one, two.jid)
    one.ask("<iq type='set' id='v'><visible xmlns='urn:xmpp:invisible:1'/></iq>", "v")
    one.send("<presence/>")
    presence_of(two, one.jid)


def tests(server):
    if server.is_musterd:
        yield "blocking: the list survives a restart", block_lasts
        yield "invisible: hears and is not seen, until it is visible again", invisible
