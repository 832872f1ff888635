# SPDX-License-Identifier: Apache-2.0
"""Profanity, driven as a person drives it: commands typed at a terminal. What it was told is read from its own log, which has every
stanza."""
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import tempfile
import termios
import threading
import time
import xml.etree.ElementTree as ElementTree

from clients import DEADLINE_S, Failure, Missing
from proxy import Proxy

LINES, COLUMNS = 50, 160
PAUSE_S = 0.02  # between looks at the log, which has no way to say that it has grown


class Profanity:
    """One run of the program, in a home of its own."""

    def __init__(self, server):
        if not shutil.which("profanity"):
            raise Missing("profanity is not installed")
        self.server = server
        self.proxy = Proxy(server.starttls_port)
        self.jid = None
        self.read = 0  # of the log
        self.stanzas = []
        self.home = tempfile.mkdtemp(prefix="muster-profanity-")
        self.log = os.path.join(self.home, "log")
        environment = dict(os.environ, HOME=self.home, XDG_CONFIG_HOME=os.path.join(self.home, "config"), TERM="xterm",
                           XDG_DATA_HOME=os.path.join(self.home, "data"), LC_ALL="C.UTF-8", SSL_CERT_FILE=server.ca)
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execvpe("profanity", ["profanity", "-l", "DEBUG", "-f", self.log], environment)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.screen = threading.Thread(target=self._watch, daemon=True)
        self.screen.start()
        self.wait_log("Starting main event loop|Input received|Starting Profanity")

    def _watch(self):
        """A terminal that is not read stops the program."""
        try:
            while os.read(self.terminal, 65536):
                pass
        except OSError:
            pass  # it has ended

    def _fresh(self):
        """The log's new lines, complete ones."""
        try:
            with open(self.log, errors="replace") as log:
                log.seek(self.read)
                text = log.read()
        except FileNotFoundError:
            return ""
        whole = text[:text.rfind("\n") + 1]
        self.read += len(whole.encode())
        return whole

    def _gather(self):
        text = self._fresh()
        for line in re.findall(r"xmpp: DBG: RECV: (<(?:presence|message|iq)\b.*)", text):
            # It prints what its parser made of the stanza, without the stream's prefixes.
            self.stanzas.append(ElementTree.fromstring(line))
        return text

    def _wait(self, look, what):
        end = time.monotonic() + DEADLINE_S
        while (found := look()) is None:
            if time.monotonic() > end:
                tail = [ElementTree.tostring(s, encoding="unicode")[:300] for s in self.stanzas[-8:]]
                raise Failure(f"profanity {self.jid or ''}: waited for {what}; it has {tail}")
            time.sleep(PAUSE_S)
        return found

    def wait_log(self, pattern):
        seen = []

        def look():
            seen.append(self._gather())
            return re.search(pattern, "".join(seen))
        return self._wait(look, pattern)

    def type(self, line):
        os.write(self.terminal, line.encode() + b"\r")

    def expect(self, kind, where=lambda stanza: True, **attributes):
        """Take the first stanza of that kind that matches."""
        def look():
            self._gather()
            for index, stanza in enumerate(self.stanzas):
                if stanza.tag.rpartition("}")[2] == kind and where(stanza) and all(
                        (stanza.get(key.rstrip("_")) or "") == value for key, value in attributes.items()):
                    return self.stanzas.pop(index)
            return None
        return self._wait(look, f"{kind} {attributes}")

    def forget(self):
        """What has come until now."""
        self._gather()
        self.stanzas.clear()

    def log_in(self, jid, password, tls="trust"):
        self.type(f"/connect {jid} server 127.0.0.1 port {self.proxy.port} tls {tls}")
        self.wait_log("Input received: /connect")
        self.type(password)
        self.type("/reconnect 1")
        own = self.expect("presence", where=lambda s: s.get("from", "").startswith(jid + "/"))
        self.jid = own.get("from")
        return self

    def close(self):
        try:
            self.type("/quit")
        except OSError:
            pass  # it has ended
        end = time.monotonic() + DEADLINE_S
        while os.waitpid(self.process, os.WNOHANG) == (0, 0):
            if time.monotonic() > end:
                os.kill(self.process, signal.SIGKILL)
                os.waitpid(self.process, 0)
                break
            time.sleep(PAUSE_S)
        self.screen.join(DEADLINE_S)
        os.close(self.terminal)
        self.proxy.close()
        shutil.rmtree(self.home, ignore_errors=True)
