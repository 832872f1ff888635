# SPDX-License-Identifier: Apache-2.0
"""Two slixmpp clients that publish to each other: pep_slixmpp.py PORT CA ALICE PASSWORD BOB PASSWORD. Prints what it has seen, a line
each, and ends with 0 when all of it has come."""
import asyncio
import hashlib
import logging
import sys
from pathlib import Path

logging.basicConfig(level=logging.CRITICAL)
import slixmpp  # noqa: E402
from slixmpp.exceptions import IqError  # noqa: E402
from slixmpp.xmlstream import ET  # noqa: E402

DEVICES = "eu.siacs.conversations.axolotl.devicelist"
IMAGE = b"\x89PNG not really " * 200
DEADLINE_S = 20


class Person(slixmpp.ClientXMPP):
    def __init__(self, jid, password, ca, port, *interests):
        super().__init__(jid, password)
        self.auto_authorize = self.auto_subscribe = True
        self.ca_certs = Path(ca)
        self.port = port
        for plugin in ("xep_0030", "xep_0060", "xep_0115", "xep_0163", "xep_0084"):
            self.register_plugin(plugin)
        self.interests = interests
        self.seen = asyncio.Queue()
        self.online = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("pubsub_publish", self.on_publish)
        self.add_event_handler("changed_subscription", lambda p: None)

    async def on_start(self, _):
        for interest in self.interests:  # of the bound resource, so not before
            self["xep_0163"].add_interest(interest)
        await self.get_roster()
        self.send_presence()
        self.online.set_result(True)

    def on_publish(self, message):
        # Not by the library's items: an iteration within its own would begin that again.
        for items in message.xml.iter("{http://jabber.org/protocol/pubsub#event}items"):
            for item in items:
                payload = ET.tostring(item[0], encoding="unicode") if len(item) else ""
                self.seen.put_nowait((str(message["from"]), items.get("node"), item.get("id"), payload))

    async def log_in(self):
        self.connect(("127.0.0.1", self.port), use_ssl=False, force_starttls=True)
        await asyncio.wait_for(self.online, DEADLINE_S)
        return self

    async def log_out(self):
        self.disconnect(wait=2.0)
        await asyncio.wait_for(self.disconnected, DEADLINE_S)

    async def expect(self, publisher, node, item_id=None):
        """The next event of that node; those of others are not asked for yet, and stay."""
        passed = []
        while True:
            event = await asyncio.wait_for(self.seen.get(), DEADLINE_S)
            if event[:2] == (publisher, node) and item_id in (None, event[2]):
                break
            passed.append(event)
        for other in passed:
            self.seen.put_nowait(other)
        print("seen", *event[:3], flush=True)
        return event[3]


async def befriend(a, b):
    both = asyncio.get_event_loop().create_future()

    def look(_):
        if b.client_roster[a.boundjid.bare]["subscription"] == "both" and not both.done():
            both.set_result(True)

    b.add_event_handler("roster_update", look)
    a.send_presence_subscription(b.boundjid.bare, ptype="subscribe")
    await asyncio.wait_for(both, DEADLINE_S)


def device_list(number):
    payload = ET.Element("{eu.siacs.conversations.axolotl}list")
    ET.SubElement(payload, "{eu.siacs.conversations.axolotl}device", id=str(number))
    return payload


def options(person, **fields):
    form = person["xep_0004"].make_form(ftype="submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    for name, value in fields.items():
        form.add_field(var=f"pubsub#{name}", value=value)
    return form


async def play(port, ca, alice_jid, alice_password, bob_jid, bob_password):
    alice = await Person(alice_jid, alice_password, ca, port, DEVICES).log_in()
    bob = await Person(bob_jid, bob_password, ca, port, DEVICES).log_in()
    await befriend(alice, bob)

    # what is published is told
    await alice["xep_0084"].publish_avatar(IMAGE)
    digest = hashlib.sha1(IMAGE).hexdigest()
    await alice["xep_0084"].publish_avatar_metadata([{"id": digest, "type": "image/png", "bytes": str(len(IMAGE))}])
    await bob.expect(alice_jid, "urn:xmpp:avatar:metadata", digest)
    got = await bob["xep_0084"].retrieve_avatar(alice_jid, digest)
    assert got["pubsub"]["items"]["item"]["avatar_data"]["value"] == IMAGE, "another image"
    print("avatar of", len(IMAGE), "bytes", flush=True)
    await alice["xep_0060"].publish(alice_jid, DEVICES, id="current", payload=device_list(1),
                                    options=options(alice, access_model="open"))
    assert 'id="1"' in await bob.expect(alice_jid, DEVICES, "current")
    assert 'id="1"' in await alice.expect(alice_jid, DEVICES, "current")

    # what is one's own is nobody else's
    await alice["xep_0060"].publish(alice_jid, "urn:xmpp:bookmarks:1", id="room@example.org", payload=device_list(7),
                                    options=options(alice, access_model="whitelist", max_items="max"))
    own = await alice["xep_0060"].get_items(alice_jid, "urn:xmpp:bookmarks:1")
    assert [i["id"] for i in own["pubsub"]["items"]] == ["room@example.org"]
    try:
        await bob["xep_0060"].get_items(alice_jid, "urn:xmpp:bookmarks:1")
        raise AssertionError("bob reads alice's bookmarks")
    except IqError as error:
        assert error.condition == "item-not-found", error.condition
    info = await alice["xep_0030"].get_info(jid=alice_jid, cached=False)
    assert ("pubsub", "pep") in [i[:2] for i in info["disco_info"]["identities"]]

    # who comes later is told the last of it, although alice has gone
    await bob.log_out()
    await alice["xep_0060"].publish(alice_jid, DEVICES, id="current", payload=device_list(2),
                                    options=options(alice, access_model="open"))
    await alice.log_out()
    bob = await Person(bob_jid, bob_password, ca, port, DEVICES).log_in()
    assert 'id="2"' in await bob.expect(alice_jid, DEVICES, "current")
    await bob.expect(alice_jid, "urn:xmpp:avatar:metadata", digest)
    await bob.log_out()


asyncio.get_event_loop().run_until_complete(play(int(sys.argv[1]), *sys.argv[2:]))
print("done", flush=True)
