#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Watch presence move: demo-client.py CERTIFICATE, beside `make run`.

Two ordinary clients (slixmpp) log in as the demo accounts, alice over STARTTLS and bob over direct TLS, add each other, and
change their presence; every line shows what arrived at whom.
"""
import asyncio
import logging
import sys
from pathlib import Path

logging.basicConfig(level=logging.CRITICAL)  # before slixmpp is there to say that it lacks a faster stringprep
import slixmpp  # noqa: E402

ACCOUNTS = {"alice": ("wonderland", 5222, False), "bob": ("builder", 5223, True)}
DEADLINE_S = 20


class Person(slixmpp.ClientXMPP):
    def __init__(self, name, certificate):
        self.name = name
        password, self.port, self.is_direct = ACCOUNTS[name]
        super().__init__(f"{name}@localhost/demo", password)
        self.ca_certs = Path(certificate)
        self.auto_authorize = self.auto_subscribe = True  # a real client asks its user
        self.online = asyncio.get_running_loop().create_future()
        self.seen = asyncio.Queue()
        self.last = ("unavailable", "")
        self.add_event_handler("session_start", lambda _: self.online.done() or self.online.set_result(None))
        self.add_event_handler("failed_all_auth", lambda _: self.fail("wrong password"))
        self.add_event_handler("connection_failed", lambda error: self.fail(f"{error} (is 'make run' running?)"))
        self.add_event_handler("presence", self.on_presence)

    def fail(self, reason):
        self.cancel_connection_attempt()
        if not self.online.done():
            self.online.set_exception(SystemExit(f"{self.name}: cannot log in: {reason}"))

    def on_presence(self, presence):
        kind, status = presence["type"], presence["status"]
        if presence["from"].bare == self.boundjid.bare or kind.startswith(("subscribe", "unsubscribe")):
            return
        if (kind, status) != self.last:
            self.last = (kind, status)
            quoted = f', "{status}"' if status else ""
            print(f"  {self.name:>5} sees  {presence['from'].bare:<17} {kind}{quoted}", flush=True)
            self.seen.put_nowait(self.last)

    async def log_in(self):
        self.connect(("127.0.0.1", self.port), use_ssl=self.is_direct, disable_starttls=self.is_direct)
        await self.online
        await self.get_roster()
        print(f"{self.name} is logged in as {self.boundjid.full} ({'direct TLS' if self.is_direct else 'STARTTLS'})")
        self.send_presence()

    async def wait(self, kind, status=""):
        while await asyncio.wait_for(self.seen.get(), DEADLINE_S) != (kind, status):
            pass


async def main(certificate):
    alice, bob = people = [Person(name, certificate) for name in ACCOUNTS]
    for person in people:
        await person.log_in()
    print("alice adds bob; bob accepts and adds her")
    alice.send_presence_subscription(pto="bob@localhost", ptype="subscribe")
    await alice.wait("available")
    await bob.wait("available")
    for show, status in (("away", "gone for tea"), ("dnd", "writing"), (None, "back")):
        print(f"alice changes her presence to {show or 'available'}")
        alice.send_presence(pshow=show, pstatus=status)
        await bob.wait(show or "available", status)
    print("bob leaves")
    bob.disconnect()
    await alice.wait("unavailable")
    alice.disconnect()
    await asyncio.wait_for(alice.disconnected, DEADLINE_S)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: demo-client.py CERTIFICATE")
    if not Path(sys.argv[1]).exists():
        sys.exit(f"demo-client: {sys.argv[1]} is not there; start 'make run' first")
    asyncio.run(main(sys.argv[1]))
