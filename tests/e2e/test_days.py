# SPDX-License-Identifier: Apache-2.0
"""Days of use: a person with two devices, a phone and a desk, both of one client library; a friend who hears of avatars (XEP-0084), and an
old friend whose client knows vCards alone. Every step asserts what the others see. Profanity's day is in test_terminal.py.

What a library has no words for is said as a stanza through its stream: carbons, blocking and avatars of libstrophe and @xmpp/client. What
it cannot do at all is passed over, and printed: WITHOUT."""
import base64
import hashlib
import itertools
import uuid
import xml.etree.ElementTree as ElementTree

from clients import KINDS, must
from raw import NS_CLIENT, Raw, local

RESUME_S = "60"
AVATAR = "urn:xmpp:avatar:"
PUBSUB = "http://jabber.org/protocol/pubsub"
DISCO = "http://jabber.org/protocol/disco#info"
BLOCKING = "urn:xmpp:blocking"
CARBONS = "urn:xmpp:carbons:2"
VCARD = "vcard-temp"
DELAY = "{urn:xmpp:delay}delay"
NICK = "http://jabber.org/protocol/nick"
PICTURES = [b"\x89PNG of the morning " * 50, b"\x89PNG of the evening " * 60]
WITHOUT = {
    "slixmpp": {"tokens": "slixmpp 1.8 has no SASL2, which log-in tokens need (XEP-0388, XEP-0484)",
                "resending": "slixmpp 1.8 forgets what was not acknowledged when it resumes: all it said has arrived before the cut"},
    "strophe": {"tokens": "libstrophe 0.12 has no SASL2, which log-in tokens need (XEP-0388, XEP-0484)",
                "resending": "libstrophe 0.12 does not survive resuming with something to send again: all it said has arrived before the cut"},
    "xmppjs": {},
}
ids = itertools.count(1)


def encoded(picture):
    return base64.b64encode(picture).decode()


def hash_of(picture):
    return hashlib.sha1(picture).hexdigest()


def capabilities(node):
    """Of a client that wants to hear of `node` and says nothing else (XEP-0115)."""
    ver = base64.b64encode(hashlib.sha1(f"client/pc//<{node}+notify<".encode()).digest()).decode()
    return f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:example:client' ver='{ver}'/>"


def body_of(element):
    return element.findtext(f"{{{NS_CLIENT}}}body")


def photo_of(presence):
    """The hash, "" where there is none; None: it does not speak of avatars."""
    photo = presence.find("{vcard-temp:x:update}x/{vcard-temp:x:update}photo")
    return None if photo is None else photo.text or ""


class Friend(Raw):
    """Of the person: by hand, so that nothing but the server is between it and what it asserts."""

    notify = None

    def come(self, account, notify=None):
        self.log_in(account, "friend")
        self.notify = notify
        self.ask("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>", "roster")
        self.say()
        return self

    @property
    def bare(self):
        return self.jid.split("/")[0]

    def show(self, content):
        self.send(f"<presence>{content}{capabilities(self.notify) if self.notify else ''}</presence>")

    def say(self, content=""):
        self.show(content)
        self.take("presence", **{"from": self.jid})

    def answer(self, element):
        query = element.find(f"{{{DISCO}}}query")
        if element.get("type") == "set":
            self.send(f"<iq type='result' id='{element.get('id')}'/>")
        elif element.get("type") == "get" and query is not None:
            self.send(f"<iq type='result' id='{element.get('id')}' to='{element.get('from')}'><query xmlns='{DISCO}' node='{query.get('node')}'>"
                      f"<identity category='client' type='pc'/><feature var='{self.notify}+notify'/></query></iq>")

    def take(self, name, where=lambda element: True, **wanted):
        """The next such stanza; what comes before it is passed over."""
        while True:
            element = self.next()
            must(element is not None, f"{self.jid} lost its stream")
            if local(element) == "iq":
                self.answer(element)
            if local(element) == name and all(element.get(key) == value for key, value in wanted.items()) and where(element):
                return element

    def rest(self):
        """All that has come until now."""
        self.ping()
        rest, self.queue = self.queue, []
        for element in rest:
            if local(element) == "iq":
                self.answer(element)
        return rest

    def request(self, kind, payload, to=None):
        name = f"f{next(ids)}"
        return self.ask(f"<iq type='{kind}' id='{name}'{f' to={chr(39)}{to}{chr(39)}' if to else ''}>{payload}</iq>", name)

    def photo(self, jid):
        """As an old client gets it."""
        card = self.request("get", f"<vCard xmlns='{VCARD}'/>", jid)
        return base64.b64decode(card.findtext(f"{{{VCARD}}}vCard/{{{VCARD}}}PHOTO/{{{VCARD}}}BINVAL") or "")


class Device:
    """One of the person's clients."""

    def __init__(self, bench, kind, account, tls, **more):
        self.kind = kind
        self.client = bench.client(kind)
        self.jid = self.client.connect(bench.server, *account, tls, resume=RESUME_S, raw="1", **more)
        self.bare = self.client.bare

    def say(self, content):
        self.client.send("stanza", xml=content)

    def request(self, kind, payload):
        name = f"d{next(ids)}"
        self.say(f"<iq type='{kind}' id='{name}'>{payload}</iq>")
        reply = self.take("iq", id=name)
        must(reply.get("type") == "result", f"{self.jid}: {payload} is answered {ElementTree.tostring(reply)}")
        return reply

    @staticmethod
    def element(text):
        return ElementTree.fromstring(f"<stream xmlns='jabber:client'>{text}</stream>")[0]

    def take(self, name, where=lambda element: True, **wanted):
        event = self.client.expect("stanza", name=name, xml=lambda text: where(self.element(text)), **wanted)
        return self.element(event["xml"])

    def none(self, name, where=lambda element: True, **wanted):
        """After a round trip: what was said before has come."""
        self.client.ask("ping", to="localhost")
        self.client.expect_none("stanza", name=name, xml=lambda text: where(self.element(text)), **wanted)

    def hear(self, body):
        return self.take("message", lambda m: body_of(m) == body)

    def forget(self):
        """All stanzas that have come until now."""
        self.client.ask("ping", to="localhost")
        tokens = self.client.seen("token")
        self.client.forget()
        self.client.events += tokens

    def push(self, jid, **wanted):
        return self.client.expect("push", jid=jid, **wanted)

    # What some libraries have words for.

    def carbons(self):
        if self.kind == "slixmpp":
            self.client.ask("carbons")
        else:
            self.request("set", f"<enable xmlns='{CARBONS}'/>")

    def block(self, jid, word="block"):
        if self.kind == "slixmpp":
            self.client.ask(word, jid=jid)
        else:
            self.request("set", f"<{word} xmlns='{BLOCKING}'><item jid='{jid}'/></{word}>")

    def publish(self, node, item, payload):
        self.request("set", f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item id='{item}'>{payload}</item></publish></pubsub>")

    def avatar(self, picture):
        name = hash_of(picture)
        if self.kind == "slixmpp":
            self.client.ask("avatar", picture=encoded(picture), type="image/png")
            return
        self.publish(AVATAR + "data", name, f"<data xmlns='{AVATAR}data'>{encoded(picture)}</data>")
        self.publish(AVATAR + "metadata", name, f"<metadata xmlns='{AVATAR}metadata'><info bytes='{len(picture)}' id='{name}' type='image/png'/>"
                                                f"</metadata>")


# ---- the hours of a day ----

def edit_roster(phone, desk, friend):
    phone.client.ask("roster-set", jid=friend.bare, name="Fred", groups="work")
    for device in (phone, desk):
        device.push(friend.bare, name="Fred", groups="work", subscription="none")
    desk.client.ask("roster-set", jid=friend.bare, name="Frédéric", groups="friends,work")
    for device in (phone, desk):
        device.push(friend.bare, name="Frédéric", groups="friends,work")
    desk.client.ask("roster-set", jid="passing@localhost", name="Passing")
    phone.push("passing@localhost", name="Passing")
    phone.client.ask("roster-remove", jid="passing@localhost")
    for device in (phone, desk):
        device.push("passing@localhost", subscription="remove")
    for roster in (phone.client.roster(), desk.client.roster()):
        must(roster[friend.bare]["name"] == "Frédéric" and "passing@localhost" not in roster, f"the roster is {roster}")


def subscribe(phone, desk, friend):
    phone.client.send("presence", to=friend.bare, type="subscribe")
    friend.take("presence", type="subscribe", **{"from": phone.bare})
    friend.send(f"<presence type='subscribed' to='{phone.bare}'/><presence type='subscribe' to='{phone.bare}'/>")
    for device in (phone, desk):
        device.push(friend.bare, subscription="to")
        device.client.expect("presence", type="", **{"from": friend.jid})
        device.client.expect("presence", type="subscribe", **{"from": friend.bare})
    desk.client.send("presence", to=friend.bare, type="subscribed")
    for device in (phone, desk):
        device.push(friend.bare, subscription="both")
    seen = set()
    while seen != {phone.jid, desk.jid}:
        seen.add(friend.take("presence", lambda p: p.get("type") is None and p.get("from").startswith(phone.bare)).get("from"))


def be_present(phone, desk, friend):
    for show, status in (("away", "ein Tee"), ("dnd", "<busy> & so"), ("xa", ""), ("chat", "back")):
        phone.client.send("presence", show=show, status=status, priority="5")
        seen = friend.take("presence", **{"from": phone.jid})
        must(seen.findtext(f"{{{NS_CLIENT}}}show") == show and (seen.findtext(f"{{{NS_CLIENT}}}status") or "") == status, f"not {show}")
        must(seen.findtext(f"{{{NS_CLIENT}}}priority") == "5", "the priority is another")
        desk.client.expect("presence", show=show, status=status, **{"from": phone.jid})
    desk.client.send("presence", priority="-1")
    friend.take("presence", lambda p: p.findtext(f"{{{NS_CLIENT}}}priority") == "-1", **{"from": desk.jid})
    friend.send(f"<message type='chat' to='{phone.bare}'><body>who hears this?</body></message>")
    phone.hear("who hears this?")
    desk.none("message", lambda m: body_of(m) == "who hears this?")
    desk.client.send("presence")
    friend.take("presence", **{"from": desk.jid})


def show_avatar(phone, desk, friend, old):
    """A picture is published, and then one is set in the vCard as old clients do; both friends see both."""
    for device, picture in ((phone, PICTURES[0]), (desk, PICTURES[1])):
        name = hash_of(picture)
        if device is phone:
            device.avatar(picture)
        else:
            device.request("set", f"<vCard xmlns='{VCARD}'><FN>A. Person</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>{encoded(picture)}</BINVAL>"
                                  f"</PHOTO></vCard>")
        told = friend.take("message", lambda m: m.find(f".//{{{AVATAR}metadata}}info") is not None, type="headline", **{"from": phone.bare})
        info = told.find(f".//{{{AVATAR}metadata}}info")
        must((info.get("id"), info.get("type")) == (name, "image/png"), f"the friend is told of {info.attrib}")
        items = friend.request("get", f"<pubsub xmlns='{PUBSUB}'><items node='{AVATAR}data'><item id='{name}'/></items></pubsub>", phone.bare)
        must(base64.b64decode(items.findtext(f".//{{{AVATAR}data}}data") or "") == picture, "the picture is another")
        for session in (phone, desk):
            for other in (friend, old):
                other.take("presence", lambda p: photo_of(p) == name, **{"from": session.jid})
        must(old.photo(phone.bare) == picture, "the old friend does not get the picture")
    must(not [p for p in friend.rest() + old.rest() if local(p) == "presence"], "more was told than the change")
    phone.client.send("presence", show="away")
    must(photo_of(old.take("presence", **{"from": phone.jid})) == hash_of(PICTURES[1]), "what is said next does not speak of the avatar")
    friend.take("presence", **{"from": phone.jid})


def block(phone, desk, friend, old):
    desk.request("get", f"<blocklist xmlns='{BLOCKING}'/>")  # from now on it is told of changes
    phone.block(friend.bare)
    pushed = desk.take("iq", lambda q: q.find(f"{{{BLOCKING}}}block") is not None, type="set")
    must(pushed.find(f"{{{BLOCKING}}}block/{{{BLOCKING}}}item").get("jid") == friend.bare, "the desk is told of another block")
    gone = {friend.take("presence", type="unavailable").get("from") for _ in range(2)}
    must(gone == {phone.jid, desk.jid}, f"the blocked friend saw {gone} go")
    friend.say("<status>unheard</status>")
    friend.send(f"<message type='chat' to='{phone.bare}' id='no'><body>hello?</body></message>")
    phone.say(f"<message type='chat' to='{friend.bare}' id='never'><body>?</body></message>")
    phone.take("message", lambda m: m.find(f".//{{{BLOCKING}:errors}}blocked") is not None, type="error", id="never")
    for device in (phone, desk):
        device.none("message", lambda m: body_of(m) == "hello?")
        device.none("presence", lambda p: p.findtext(f"{{{NS_CLIENT}}}status") == "unheard")
    phone.client.send("presence", status="for others")
    old.take("presence", lambda p: p.findtext(f"{{{NS_CLIENT}}}status") == "for others", **{"from": phone.jid})
    must(not [p for p in friend.rest() if local(p) == "presence" and p.get("from").startswith(phone.bare)], "a blocked friend sees presence")
    phone.block(friend.bare, "unblock")
    desk.take("iq", lambda q: q.find(f"{{{BLOCKING}}}unblock") is not None, type="set")
    back = {friend.take("presence", lambda p: p.get("type") is None and p.get("from").startswith(phone.bare)).get("from") for _ in range(2)}
    must(back == {phone.jid, desk.jid}, f"the friend saw {back} come back")
    for device in (phone, desk):
        device.client.expect("presence", status="unheard", **{"from": friend.jid})


def copied(kind, body):
    return lambda m: m.findtext(f"{{{CARBONS}}}{kind}/{{urn:xmpp:forward:0}}forwarded/{{{NS_CLIENT}}}message/{{{NS_CLIENT}}}body") == body


def talk(phone, desk, friend):
    for device in (phone, desk):
        device.forget()
        device.carbons()
    friend.send(f"<message type='chat' to='{phone.jid}'><body>to the phone</body></message>")
    phone.hear("to the phone")
    desk.take("message", copied("received", "to the phone"), **{"from": phone.bare})
    phone.client.send("message", to=friend.jid, body="from the phone")
    must(body_of(friend.take("message", **{"from": phone.jid})) == "from the phone", "another message came")
    desk.take("message", copied("sent", "from the phone"), **{"from": phone.bare})
    for device in (phone, desk):
        device.none("message", lambda m: body_of(m) is not None or m.find(f"{{{CARBONS}}}received") is not None)


def lose_connection(phone, friend):
    """Nothing is lost, and nothing comes twice; nobody sees the phone go."""
    for number in range(2):
        phone.client.send("message", to=friend.jid, body=f"{number} before")
        if "resending" in WITHOUT[phone.kind]:
            phone.client.ask("ping", to="localhost")
        phone.client.send("lose")
        friend.send(f"<message type='chat' to='{phone.jid}'><body>{number} meanwhile</body></message>")
        friend.show(f"<status>{number}</status>")
        phone.client.expect("resumed")
        phone.hear(f"{number} meanwhile")
        phone.client.expect("presence", status=str(number), **{"from": friend.jid})
        phone.client.send("message", to=friend.jid, body=f"{number} after")
        phone.none("message", lambda m: body_of(m) is not None)
        phone.client.expect_none("online")
        told = friend.rest()
        heard = [body_of(m) for m in told if local(m) == "message"]
        must(heard == [f"{number} before", f"{number} after"], f"messages are lost or doubled: {heard}")
        must(not [p for p in told if local(p) == "presence" and p.get("from") == phone.jid], "the friend has noticed")


def sessions_of(bench, jid):
    return [line for line in bench.server.musterctl("session", "list").stdout.splitlines() if jid in line]


def log_out(bench, devices, friend):
    for device in devices:
        device.client.close()
        friend.take("presence", type="unavailable", **{"from": device.jid})
    must(not sessions_of(bench, devices[0].bare), "a session is left")


def be_away(friend, bare):
    """What is said and published to one who is not there."""
    for number in range(3):
        friend.send(f"<message type='chat' to='{bare}'><body>while away {number}</body></message>")
    friend.request("set", f"<pubsub xmlns='{PUBSUB}'><publish node='{NICK}'><item id='current'><nick xmlns='{NICK}'>Freddy</nick></item>"
                          f"</publish></pubsub>")
    friend.ping()


def hear_what_was(device, friend):
    """Messages in their order, with their times; and what the friend has published meanwhile."""
    for number in range(3):
        message = device.take("message", lambda m: (body_of(m) or "").startswith("while away"))
        must(body_of(message) == f"while away {number}", f"instead of number {number}: {body_of(message)}")
        must(message.find(DELAY) is not None and message.find(DELAY).get("stamp"), "it does not say when it came")
    told = device.take("message", lambda m: m.find(f".//{{{NICK}}}nick") is not None, type="headline", **{"from": friend.bare})
    must(told.findtext(f".//{{{NICK}}}nick") == "Freddy" and told.find(DELAY) is not None, "the friend's name is another, or without its time")


def appear(device):
    """With capabilities: slixmpp puts its own into what it sends."""
    device.client.roster()
    device.say("<presence/>" if device.kind == "slixmpp" else f"<presence>{capabilities(NICK)}</presence>")
    device.client.expect("presence", type="", **{"from": device.jid})


def day(kind):
    def test(bench):
        for reason in WITHOUT[kind].values():
            print(f"# {kind}: passed over: {reason}")
        account, other, third = bench.account("person"), bench.account("friend"), bench.account("old")
        bench.server.musterctl("roster", "import", "/dev/stdin", body=f"{account[0]}\t{third[0]}\tboth\n{third[0]}\t{account[0]}\tboth\n")
        friend = bench.on_close(Friend(bench.server)).come(other, AVATAR + "metadata")
        old = bench.on_close(Friend(bench.server)).come(third)
        first = (account[0] + "/phone", account[1])
        agent = {} if "tokens" in WITHOUT[kind] else {"agent": str(uuid.uuid4())}
        phone = Device(bench, kind, first, "starttls", notify=NICK, **agent)
        desk = Device(bench, kind, account, "direct", notify=NICK)
        for device in (phone, desk):
            appear(device)
        phone.client.expect("presence", type="", **{"from": desk.jid})
        for _ in range(2):
            old.take("presence", lambda p: p.get("type") is None and p.get("from").startswith(phone.bare))
        edit_roster(phone, desk, friend)
        subscribe(phone, desk, friend)
        be_present(phone, desk, friend)
        old.rest()
        show_avatar(phone, desk, friend, old)
        block(phone, desk, friend, old)
        talk(phone, desk, friend)
        friend.rest()
        lose_connection(phone, friend)
        token = phone.client.seen("token")[-1] if agent else None  # each log-in may give another, that after a cut too
        log_out(bench, (phone, desk), friend)
        be_away(friend, phone.bare)
        if token:  # nothing but the token lets it in
            back = Device(bench, kind, (first[0], "not the password"), "direct", notify=NICK, token=token["token"],
                          mechanism=token["mechanism"], expiry=token["expiry"], **agent)
        else:
            back = Device(bench, kind, first, "direct", notify=NICK)
        appear(back)
        hear_what_was(back, friend)
        must(photo_of(friend.take("presence", lambda p: p.get("type") is None, **{"from": back.jid})) == hash_of(PICTURES[1]),
             "the avatar is forgotten")
        back.client.roster()
        back.none("message", lambda m: (body_of(m) or "").startswith("while away"))
        log_out(bench, (back,), friend)
    return test


def tests(server):
    if server.is_musterd:
        for kind in KINDS:
            yield f"day: {kind}", day(kind)
