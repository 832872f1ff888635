# SPDX-License-Identifier: Apache-2.0
"""Host of slixmpp clients, one forked process each; the line protocol is described in clients.py."""
import asyncio
import base64
import gc
import json
import logging
import os
import select
import signal
import socket
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

logging.basicConfig(level=logging.CRITICAL)  # before slixmpp is there to say that it lacks a faster stringprep
import slixmpp  # noqa: E402
from slixmpp import JID
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath


async def vcard_set(client, command):
    card = client["xep_0054"].make_vcard()
    card["FN"] = command["name"]
    await client["xep_0054"].publish_vcard(card, timeout=15)
    return {}


async def vcard_get(client, command):
    reply = await client["xep_0054"].get_vcard(command["to"], timeout=15)
    return {"name": reply["vcard_temp"]["FN"]}


async def private_set(client, command):
    iq = client.make_iq_set()
    iq.enable("private")
    iq["private"].xml.append(ElementTree.fromstring(command["xml"]))
    await iq.send(timeout=15)
    return {}


async def private_get(client, command):
    iq = client.make_iq_get()
    iq.enable("private")
    iq["private"].xml.append(ElementTree.fromstring(command["xml"]))
    reply = await iq.send(timeout=15)
    return {"text": "".join(reply.xml.itertext()).strip()}


async def avatar(client, command):
    picture = base64.b64decode(command["picture"])
    await client["xep_0084"].publish_avatar(picture, timeout=15)
    await client["xep_0084"].publish_avatar_metadata(
        {"id": client["xep_0084"].generate_id(picture), "type": command["type"], "bytes": str(len(picture))}, timeout=15)
    return {}


async def block(client, command):
    await client["xep_0191"].block(JID(command["jid"]), timeout=15)
    return {}


async def unblock(client, command):
    await client["xep_0191"].unblock(JID(command["jid"]), timeout=15)
    return {}


async def version(client, command):
    reply = await client["xep_0092"].get_version(command["to"], timeout=15)
    return {key: reply["software_version"][key] for key in ("name", "version", "os")}


async def entity_time(client, command):
    reply = await client["xep_0202"].get_entity_time(command["to"], timeout=15)
    return {"utc": reply.xml.findtext(".//{urn:xmpp:time}utc")}  # it would put a second Z behind it


async def last(client, command):
    reply = await client["xep_0012"].get_last_activity(command["to"], timeout=15)
    return {"seconds": str(reply["last_activity"]["seconds"]), "status": reply["last_activity"]["status"]}


SERVICES = {"vcard-set": vcard_set, "vcard-get": vcard_get, "private-set": private_set, "private-get": private_get,
            "avatar": avatar, "block": block, "unblock": unblock, "version": version, "time": entity_time, "last": last}


class Adapter(slixmpp.ClientXMPP):
    def __init__(self, command, emit):
        super().__init__(command["jid"], command["password"])
        self.emit = emit
        self.auto_authorize = self.auto_subscribe = None  # the scenario decides
        self.ca_certs = Path(command["ca"])
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        for plugin in ("xep_0012", "xep_0049", "xep_0050", "xep_0054", "xep_0092", "xep_0202"):
            self.register_plugin(plugin)
        for plugin in ("xep_0203", "xep_0280", "xep_0313"):
            self.register_plugin(plugin)
        self.notify = command.get("notify")
        if self.notify:
            for plugin in ("xep_0060", "xep_0084", "xep_0115", "xep_0163", "xep_0191"):
                self.register_plugin(plugin)
        if command.get("raw"):
            for name in ("presence", "message", "iq"):
                self.register_handler(Callback(f"raw {name}", MatchXPath(f"{{jabber:client}}{name}"), self.on_stanza))
        if command.get("signs"):
            certificate, _, key = command["signs"].partition(",")
            import smime_slixmpp  # noqa: F401: registers itself; needs cryptography, which only its tests do
            self.register_plugin("rfc3923", {"certificate": certificate, "key": key})
            for name in ("presence", "message", "iq"):
                path = f"{{jabber:client}}{name}/{{urn:ietf:params:xml:ns:xmpp-e2e}}e2e"
                self.register_handler(Callback(f"signed {name}", MatchXPath(path), self.on_object))
                path = f"{{jabber:client}}{name}/{{jabber:client}}error"
                self.register_handler(Callback(f"refused {name}", MatchXPath(path), self.on_object_error))
        self.is_online = self.is_losing = False
        if command.get("resume"):
            self.register_plugin("xep_0198")
            self.add_event_handler("session_resumed", lambda _: self.emit("resumed"))
        if command.get("register"):
            self.register_plugin("xep_0077")
            self.add_event_handler("register", self.on_register)
            self._always_send_everything = True  # 1.8 would keep the plugin's queries until it is logged in
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("failed_all_auth", lambda _: self.give_up("authentication"))
        self.add_event_handler("ssl_invalid_chain", lambda e: self.give_up(f"certificate: {e}"))
        self.add_event_handler("connection_failed", lambda e: self.give_up(f"connection: {e}"))
        self.add_event_handler("disconnected", self.on_end)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("carbon_received", lambda m: self.on_carbon("received", m["carbon_received"]))
        self.add_event_handler("carbon_sent", lambda m: self.on_carbon("sent", m["carbon_sent"]))
        self.add_event_handler("stream_error", lambda e: self.emit("stream-error", condition=e["condition"]))
        self.add_event_handler("roster_update", self.on_push)
        self.register_handler(Callback("any presence", MatchXPath("{jabber:client}presence"), self.on_presence))

    def on_start(self, _):
        self.is_online = True
        if self.notify:  # of the bound resource, so not before
            self["xep_0163"].add_interest(self.notify)
        self.emit("online", jid=self.boundjid.full)

    async def on_register(self, form):
        """Before it logs in, which it does afterwards whatever came of this."""
        iq = self.make_iq_set()
        for field in ("username", "password"):
            if field not in form["register"]["fields"]:
                self.emit("not-registered", condition=f"no {field} is asked for")
                return
        iq["register"]["username"] = self.boundjid.user
        iq["register"]["password"] = self.password
        try:
            await iq.send(timeout=15)
            self.emit("registered")
        except IqError as error:
            self.emit("not-registered", condition=error.condition)

    def give_up(self, reason):
        self.is_online or self.emit("failed", reason=reason)
        self.cancel_connection_attempt()
        self.abort()

    def reach(self, command):
        direct = command["tls"] == "direct"
        plain = command["tls"] == "none"
        self.connect((command["host"], int(command["port"])), use_ssl=direct, force_starttls=not (direct or plain),
                     disable_starttls=direct or plain)
        self.last_command = command

    def on_end(self, reason):
        if self.is_losing:
            self.is_losing = False
            self.reach(self.last_command)
            return
        self.cancel_connection_attempt()
        self.emit("closed" if self.is_online else "failed", reason=reason)

    def on_presence(self, presence):
        xml = presence.xml
        text = lambda name: xml.findtext("{jabber:client}" + name) or ""
        self.emit("presence", **{"from": presence["from"]}, type=xml.get("type"), show=text("show"), status=text("status"),
             priority=text("priority"), id=xml.get("id"))

    def on_stanza(self, stanza):
        xml = stanza.xml
        self.emit("stanza", name=stanza.name, **{key: xml.get(key) for key in ("from", "to", "type", "id")},
                  xml=ElementTree.tostring(xml, encoding="unicode"))

    def on_object_error(self, stanza):
        error = stanza.xml.find("{jabber:client}error")
        names = [child.tag.rpartition("}")[2] for child in error if not child.tag.endswith("}text")]
        self.emit("refused", id=stanza.xml.get("id"), type=error.get("type"), condition=names[0], more=(names[1:] or [""])[0],
                  text=error.findtext("{urn:ietf:params:xml:ns:xmpp-stanzas}text"))

    def on_object(self, stanza):
        mark = stanza.xml.find("{urn:xmpp:muster:e2e:0}e2e-status")
        self.emit("object", name=stanza.name, **{key: stanza.xml.get(key) for key in ("from", "id")}, text=stanza["e2e"]["text"],
                  **({} if mark is None else {"mark": "yes", **{key: mark.get(key) for key in ("result", "reason", "jid", "eku", "beside")}}))

    def say_signed(self, command):
        plugin, kind = self["rfc3923"], command["kind"]
        text = command.get("text") or plugin.make(kind, command["to"], command["said"], command.get("tamper", ""),
                                                  float(command.get("offset", "0")))
        plugin.say(kind, command["to"], text, id=command["id"], body=command.get("body"))
        self.emit("said", id=command["id"], text=text)

    def send_stanza(self, text):
        xml = ElementTree.fromstring(f"<stream xmlns='jabber:client'>{text}</stream>")[0]
        kind = {"presence": slixmpp.Presence, "message": slixmpp.Message, "iq": slixmpp.Iq}[xml.tag.rpartition("}")[2]]
        self.send(kind(self, xml=xml))

    def on_message(self, message):
        self.emit("message", **{"from": message["from"]}, type=message.xml.get("type"), body=message["body"],
             id=message["id"], delay=message.xml.find("{urn:xmpp:delay}delay") is not None)

    def on_carbon(self, kind, message):
        self.emit("carbon", **{"from": message["from"]}, kind=kind, to=message["to"], body=message["body"])

    async def archive(self, command):
        """All of it, or all with one peer, a page after the other."""
        found = self["xep_0313"].iterate(with_jid=command.get("with"), rsm={"max": int(command["max"])})
        async for message in found:
            self.emit("archived", id=message["mam_result"]["id"],
                      body=message["mam_result"]["forwarded"]["stanza"]["body"])

    def item(self, event, element, **more):
        groups = sorted(g.text or "" for g in element.findall("{jabber:iq:roster}group"))
        self.emit(event, jid=element.get("jid"), name=element.get("name"), subscription=element.get("subscription"),
             ask=element.get("ask"), groups=",".join(groups), **more)

    def on_push(self, iq):
        if iq["type"] == "set":
            for element in iq.xml.iter("{jabber:iq:roster}item"):
                self.item("push", element)

    async def ask(self, command):
        do, request = command["do"], command["id"]
        try:
            if do == "ping":
                reply = await self["xep_0199"].send_ping(command["to"], timeout=15)
            elif do == "roster-sync":  # as the library does it: with the version it knows
                await self.get_roster(timeout=15)
                for jid in self.client_roster:
                    self.emit("roster-item", id=request, jid=jid, name=self.client_roster[jid]["name"])
                self.emit("reply", id=request, type="result", version=self.client_roster.version)
                return
            elif do == "marks":
                reply = await self["rfc3923"].enable()
            elif do == "carbons":
                reply = await self["xep_0280"].enable(timeout=15)
            elif do == "archive":
                await self.archive(command)
                self.emit("reply", id=request, type="result")
                return
            elif do in SERVICES:
                self.emit("reply", id=request, type="result", **await SERVICES[do](self, command))
                return
            elif do in ("password", "unregister"):
                self.register_plugin("xep_0077")
                reply = await (self["xep_0077"].change_password(command["password"], timeout=15) if do == "password"
                               else self["xep_0077"].cancel_registration(timeout=15))
            elif do == "disco":
                reply = await self["xep_0030"].get_info(jid=command["to"], timeout=15, cached=False)
            else:
                iq = self.make_iq_set() if do in ("roster-set", "roster-remove") else self.make_iq_get()
                if do == "unknown":
                    iq = self.make_iq_get(queryxmlns="urn:example:unknown", ito=command["to"])
                elif do == "roster-get":
                    iq.enable("roster")
                elif do == "roster-remove":
                    iq["roster"]["items"] = {command["jid"]: {"subscription": "remove"}}
                else:
                    groups = [g for g in command.get("groups", "").split(",") if g]
                    iq["roster"]["items"] = {command["jid"]: {"name": command.get("name", ""), "groups": groups}}
                    for element in iq.xml.iter("{jabber:iq:roster}item"):
                        element.attrib.pop("subscription", None)
                reply = await iq.send(timeout=15)
            if do == "roster-get":
                for element in reply.xml.iter("{jabber:iq:roster}item"):
                    self.item("roster-item", element, id=request)
            features = [f.get("var") for f in reply.xml.iter("{http://jabber.org/protocol/disco#info}feature")] \
                if hasattr(reply, "xml") else []
            self.emit("reply", id=request, type="result", features=" ".join(features))
        except IqError as error:
            self.emit("reply", id=request, type="error", condition=error.condition)
        except IqTimeout:
            self.emit("reply", id=request, type="timeout")

    def do(self, command):
        do = command["do"]
        if do == "presence":
            self.send_presence(pto=command.get("to"), ptype=command.get("type"), pshow=command.get("show"),
                               pstatus=command.get("status"), ppriority=command.get("priority"))
        elif do == "message":
            self.send_message(command["to"], command.get("body"), mtype=command.get("type", "chat"))
        elif do == "stanza":
            self.send_stanza(command["xml"])
        elif do == "signed":
            self.say_signed(command)
        elif do == "lose":
            self.is_losing = True
            self.transport.abort()
        elif do == "close":
            self.disconnect(wait=2.0)
        else:
            asyncio.ensure_future(self.ask(command))


async def play(link):
    reader, writer = await asyncio.open_connection(sock=link, limit=1 << 22)

    def emit(event, **fields):
        line = json.dumps({"event": event, **{k: str(v or "") for k, v in fields.items()}})
        writer.write(line.encode() + b"\n")

    client = None
    while line := await reader.readline():
        command = json.loads(line)
        if command["do"] == "connect":
            client = Adapter(command, emit)
            client.reach(command)
        elif client is not None:
            client.do(command)
        if command["do"] == "close":
            break
    else:
        os._exit(0)  # killed: nothing is closed but by the kernel
    if client is not None and client.is_connected():
        await asyncio.wait_for(client.disconnected, 10)
    writer.close()
    await writer.wait_closed()


def serve(listener):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    gc.freeze()  # what is loaded stays shared with the children
    while True:
        ready, _, _ = select.select([sys.stdin, listener], [], [])
        if sys.stdin in ready:
            return
        link, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            sys.stdin.close()
            asyncio.run(play(link))
            return
        link.close()


serve(socket.socket(fileno=int(sys.argv[1])))
