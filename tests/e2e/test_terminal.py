# SPDX-License-Identifier: Apache-2.0
"""A day of a person who sits at a terminal with Profanity, with a friend, an old friend whose client knows vCards alone, and another device of
the person's own, all three by hand. Profanity 0.13 has no SASL2: it cannot log in with a token (XEP-0484), which is printed. Days of other
clients: test_days.py."""
import hashlib
import os
import struct
import zlib

from clients import must
from raw import NS_CLIENT
from terminal import Profanity
from test_days import AVATAR, BLOCKING, CARBONS, DELAY, Friend, body_of, copied, photo_of, sessions_of

WITHOUT = "Profanity 0.13 has no SASL2 with log-in tokens (XEP-0388, XEP-0484)"


def text_of(stanza, name):
    return next(("".join(child.itertext()) for child in stanza if child.tag.rpartition("}")[2] == name), "")


def has(stanza, name, namespace):
    """Its parser's output names namespaces as they were; whatever the prefix."""
    return any(e.tag in (f"{{{namespace}}}{name}", name) for e in stanza.iter())


def pushed(jid, **wanted):
    """Whether a stanza is a push of that contact, with these attributes, and groups."""
    groups = wanted.pop("groups", None)

    def look(stanza):
        for item in (e for e in stanza.iter() if e.tag.rpartition("}")[2] == "item"):
            if item.get("jid") == jid and all((item.get(k) or "") == v for k, v in wanted.items()):
                return groups is None or sorted("".join(g.itertext()) for g in item) == groups
        return False
    return look


def edit_roster(person, desk, friend):
    """Both devices edit, and see what the other does."""
    jid = friend.bare
    person.type(f"/roster add {jid} Romeo")
    person.expect("iq", type="set", where=pushed(jid, name="Romeo"))
    desk.take("iq", pushed(jid, name="Romeo", subscription="none"), type="set")
    person.type(f"/roster nick {jid} Rómeo")
    desk.take("iq", pushed(jid, name="Rómeo"), type="set")
    person.expect("iq", type="set", where=pushed(jid, name="Rómeo"))  # the next command sends the name that it has
    person.type(f"/roster group add verona {jid}")
    desk.take("iq", pushed(jid, name="Rómeo", groups=["verona"]), type="set")
    desk.request("set", "<query xmlns='jabber:iq:roster'><item jid='passing@localhost' name='Passing'/></query>")
    person.expect("iq", type="set", where=pushed("passing@localhost", name="Passing"))
    person.type("/roster remove passing@localhost")
    desk.take("iq", pushed("passing@localhost", subscription="remove"), type="set")


def become_friends(person, desk, friend):
    person.type(f"/sub request {friend.bare}")
    friend.take("presence", type="subscribe", **{"from": desk.bare})
    friend.send(f"<presence type='subscribed' to='{desk.bare}'/><presence type='subscribe' to='{desk.bare}'/>")
    person.expect("presence", from_=friend.jid, type="")
    person.expect("presence", from_=friend.bare, type="subscribe")
    person.type(f"/sub allow {friend.bare}")
    friend.take("presence", type="subscribed", **{"from": desk.bare})
    friend.take("presence", lambda p: p.get("type") is None, **{"from": person.jid})
    desk.take("iq", pushed(friend.bare, subscription="both"), type="set")


def be_present(person, desk, friend):
    for show, status in (("away", "out for lunch"), ("dnd", "writing"), ("xa", "gone"), ("chat", "back")):
        person.type(f'/status set {show} "{status}"')
        for other in (friend, desk):
            seen = other.take("presence", **{"from": person.jid})
            must((seen.findtext(f"{{{NS_CLIENT}}}show"), seen.findtext(f"{{{NS_CLIENT}}}status")) == (show, status), f"not {show}")
    person.type("/priority 7")
    friend.take("presence", lambda p: p.findtext(f"{{{NS_CLIENT}}}priority") == "7", **{"from": person.jid})
    friend.say("<show>dnd</show>")
    person.expect("presence", from_=friend.jid, where=lambda s: text_of(s, "show") == "dnd")


def write_picture(path):
    """A PNG of 16 by 16 points, for a library that reads it."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + b"".join(bytes((row * 16, column * 16, 99)) for column in range(16)) for row in range(16))
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)) +
                  chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def show_avatar(person, desk, friend, old):
    path = os.path.join(person.home, "picture.png")
    write_picture(path)
    person.type(f"/avatar set {path}")
    told = friend.take("message", lambda m: m.find(f".//{{{AVATAR}metadata}}info") is not None, type="headline", **{"from": desk.bare})
    name = told.find(f".//{{{AVATAR}metadata}}info").get("id")
    for other in (friend, old):
        other.take("presence", lambda p: photo_of(p) == name, **{"from": person.jid})
    must(hashlib.sha1(old.photo(desk.bare)).hexdigest() == name, "the old friend gets another picture")
    return name


def block(person, desk, friend):
    desk.request("get", f"<blocklist xmlns='{BLOCKING}'/>")
    person.type(f"/blocked add {friend.bare}")
    desk.take("iq", lambda q: q.find(f"{{{BLOCKING}}}block") is not None, type="set")
    person.expect("iq", type="set", where=lambda s: has(s, "block", BLOCKING))  # it unblocks only whom it knows to be blocked
    gone = {friend.take("presence", type="unavailable").get("from") for _ in range(2)}
    must(gone == {person.jid, desk.jid}, f"the blocked friend saw {gone} go")
    friend.say("<status>unheard</status>")
    person.type('/status set online "for others"')
    desk.take("presence", lambda p: p.findtext(f"{{{NS_CLIENT}}}status") == "for others", **{"from": person.jid})
    must(not [p for p in friend.rest() if p.get("from", "").startswith(desk.bare)], "a blocked friend hears of the person")
    person.type(f"/blocked remove {friend.bare}")
    desk.take("iq", lambda q: q.find(f"{{{BLOCKING}}}unblock") is not None, type="set")
    back = {friend.take("presence", lambda p: p.get("type") is None and p.get("from").startswith(desk.bare)).get("from") for _ in range(2)}
    must(back == {person.jid, desk.jid}, f"the friend saw {back} come back")
    person.expect("presence", from_=friend.jid, where=lambda s: text_of(s, "status") == "unheard")


def talk(person, desk, friend):
    desk.request("set", f"<enable xmlns='{CARBONS}'/>")
    person.type(f"/msg {friend.bare} good morning, schöner Tag")
    must(body_of(friend.take("message", body_of)) == "good morning, schöner Tag", "the text came changed")
    desk.take("message", copied("sent", "good morning, schöner Tag"), **{"from": desk.bare})
    friend.send(f"<message type='chat' to='{person.jid}'><body>to you &amp; yours</body></message>")
    got = person.expect("message", from_=friend.jid, where=lambda s: text_of(s, "body"))
    must(text_of(got, "body") == "to you & yours", "the answer came changed")
    desk.take("message", copied("received", "to you & yours"), **{"from": desk.bare})
    friend.send(f"<message type='chat' to='{desk.jid}'><body>to the desk</body></message>")
    person.expect("message", from_=desk.bare, where=lambda s: has(s, "received", CARBONS) and "to the desk" in "".join(s.itertext()))


def lose_connection(person, desk, friend):
    """Nothing is lost, nothing comes twice, and nobody sees the person go."""
    person.forget()
    friend.rest()
    person.proxy.cut()
    person.wait_log("Connection handler: XMPP_CONN_DISCONNECT")
    friend.send(f"<message type='chat' to='{person.jid}'><body>meanwhile</body></message>")
    friend.say("<status>meanwhile</status>")
    person.proxy.mend()
    person.wait_log("RECV: <resumed ")
    person.expect("presence", from_=friend.jid, where=lambda s: text_of(s, "status") == "meanwhile")
    person.type(f"/msg {friend.bare} here again")
    friend.take("message", lambda m: body_of(m) == "here again", **{"from": person.jid})
    person.expect("message", from_=friend.jid, where=lambda s: text_of(s, "body") == "meanwhile")
    must(not [s for s in person.stanzas if text_of(s, "body") == "meanwhile"], "a message comes twice")
    # It says its presence once more, as after a log-in.
    must(not [p for p in friend.rest() if p.get("type") == "unavailable"], "the friend saw the person go")


def day(bench):
    account, other, third = bench.account("terminal"), bench.account("friend"), bench.account("old")
    bench.server.musterctl("roster", "import", "/dev/stdin", body=f"{account[0]}\t{third[0]}\tboth\n{third[0]}\t{account[0]}\tboth\n")
    person = bench.on_close(Profanity(bench.server)).log_in(*account)
    person.type("/carbons on")
    friend = bench.on_close(Friend(bench.server)).come(other, AVATAR + "metadata")
    old = bench.on_close(Friend(bench.server)).come(third)
    desk = bench.on_close(Friend(bench.server)).come(account)
    person.expect("presence", from_=desk.jid, type="")
    edit_roster(person, desk, friend)
    become_friends(person, desk, friend)
    be_present(person, desk, friend)
    name = show_avatar(person, desk, friend, old)
    block(person, desk, friend)
    talk(person, desk, friend)
    lose_connection(person, desk, friend)
    desk.send("<presence type='unavailable'/></stream:stream>")
    friend.take("presence", type="unavailable", **{"from": desk.jid})
    person.type("/disconnect")
    friend.take("presence", type="unavailable", **{"from": person.jid})
    must(not sessions_of(bench, account[0]), "a session is left")
    for number in range(3):
        friend.send(f"<message type='chat' to='{account[0]}'><body>while away {number}</body></message>")
    friend.say("<show>xa</show>")
    person.forget()
    print(f"# terminal: passed over: {WITHOUT}")
    person.log_in(*account)
    for number in range(3):
        got = person.expect("message", where=lambda s: text_of(s, "body").startswith("while away"))
        must(text_of(got, "body") == f"while away {number}", f"instead of number {number}: {text_of(got, 'body')}")
        must(has(got, "delay", DELAY[1:].partition("}")[0]), "it does not say when it came")
    person.expect("presence", from_=friend.jid, where=lambda s: text_of(s, "show") == "xa")
    must(photo_of(friend.take("presence", **{"from": person.jid})) == name, "the avatar is forgotten")
    person.type("/disconnect")
    friend.take("presence", type="unavailable", **{"from": person.jid})


def tests(server):
    if server.is_musterd:
        yield "terminal: a day with profanity", day
