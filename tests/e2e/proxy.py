# SPDX-License-Identifier: Apache-2.0
"""What stands between a client and a server, where a test wants to spoil or cut what goes through."""
import contextlib
import re
import selectors
import socket
import threading


class Proxy:
    """Forwards both ways; calls spoil(proxy, client, bytes) for what goes to a client, which returns what really goes, and hears(client, bytes)
    for what comes from one. cut() ends every
    connection in both directions, and takes no new one until mend()."""

    def __init__(self, port, spoil=lambda proxy, client, data: data, hears=lambda client, data: None):
        self.target, self.spoil, self.hears = ("127.0.0.1", port), spoil, hears
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.sockets, self.clients, self.names = [], [], {}
        self.memory = {}  # what a fault remembers
        self.stops = self.is_cut = False
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def accept(self):
        client, _ = self.listener.accept()
        if self.is_cut:
            client.close()
            return
        server = socket.create_connection(self.target)
        self.sockets += client, server
        self.clients.append(client)
        self.selector.register(client, selectors.EVENT_READ, (server, None))
        self.selector.register(server, selectors.EVENT_READ, (client, client))

    def forward(self, source, peer, client):
        try:
            data = source.recv(1 << 20)
        except ConnectionError:
            data = b""
        if not data:
            for end in (source, peer):
                if end.fileno() >= 0:
                    self.selector.unregister(end)
                    end.close()
            return
        if client is not None:
            bound = re.search(rb"<jid>(user\d+)@", data)
            if bound:
                self.names[client] = bound.group(1).decode()
            data = self.spoil(self, client, data)
        else:
            self.hears(source, data)
        peer.sendall(data)

    def run(self):
        while not self.stops:
            for key, _ in self.selector.select(0.1):
                if key.data is None:
                    self.accept()
                elif key.fileobj.fileno() >= 0:
                    try:
                        self.forward(key.fileobj, *key.data)
                    except OSError:
                        pass  # the peer is gone: its own end is read next

    def cut(self):
        self.is_cut = True
        for end in self.sockets:
            with contextlib.suppress(OSError):  # it may be closed
                end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        self.is_cut = False

    def close(self):
        self.stops = True
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
