# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared, each started on loopback with the same certificate, and given the same accounts and
rosters by means of its own. What is tuned is said beside each setting."""
import glob
import os
import shutil
import subprocess
import sys
import time
from xml.sax.saxutils import quoteattr

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "e2e"))
import servers  # noqa: E402

IMPORT_DEADLINE_S = 900
DEBIAN_LIBRARIES = "/usr/lib/%s-linux-gnu" % os.uname().machine


def lines(path):
    with open(path) as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


def rosters_by_owner(path):
    rosters = {}
    for owner, contact, subscription, *_ in lines(path):
        rosters.setdefault(owner, []).append((contact, subscription))
    return rosters


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip()


class Musterd(servers.Musterd):
    name = "musterd"
    # Each change counts here, and none is held for a reader that is behind: the peers send every one, too. Nor is a sender slowed
    # down: they have no such limits as they are set up here.
    extra = "presence: {conflate_bytes: 0}\nlimits: {stanza_rate: 0, byte_rate: 0, stranger_rate: 0}\n"
    def open(self, accounts, rosters):
        """Start with these accounts and rosters."""
        self.start()
        self.musterctl("user", "import", accounts)
        if os.path.getsize(rosters) > 0:
            self.musterctl("roster", "import", rosters)

    def group(self, accounts):
        with open(self.path("groups.tsv"), "w") as out:
            out.write("".join(f"everybody\t{jid}\n" for jid, _ in lines(accounts)))
        self.musterctl("group", "import", self.path("groups.tsv"))

    @staticmethod
    def missing(build):
        return None

    def version(self):
        return output_of(os.path.join(self.build, "musterd"), "--version").removeprefix("musterd ")

    def notes(self):
        return f"workers: {self.workers}; presence.conflate_bytes: 0, so that every change is delivered"


class Prosody(servers.Prosody):
    name = "prosody"

    def write_config(self):
        os.makedirs(self.path("data"), exist_ok=True)
        os.makedirs(self.path("certs"), exist_ok=True)  # where it looks for more
        with open(self.path("prosody.cfg.lua"), "w") as out:
            out.write(f"""\
run_as_root = true
pidfile = "{self.path("prosody.pid")}"
data_path = "{self.path("data")}"
log = {{ {{ levels = {{ min = "warn" }}, to = "console" }} }}
network_backend = "epoll"
-- Answers at once; room for a log-in storm.
network_settings = {{ nagle = false, tcp_backlog = 4096 }}
limits = {{}}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.starttls_port} }}
c2s_direct_tls_ports = {{ {self.direct_port} }}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
-- Nothing loaded that the scenarios do not need.
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "presence", "message", "iq", "posix", "groups" }}
modules_disabled = {{ "s2s", "offline", "limits" }}
groups_file = "{self.path("groups.txt")}"
authentication = "internal_hashed"
password_hash = "SHA-256"
ssl = {{ certificate = "{self.path("cert.pem")}", key = "{self.path("key.pem")}", ciphersuites = "TLS_AES_128_GCM_SHA256" }}
VirtualHost "{servers.DOMAIN}"
""")
        open(self.path("groups.txt"), "a").close()

    def store(self, kind, name):
        folder = self.path(f"data/{servers.DOMAIN}/{kind}")
        os.makedirs(folder, exist_ok=True)
        return open(os.path.join(folder, name + ".dat"), "w")

    def open(self, accounts, rosters):
        """Into its own files; passwords are hashed at each account's first log-in."""
        for jid, password in lines(accounts):
            with self.store("accounts", jid.split("@")[0]) as out:
                out.write(f'return {{ ["password"] = "{password}"; }};\n')
        for owner, items in rosters_by_owner(rosters).items():
            with self.store("roster", owner.split("@")[0]) as out:
                out.write('return {\n[false] = { ["version"] = 1; ["pending"] = {}; };\n')
                for contact, subscription in items:
                    out.write(f'["{contact}"] = {{ ["subscription"] = "{subscription}"; ["groups"] = {{}}; }};\n')
                out.write("};\n")
        self.start()

    def group(self, accounts):
        with open(self.path("groups.txt"), "w") as out:
            out.write("[everybody]\n" + "".join(f"{jid}\n" for jid, _ in lines(accounts)))
        self.restart()

    @staticmethod
    def missing(build):
        return None if shutil.which("prosody") else "not installed"

    def version(self):
        return output_of("dpkg-query", "-W", "-f", "${Version}", "prosody")

    def notes(self):
        return "one thread, as it is made; epoll, no Nagle, only the modules needed, log from warnings on, no rate limits"


class Ejabberd(servers.Server):
    name = "ejabberd"
    log_name = "ejabberd.out"

    def choose_ports(self):
        self.starttls_port, self.direct_port = servers.free_ports(2)
        self.plain_port = self.starttls_port

    def write_config(self):
        with open(self.path("both.pem"), "w") as out:
            for part in ("cert.pem", "key.pem"):
                with open(self.path(part)) as file:
                    out.write(file.read())
        listener = "    module: ejabberd_c2s\n    ip: 127.0.0.1\n    shaper: none\n    access: c2s\n    max_stanza_size: 1000000\n    backlog: 4096\n"
        with open(self.path("ejabberd.yml"), "w") as out:
            out.write(f"""\
hosts: [{servers.DOMAIN}]
loglevel: warning
hide_sensitive_log_data: false
certfiles: [{self.path("both.pem")}]
auth_method: internal
auth_password_format: scram
auth_scram_hash: sha256
default_db: mnesia
c2s_tls_compression: false
listen:
  - port: {self.starttls_port}
{listener}    starttls: true
  - port: {self.direct_port}
{listener}    tls: true
access_rules:
  c2s:
    - allow: all
modules:
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
  mod_shared_roster: {{}}
""")

    def launch(self):
        environment = dict(os.environ, ERL_LIBS=DEBIAN_LIBRARIES, HOME=self.folder, ERL_CRASH_DUMP="/dev/null",
                           EJABBERD_CONFIG_PATH=self.path("ejabberd.yml"), EJABBERD_LOG_PATH=self.path("ejabberd.log"))
        command = ["erl", "-noinput", "-boot", "start_sasl", "-sasl", "sasl_error_logger", "false",
                   "-mnesia", "dir", f'"{self.path("mnesia")}"',
                   # Room for the sessions; schedulers that wait without spinning, or idle ones would count as work.
                   "+K", "true", "+P", "500000", "+Q", "65536", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none",
                   "-s", "ejabberd"]
        if os.path.exists(self.path("import.erl")):
            command += ["-eval", f'file:script("{self.path("import.erl")}")']
        with open(self.path(self.log_name), "a") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def is_ready(self):
        return self.listens(self.starttls_port) and self.listens(self.direct_port)

    def script(self, text, says):
        """Have the running server, started anew, evaluate Erlang."""
        with open(self.path("import.erl"), "w") as out:
            out.write(f'ok = ejabberd:start_app(ejabberd), {text},\nfile:write_file("{self.path(says)}", "done").\n')
        self.restart()
        end = time.monotonic() + IMPORT_DEADLINE_S
        while not os.path.exists(self.path(says)):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("ejabberd did not import:\n" + self.log_text()[-2000:])
            time.sleep(0.2)
        os.unlink(self.path("import.erl"))
        os.unlink(self.path(says))

    def open(self, accounts, rosters):
        """As XEP-0227, which is what it imports from other servers."""
        owned = rosters_by_owner(rosters)
        with open(self.path("import.xml"), "w") as out:
            out.write(f"<?xml version='1.0'?>\n<server-data xmlns='urn:xmpp:pie:0'><host jid='{servers.DOMAIN}'>\n")
            for jid, password in lines(accounts):
                items = "".join(f"<item jid={quoteattr(c)} subscription='{s}'/>" for c, s in owned.get(jid, ()))
                out.write(f"<user name={quoteattr(jid.split('@')[0])} password={quoteattr(password)}>"
                          f"<query xmlns='jabber:iq:roster'>{items}</query></user>\n")
            out.write("</host></server-data>\n")
        self.script(f'ok = ejabberd_piefxis:import_file(<<"{self.path("import.xml")}">>)', "imported")

    def group(self, accounts):
        self.script(f'mod_shared_roster:create_group(<<"{servers.DOMAIN}">>, <<"everybody">>, '
                    '[{label, <<"everybody">>}, {displayed_groups, [<<"everybody">>]}, {all_users, true}])', "grouped")

    @staticmethod
    def missing(build):
        return None if shutil.which("erl") and glob.glob(DEBIAN_LIBRARIES + "/ejabberd-*/ebin") else "not installed"

    def version(self):
        return output_of("dpkg-query", "-W", "-f", "${Version}", "ejabberd")

    def notes(self):
        return ("all processors, as it is made; Mnesia, no shaper, only the modules needed, log from warnings on, schedulers that "
                "do not spin")


PEERS = {peer.name: peer for peer in (Musterd, Prosody, Ejabberd)}
