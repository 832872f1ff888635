# SPDX-License-Identifier: Apache-2.0
"""Two servers that speak to each other: musterd with itself, and with Prosody."""
import shutil

from clients import Missing, must
from federation import CAPULET, MONTAGUE, OPTIONAL, Certificates, FederatedMusterd, FederatedProsody, User, eventually, failed


class Pair:
    """Two servers that know each other's place, an account on each."""

    def __init__(self, bench, other, settings="", other_certificates=None):
        folder = bench.server.folder
        certificates = Certificates(folder)
        self.capulet = FederatedMusterd(bench.build, bench.server.workers, CAPULET, certificates, settings)
        self.montague = other(bench.build, bench.server.workers, MONTAGUE, other_certificates or certificates)
        self.users = []

    def __enter__(self):
        self.capulet.hosts[MONTAGUE], self.montague.hosts[CAPULET] = self.montague.server_port, self.capulet.server_port
        for server in (self.capulet, self.montague):
            server.start()
        must(self.capulet.hosts[MONTAGUE] == self.montague.server_port and self.montague.hosts[CAPULET] == self.capulet.server_port,
             "a port was taken meanwhile")
        self.juliet = self.user(self.capulet, f"juliet@{CAPULET}")
        self.romeo = self.user(self.montague, f"romeo@{MONTAGUE}")
        return self

    def user(self, server, jid):
        account = (jid, "pencil")
        server.add_user(*account)
        self.users.append(User(server, account))
        self.users[-1].send("<presence/>")
        return self.users[-1]

    def __exit__(self, *failure):
        for user in self.users:
            user.close()
        try:
            for server in (self.capulet, self.montague):
                if failure[0]:
                    print(server.log_text()[-6000:])
                elif server.is_musterd:
                    code = server.stop()
                    must(code == 0, f"exit code {code} on SIGTERM")
        finally:
            self.capulet.remove()
            self.montague.remove()

    def proofs(self, server):
        return sorted(line.split("\t")[2] + " " + line.split("\t")[4] for line in server.musterctl("server", "list").stdout.splitlines())


def talk(pair, proof, directions=("in", "out")):
    """Messages, a subscription both ways, presence, a query, an answer that is an error."""
    juliet, romeo = pair.juliet, pair.romeo
    juliet.send(f"<message to='{romeo.jid}' type='chat'><body>wherefore art thou</body></message>")
    romeo.message("wherefore art thou", juliet.jid)
    romeo.send(f"<message to='{juliet.jid}' type='chat'><body>call me but love</body></message>")
    juliet.message("call me but love", romeo.jid)
    must(pair.proofs(pair.capulet) == [f"{direction} {proof}" for direction in directions], f"proofs {pair.proofs(pair.capulet)}")
    bare = {user: user.jid.split("/")[0] for user in (juliet, romeo)}
    for asker, asked in ((juliet, romeo), (romeo, juliet)):
        asker.send(f"<presence to='{bare[asked]}' type='subscribe'/>")
        asked.presence(bare[asker], "subscribe")
        asked.send(f"<presence to='{bare[asker]}' type='subscribed'/>")
        asker.presence(bare[asked], "subscribed")
        asker.presence(asked.jid)
    romeo.send("<presence><show>away</show></presence>")
    shown = juliet.presence(romeo.jid)
    must(shown.findtext("{jabber:client}show") == "away", "the change")
    reply = juliet.ask(f"<iq type='get' to='{MONTAGUE}' id='q'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", "q")
    must(reply.get("type") == "result" and reply.get("from") == MONTAGUE, f"disco: {reply.attrib}")
    reply = juliet.ask(f"<iq type='get' to='nobody@{MONTAGUE}' id='n'><query xmlns='urn:example:nothing'/></iq>", "n")
    must(reply.get("type") == "error", "an answer of nobody")
    romeo.send("<presence type='unavailable'/>")
    juliet.presence(romeo.jid, "unavailable")


class DialbackProsody(FederatedProsody):
    is_secure = False


class BidirectionalProsody(FederatedProsody):
    more_modules = ', "s2s_bidi"'


def pair_external(bench):
    """One stream in both directions, unless one side has that switched off."""
    with Pair(bench, FederatedMusterd) as pair:
        talk(pair, "external", ["both"])
        must([server.stat("server_streams_opened") for server in (pair.capulet, pair.montague)] == [1, 0], "more than one stream")
    with Pair(bench, FederatedMusterd, "bidirectional: false") as pair:
        talk(pair, "external")


def pair_dialback(bench):
    """Nobody trusts the other's authority: EXTERNAL is not offered, and dialback proves the domains."""
    other = lambda *arguments: FederatedMusterd(*arguments, settings=OPTIONAL)
    with Pair(bench, other, OPTIONAL, Certificates(bench.server.folder + "/other")) as pair:
        talk(pair, "dialback")


def stops(bench):
    """Who stops still tells contacts elsewhere that its users are gone, whoever has opened the stream."""
    with Pair(bench, FederatedMusterd) as pair:
        for asker, asked, server in ((pair.romeo, pair.juliet, CAPULET), (pair.juliet, pair.romeo, MONTAGUE)):
            bare, other = asker.jid.split("/")[0], asked.jid.split("/")[0]
            asker.send(f"<presence to='{other}' type='subscribe'/>")
            asked.presence(bare, "subscribe")
            asked.send(f"<presence to='{bare}' type='subscribed'/>")
            asker.presence(asked.jid)
        must(pair.montague.stat("server_streams_opened") == 1 and pair.capulet.stat("server_streams_opened") == 0, "another has opened it")
        must(pair.capulet.stop() == 0, "exit code")
        pair.romeo.presence(pair.juliet.jid, "unavailable")
        pair.capulet.start()  # for the end of the test


def prosody_external(bench):
    if not shutil.which("prosody"):
        raise Missing("no prosody: packaging/deps.sh peers")
    with Pair(bench, FederatedProsody) as pair:
        talk(pair, "external")


def prosody_bidirectional(bench):
    """Whoever opens the stream."""
    if not shutil.which("prosody"):
        raise Missing("no prosody: packaging/deps.sh peers")
    for opens in ("capulet", "montague"):
        with Pair(bench, BidirectionalProsody) as pair:
            if opens == "montague":
                pair.romeo.send(f"<message to='{pair.juliet.jid}' type='chat'><body>he jests at scars</body></message>")
                pair.juliet.message("he jests at scars", pair.romeo.jid)
            talk(pair, "external", ["both"])
            must(pair.capulet.stat("server_streams_opened") == (opens == "capulet"), f"streams when {opens} opens one")


def prosody_dialback(bench):
    if not shutil.which("prosody"):
        raise Missing("no prosody: packaging/deps.sh peers")
    with Pair(bench, DialbackProsody, OPTIONAL, Certificates(bench.server.folder + "/other")) as pair:
        talk(pair, "dialback")


def restarted(bench):
    """The other server goes and comes back: what is said meanwhile is answered, then stanzas go through again."""
    with Pair(bench, FederatedMusterd, "retry_first_ms: 100") as pair:
        juliet = pair.juliet
        juliet.send(f"<message to='{pair.romeo.jid}'><body>one</body></message>")
        pair.romeo.message("one", juliet.jid)
        pair.montague.stop()
        eventually(lambda: pair.proofs(pair.capulet) == [], "the streams are still there")
        juliet.send(f"<message to='romeo@{MONTAGUE}' id='m2'><body>two</body></message>")
        failed(juliet, "m2", "remote-server-timeout")
        pair.montague.start()
        for number in range(100):
            juliet.send(f"<message to='romeo@{MONTAGUE}' id='r{number}'><body>three</body></message>")
            eventually(lambda: pair.capulet.stat("server_stanzas_queued") == 0, "it is queued for ever")
            if "both external" in pair.proofs(pair.capulet):
                break
        else:
            raise AssertionError("no stream any more")
        back = User(pair.montague, (f"romeo@{MONTAGUE}", "pencil"))
        pair.users.append(back)
        back.send("<presence/>")
        back.message("three", juliet.jid)


def tests(server):
    if not server.is_musterd:
        return []
    return [("federation: two servers by EXTERNAL", pair_external),
            ("federation: two servers by dialback", pair_dialback),
            ("federation: one of two servers stops", stops),
            ("federation: Prosody by EXTERNAL", prosody_external),
            ("federation: Prosody in both directions", prosody_bidirectional),
            ("federation: Prosody by dialback", prosody_dialback),
            ("federation: the other server restarts", restarted)]
