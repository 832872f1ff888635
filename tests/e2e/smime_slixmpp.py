# SPDX-License-Identifier: Apache-2.0
"""A plug-in for slixmpp that says what is signed end to end (RFC 3923) and hears what the server has found out of such
stanzas."""
from slixmpp import Iq, Message, Presence
from slixmpp.plugins import BasePlugin
from slixmpp.plugins.base import register_plugin
from slixmpp.xmlstream import ElementBase, register_stanza_plugin

from smime_object import entity, pair_read, signed, stamp

NS_E2E = "urn:ietf:params:xml:ns:xmpp-e2e"
NS_MARK = "urn:xmpp:muster:e2e:0"


class Object(ElementBase):
    name = plugin_attrib = "e2e"
    namespace = NS_E2E
    interfaces = {"text"}

    def get_text(self):
        return self.xml.text or ""

    def set_text(self, text):
        self.xml.text = text


class Mark(ElementBase):
    name = "e2e-status"
    namespace = NS_MARK
    plugin_attrib = "e2e_mark"
    interfaces = {"result", "reason", "jid", "key", "time", "eku", "beside"}


class Enable(ElementBase):
    name = plugin_attrib = "enable"
    namespace = NS_MARK


class SignedStanzas(BasePlugin):
    name = "rfc3923"
    description = "End-to-end signed stanzas"
    dependencies = set()
    default_config = {"certificate": None, "key": None}

    def plugin_init(self):
        for kind in (Message, Presence, Iq):
            register_stanza_plugin(kind, Object)
        register_stanza_plugin(Message, Mark)
        register_stanza_plugin(Presence, Mark)
        register_stanza_plugin(Iq, Enable)

    async def enable(self):
        iq = self.xmpp.make_iq_set()
        iq.enable("enable")
        return await iq.send(timeout=15)

    def make(self, kind, to, said, tamper="", offset_s=0):
        """The text of an object; `tamper`: an octet of what was signed is another then."""
        text = entity(kind, self.xmpp.boundjid.bare, to.partition("/")[0], said, stamp(offset_s))
        made = signed(text, *pair_read(self.certificate, self.key), tamper == "bare")
        return made.replace(said, said[:-1] + "!") if tamper == "octet" else made

    def say(self, kind, to, text, **more):
        x = self.xmpp
        stanza = (x.make_message(to, mtype="chat") if kind == "message" else x.make_presence(pto=to) if kind == "presence"
                  else x.make_iq_set(ito=to))
        stanza["id"] = more.get("id") or self.xmpp.new_id()
        stanza["e2e"]["text"] = text
        if more.get("body"):
            stanza["body"] = more["body"]
        stanza.send()


register_plugin(SignedStanzas)
