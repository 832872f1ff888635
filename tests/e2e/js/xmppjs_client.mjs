// SPDX-License-Identifier: Apache-2.0
// Adapter for @xmpp/client; the line protocol is described in clients.py.
import { webcrypto } from "node:crypto";
import readline from "node:readline";

globalThis.crypto ??= webcrypto; // Node.js 18, as in Debian 12
const { client: newClient, xml, jid: parseJid } = await import("@xmpp/client");

function emit(event, fields = {}) {
  const out = { event };
  for (const [key, value] of Object.entries(fields)) out[key] = value == null ? "" : String(value);
  process.stdout.write(JSON.stringify(out) + "\n");
}

function emitItem(event, item, more = {}) {
  const groups = item.getChildren("group").map((g) => g.text()).sort();
  const { jid, name, subscription, ask } = item.attrs;
  emit(event, { jid, name, subscription, ask, groups: groups.join(","), ...more });
}

let xmpp = null;
let isOnline = false;

function onStanza(stanza) {
  const { from, type, id } = stanza.attrs;
  if (stanza.is("presence")) {
    const text = (name) => stanza.getChildText(name);
    emit("presence", { from, type, id, show: text("show"), status: text("status"), priority: text("priority") });
  } else if (stanza.is("message")) {
    emit("message", { from, type, id, body: stanza.getChildText("body") });
  }
}

function connect(command) {
  const address = parseJid(command.jid);
  const scheme = command.tls === "direct" ? "xmpps" : "xmpp";
  xmpp = newClient({
    service: `${scheme}://${command.host}:${command.port}`,
    domain: address.domain,
    resource: address.resource || undefined,
    username: address.local,
    password: command.password,
    timeout: 15000,
  });
  xmpp.reconnect.stop();
  xmpp.iqCallee.set("jabber:iq:roster", "query", ({ element }) => {
    emitItem("push", element.getChild("item"));
    return true;
  });
  xmpp.on("stanza", onStanza);
  xmpp.on("error", (error) => emit("stream-error", { condition: error.condition ?? error.message }));
  xmpp.on("online", (full) => {
    isOnline = true;
    emit("online", { jid: full });
  });
  xmpp.on("disconnect", () => isOnline && emit("closed"));
  xmpp.start().catch((error) => {
    emit("failed", { reason: error.condition ?? error.message });
    xmpp.stop().catch(() => {});
  });
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

async function ask(command) {
  const { id } = command;
  try {
    const reply = await xmpp.iqCaller.request(request(command), 15000);
    const query = reply.getChild("query");
    if (command.do === "roster-get") {
      for (const item of query?.getChildren("item") ?? []) emitItem("roster-item", item, { id });
    }
    const features = (query?.getChildren("feature") ?? []).map((f) => f.attrs.var);
    emit("reply", { id, type: "result", features: features.join(" ") });
  } catch (error) {
    if (error.name === "TimeoutError") emit("reply", { id, type: "timeout" });
    else emit("reply", { id, type: "error", condition: error.condition ?? error.message });
  }
}

async function run(command) {
  const { to, type, show, status, priority, body } = command;
  const child = (name, text) => (text === undefined ? [] : [xml(name, {}, text)]);
  switch (command.do) {
    case "connect":
      return connect(command);
    case "presence":
      return xmpp.send(
        xml("presence", { to, type }, ...child("show", show), ...child("status", status), ...child("priority", priority)),
      );
    case "message":
      return xmpp.send(xml("message", { to, type: type ?? "chat" }, ...child("body", body)));
    case "close":
      if (isOnline) await xmpp.stop();
      return process.exit(0);
    default:
      return ask(command);
  }
}

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => run(JSON.parse(line)).catch((error) => emit("noise", { line: error.message })));
