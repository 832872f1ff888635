# SPDX-License-Identifier: Apache-2.0
"""Sessions that are resumed (XEP-0198) over real connections: real clients that lose theirs, and one by hand that is cut at random
bytes of what it sends and gets."""
import random
import select
import socket
import threading
import time

from clients import KINDS, Failure, must
from raw import Raw, local
from test_readers import come_online, counter, two_friends, wait_counter

SM = "urn:xmpp:sm:3"
RESUME_S = "60"
# Of each direction; each is a TLS handshake and a log-in more.
CUTS = 60
MESSAGES = 20
# To connect: the first may be cut, the next is not.
ATTEMPTS = 3
# What a session by hand sends and gets, about, with TLS around it.
CUT_BYTES_MAX = 7000


# ---- real clients ----

def client_resumes(kind, tls):
    def test(bench):
        a, b = two_friends(bench)
        friend = come_online(bench, b)
        client = bench.client(kind)
        client.connect(bench.server, *a, tls, resume=RESUME_S)
        client.appear()
        while local(element := friend.next()) != "presence" or element.get("from") != client.jid:
            pass
        for number in range(3):
            resumed = counter(bench, "sm_resumed")
            client.send("lose")
            friend.send(f"<message to='{client.jid}' type='chat'><body>{number} away</body></message>")
            friend.send(f"<presence><status>{number}</status></presence>")
            wait_counter(bench, "sm_resumed", resumed + 1)
            client.expect("resumed")
            client.expect("message", body=f"{number} away")
            client.expect("presence", **{"from": friend.jid, "status": str(number)})
            client.expect_none("message")
            client.send("message", to=friend.jid, body=f"{number} back")
            while local(element := friend.next()) == "presence":
                must(element.get("from") == friend.jid, f"the friend heard {element.attrib}")
            must(element.findtext("{jabber:client}body") == f"{number} back", "another message came")
        client.expect_none("online")
        client.close()
        element = friend.next()
        must(element.get("type") == "unavailable", f"the friend heard {element.attrib}")
    return test


# ---- cut at any byte ----

class Cutter(threading.Thread):
    """A relay that lets some bytes through each way, and then cuts, in one of three manners."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.limits = [None, None]
        self.manner = 0
        self.left_open = []
        self.start()

    def relay(self, inner):
        outer = socket.create_connection(("127.0.0.1", self.server.direct_port))
        limits, manner = list(self.limits), self.manner
        sockets = (inner, outer)
        for one in sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            for one in select.select(sockets, [], [])[0]:
                way = sockets.index(one)
                try:
                    data = one.recv(65536)
                except OSError:
                    data = b""
                is_over = not data
                if limits[way] is not None:
                    is_over = is_over or len(data) >= limits[way]
                    data = data[:limits[way]]
                    limits[way] -= len(data)
                try:
                    sockets[1 - way].sendall(data)
                except OSError:
                    is_over = True
                if is_over:
                    self.end(inner, outer, manner)
                    return

    def end(self, inner, outer, manner):
        if manner == 0:  # reset
            outer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if manner == 2:  # the server does not learn of it
            self.left_open.append(outer)
        else:
            outer.close()
        inner.close()

    def run(self):
        while True:
            try:
                inner, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(inner,), daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.left_open:
            one.close()


class Through:
    """The server as Raw wants it, behind the cutter."""

    def __init__(self, server, cutter):
        self.ca, self.is_musterd = server.ca, server.is_musterd
        self.direct_port = cutter.port
        self.plain_port, self.starttls_port = server.plain_port, server.starttls_port
        self.cutter = cutter


class Gone(Exception):
    """The session is over."""


class Resumer:
    """A client by hand: it counts as the XEP says, and comes back whenever it is cut."""

    def __init__(self, bench, account, through, friend):
        self.bench, self.account, self.through, self.friend = bench, account, through, friend
        self.id = None
        self.sent, self.acked, self.handled, self.bodies = [], 0, 0, []
        self.resumptions = 0
        self.raw = None

    def connect(self):
        for attempt in range(ATTEMPTS):
            try:
                self.raw = None
                self.raw = self.bench.on_close(Raw(self.through, "direct"))
                if self.id is None:
                    self.raw.log_in(self.account, "phone")
                    self.raw.send(f"<presence/><enable xmlns='{SM}' resume='true'/>")
                    self.wait("enabled")
                else:
                    self.raw.open()
                    self.raw.scram(*self.account)
                    self.raw.open()
                    self.raw.send(f"<resume xmlns='{SM}' previd='{self.id}' h='{self.handled}'/>")
                    self.wait("resumed")
                return
            except (OSError, Failure):
                self.through.cutter.limits = [None, None]  # cut on the way: once more, and now it holds
                if self.raw:
                    self.raw.close()
                if attempt == ATTEMPTS - 1:
                    raise

    def wait(self, name):
        while True:
            element = self.raw.next()
            if element is None:
                raise Failure("cut")
            if element.tag == f"{{{SM}}}failed":
                raise Gone("the session is gone")
            self.take(element)
            if local(element) == name:
                return

    def take(self, element):
        name = local(element)
        if name == "enabled":
            self.id = element.get("id")
        elif name == "resumed":
            self.resumptions += 1
            self.acked = int(element.get("h"))
            for text in self.sent[self.acked:]:
                self.raw.send(text)
        elif name == "a":
            self.acked = int(element.get("h"))
        elif name == "r":
            self.raw.send(f"<a xmlns='{SM}' h='{self.handled}'/>")
        elif name in ("message", "presence", "iq"):
            if self.id is not None:
                self.handled += 1
            if name == "message":
                self.bodies.append(element.findtext("{jabber:client}body"))

    def say(self, number):
        text = f"<message to='{self.friend.jid}' type='chat'><body>{number}</body></message>"
        self.sent.append(text)
        self.raw.send(text)

    def play(self):
        """Everything, each step again for as long as it is cut."""
        self.connect()
        for number in range(MESSAGES):
            self.friend.send(f"<message to='{self.raw.jid or self.jid}' type='chat'><body>{number}</body></message>")
            try:
                self.say(number)
            except OSError:
                self.connect()
        while len(self.bodies) < MESSAGES or self.acked < len(self.sent):
            try:
                self.raw.send(f"<r xmlns='{SM}'/>")
                element = self.raw.next()
                if element is None:
                    raise OSError("cut")
                self.take(element)
            except OSError:
                self.connect()

    def leave(self):
        """Who goes without saying what it has read is thought not to have read it. This may be cut as well."""
        while True:
            try:
                self.raw.send(f"<a xmlns='{SM}' h='{self.handled}'/></stream:stream>")
                while (element := self.raw.next()) is not None:
                    must(local(element) in ("a", "r"), f"at the end the client got {element.tag}")
                if self.raw.depth == 0:
                    return
            except OSError:
                pass
            try:
                self.connect()
            except Gone:
                return  # it was heard, and the answer was cut


def cut_anywhere(way):
    def test(bench):
        chance = random.Random(way + int(time.time()) // 86400)
        a, b = two_friends(bench)
        friend = come_online(bench, b)
        cutter = bench.on_close(Cutter(bench.server))
        through = Through(bench.server, cutter)
        resumed = 0
        for number in range(CUTS):
            at = chance.randrange(CUT_BYTES_MAX)
            cutter.limits = [None, None]
            cutter.limits[way] = at
            cutter.manner = number % 3
            client = Resumer(bench, a, through, friend)
            client.jid = f"{a[0]}/phone"
            friend.queue.clear()
            client.play()
            resumed += client.resumptions
            expected = [str(n) for n in range(MESSAGES)]
            must(client.bodies == expected, f"cut after {at} bytes: the client got {client.bodies}")
            got = []
            while len(got) < MESSAGES:
                element = friend.next()
                if local(element) == "message":
                    got.append(element.findtext("{jabber:client}body"))
            must(got == expected, f"cut after {at} bytes: the friend got {got}")
            client.leave()
            friend.ping()
            must(not [e for e in friend.queue if local(e) == "message"], "a message came twice")
        must(resumed >= CUTS // 5, f"only {resumed} of {CUTS} were resumed")
    return test


def detached_is_listed(bench):
    a, b = two_friends(bench)
    others = counter(bench, "connections")
    friend = come_online(bench, b)
    client = come_online(bench, a)
    client.send(f"<enable xmlns='{SM}' resume='true' max='30'/>")
    while local(enabled := client.next()) != "enabled":
        pass
    must(enabled.get("max") == "30" and enabled.get("resume") == "true", f"enabled: {enabled.attrib}")
    before = counter(bench, "sm_detached")
    client.close()
    wait_counter(bench, "sm_detached", before + 1)
    lines = bench.server.musterctl("session", "list").stdout.splitlines()
    must(f"{client.jid}\tavailable\t0\tdetached" in lines, f"the list says {lines}")
    must(f"{friend.jid}\tavailable\t0" in lines, f"the list says {lines}")
    must(counter(bench, "sessions_detached") == 1 and counter(bench, "connections") == others + 1, "it is not counted")
    again = bench.on_close(Raw(bench.server, "direct")).open()
    again.scram(*a)
    again.open()
    again.send(f"<resume xmlns='{SM}' previd='{enabled.get('id')}' h='0'/>")
    must(local(again.next()) == "resumed", "it is not resumed")
    lines = bench.server.musterctl("session", "list").stdout.splitlines()
    must(f"{client.jid}\tavailable\t0" in lines, f"the list says {lines}")
    again.send("</stream:stream>")


def tests(server):
    if not server.is_musterd:
        return
    for kind in KINDS:
        for tls in ("starttls", "direct"):
            yield f"resume: {kind} loses its connection, {tls}", client_resumes(kind, tls)
    yield "resume: a session without a connection is listed", detached_is_listed
    yield "resume: what the client sends is cut at any byte", cut_anywhere(0)
    yield "resume: what the client gets is cut at any byte", cut_anywhere(1)
