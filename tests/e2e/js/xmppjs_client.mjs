// SPDX-License-Identifier: Apache-2.0
// Host of @xmpp/client clients, all in this process; the line protocol is described in clients.py.
import { createHmac, webcrypto } from "node:crypto";
import net from "node:net";
import readline from "node:readline";

globalThis.crypto ??= webcrypto; // Node.js 18, as in Debian 12
// The library stretches passwords with two of these calls an iteration, each a job for a thread: most of a log-in's time.
Object.assign(crypto.subtle, {
  importKey: (format, key, { hash }) => ({ key, hash: hash.replace("-", "") }),
  sign: (name, { key, hash }, message) => createHmac(hash, key).update(message).digest(),
  verify: (name, { key, hash }, signature, message) => createHmac(hash, key).update(message).digest().equals(signature),
});
const { client: newClient, xml, jid: parseJid } = await import("@xmpp/client");
const { default: parse } = await import("@xmpp/xml/lib/parse.js");

const TIMEOUT_MS = 15000;

// One client: a connection of the driver's, and what it has asked for.
class Adapter {
  xmpp = null;
  isOnline = false;
  isLosing = false; // the connection was cut by the driver

  constructor(link) {
    this.link = link;
    const lines = readline.createInterface({ input: link });
    lines.on("line", (line) => this.run(JSON.parse(line)).catch((error) => this.emit("noise", { line: error.message })));
    link.on("end", () => this.vanish());
    link.on("error", () => this.vanish());
  }

  emit(event, fields = {}) {
    const out = { event };
    for (const [key, value] of Object.entries(fields)) out[key] = value == null ? "" : String(value);
    if (this.link.writable) this.link.write(JSON.stringify(out) + "\n");
  }

  emitItem(event, item, more = {}) {
    const groups = item.getChildren("group").map((g) => g.text()).sort();
    const { jid, name, subscription, ask } = item.attrs;
    this.emit(event, { jid, name, subscription, ask, groups: groups.join(","), ...more });
  }

  onStanza(stanza) {
    const { from, type, id } = stanza.attrs;
    if (stanza.is("presence")) {
      const text = (name) => stanza.getChildText(name);
      this.emit("presence", { from, type, id, show: text("show"), status: text("status"), priority: text("priority") });
    } else if (stanza.is("message")) {
      this.emit("message", { from, type, id, body: stanza.getChildText("body") });
    }
  }

  connect(command) {
    const address = parseJid(command.jid);
    const scheme = command.tls === "direct" ? "xmpps" : "xmpp";
    const xmpp = newClient({
      service: `${scheme}://${command.host}:${command.port}`,
      domain: address.domain,
      resource: address.resource || undefined,
      username: address.local,
      password: command.password,
      userAgent: command.agent && xml("user-agent", { id: command.agent }),
      timeout: TIMEOUT_MS,
    });
    this.xmpp = xmpp;
    // A log-in token (XEP-0484): the one given with the command, and those that the server gives. They are an installation's.
    xmpp.fast.fetchToken = async () => command.token && { token: command.token, mechanism: command.mechanism, expiry: command.expiry };
    xmpp.fast.saveToken = async (token) => this.emit("token", token);
    // It wants its session kept for a second, if nothing else is asked for: contacts learn of its death soon.
    xmpp.streamManagement.preferredMaximum = Number(command.resume ?? 1);
    xmpp.streamManagement.on("resumed", () => this.emit("resumed"));
    xmpp.reconnect.delay = 10;
    if (!command.resume) xmpp.reconnect.stop();
    xmpp.iqCallee.set("jabber:iq:roster", "query", ({ element }) => {
      this.emitItem("push", element.getChild("item"));
      return true;
    });
    xmpp.on("stanza", (stanza) => this.onStanza(stanza));
    if (command.raw) {
      xmpp.on("stanza", (stanza) => {
        const { from, to, type, id } = stanza.attrs;
        this.emit("stanza", { name: stanza.name, from, to, type, id, xml: stanza });
      });
    }
    if (command.notify) {
      xmpp.iqCallee.get("http://jabber.org/protocol/disco#info", "query", ({ element }) =>
        xml("query", element.attrs, xml("identity", { category: "client", type: "pc" }), xml("feature", { var: `${command.notify}+notify` })));
    }
    xmpp.on("error", (error) => this.emit("stream-error", { condition: error.condition ?? error.message }));
    xmpp.on("online", (full) => {
      this.isOnline = true;
      this.isLosing = false;
      this.socket?.setNoDelay(true); // or every second stanza waits 40 ms for the acknowledgement of the one before
      this.emit("online", { jid: full });
    });
    xmpp.on("disconnect", () => this.isOnline && !this.isLosing && this.emit("closed"));
    xmpp.start().catch((error) => {
      this.emit("failed", { reason: error.condition ?? error.message });
      xmpp.stop().catch(() => {});
    });
  }

  // The library does not count the replies to its own queries (@xmpp/client 0.14: they do not come as far as its stream management); what
  // it says to have got when it resumes would be too little, and all that is missing would come again.
  countReply() {
    const { streamManagement } = this.xmpp;
    if (streamManagement.enabled) streamManagement.inbound += 1;
  }

  async ask(command) {
    const { id } = command;
    try {
      const reply = await this.xmpp.iqCaller.request(request(command), TIMEOUT_MS);
      this.countReply();
      const query = reply.getChild("query");
      if (command.do === "roster-get") {
        for (const item of query?.getChildren("item") ?? []) this.emitItem("roster-item", item, { id });
      }
      const features = (query?.getChildren("feature") ?? []).map((f) => f.attrs.var);
      this.emit("reply", { id, type: "result", features: features.join(" ") });
    } catch (error) {
      if (error.name === "TimeoutError") return this.emit("reply", { id, type: "timeout" });
      this.countReply();
      this.emit("reply", { id, type: "error", condition: error.condition ?? error.message });
    }
  }

  async run(command) {
    const { to, type, show, status, priority, body } = command;
    const child = (name, text) => (text === undefined ? [] : [xml(name, {}, text)]);
    switch (command.do) {
      case "connect":
        return this.connect(command);
      case "presence":
        return this.xmpp.send(
          xml("presence", { to, type }, ...child("show", show), ...child("status", status), ...child("priority", priority)),
        );
      case "message":
        return this.xmpp.send(xml("message", { to, type: type ?? "chat" }, ...child("body", body)));
      case "stanza":
        return this.xmpp.send(parse(command.xml));
      case "lose":
        this.isLosing = true;
        return this.vanish();
      case "close":
        this.xmpp.reconnect.stop();
        if (this.isOnline) await this.xmpp.stop().catch(() => {});
        this.vanish();
        return this.link.end();
      default:
        return this.ask(command);
    }
  }

  // Node's socket, which the library's own TLS socket wraps.
  get socket() {
    const socket = this.xmpp?.socket;
    return socket?.socket ?? socket;
  }

  vanish() {
    this.socket?.destroy();
  }
}

function request(command) {
  const roster = (...items) => xml("query", { xmlns: "jabber:iq:roster" }, ...items);
  const { to, jid, name } = command;
  const groups = (command.groups ?? "").split(",").filter((g) => g);
  switch (command.do) {
    case "roster-get":
      return xml("iq", { type: "get" }, roster());
    case "roster-set":
      return xml("iq", { type: "set" }, roster(xml("item", { jid, name }, groups.map((g) => xml("group", {}, g)))));
    case "roster-remove":
      return xml("iq", { type: "set" }, roster(xml("item", { jid, subscription: "remove" })));
    case "ping":
      return xml("iq", { type: "get", to }, xml("ping", { xmlns: "urn:xmpp:ping" }));
    case "disco":
      return xml("iq", { type: "get", to }, xml("query", { xmlns: "http://jabber.org/protocol/disco#info" }));
    default:
      return xml("iq", { type: "get", to }, xml("query", { xmlns: "urn:example:unknown" }));
  }
}

net.createServer((link) => new Adapter(link)).listen({ fd: Number(process.argv[2]) });
process.stdin.on("end", () => process.exit(0)).resume();
