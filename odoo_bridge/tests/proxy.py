"""Between the bridge and its servers: proxies that lose what they were given."""

import http.client
import json
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class LosingProxy(ThreadingHTTPServer):
    """Hands calls on to Odoo at ``url``. After ``lose(method)`` the next call of that method is
    handed on and answered by Odoo, which has committed then; the client gets a closed connection.

    ``calls`` are the methods that reached Odoo, in order. The address is ``here``.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(url)
        self.odoo = parts.hostname or "", parts.port or 80
        self.here = f"http://127.0.0.1:{self.server_address[1]}"
        self.calls: list[str] = []
        self._losing: list[str] = []
        self._lock = threading.Lock()

    def lose(self, *methods: str) -> None:
        self._losing += methods

    def is_to_lose(self, method: str) -> bool:
        with self._lock:
            self.calls.append(method)
            if method not in self._losing:
                return False
            self._losing.remove(method)
            return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: LosingProxy

    def do_GET(self) -> None:
        self._hand_on()

    def do_POST(self) -> None:
        self._hand_on()

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        lost = self.server.is_to_lose(_method(self.path, body))
        connection = http.client.HTTPConnection(*self.server.odoo, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.close_connection = True
        if lost:
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _method(path: str, body: bytes) -> str:
    """What is called: of a model in either protocol, else the page."""
    if path.startswith("/json/2/"):
        return path.rpartition("/")[2]
    try:
        return str(json.loads(body)["params"]["args"][4])
    except (ValueError, KeyError, IndexError):
        return path


@contextmanager
def losing_proxy(url: str) -> Iterator[LosingProxy]:
    proxy = LosingProxy(url)
    threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()


class DroppingProxy:
    """Hands bytes on to a server, until ``drop()``: then the connections there are stay open, and
    nothing comes through them any more, as when a firewall forgot them. ``deaf``: nor through new
    ones. The port is ``port``."""

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.deaf = False
        self._other: dict[socket.socket, socket.socket] = {}
        self._dropped: list[socket.socket] = []
        self._to_drop, self._ended = threading.Event(), threading.Event()

    def drop(self) -> None:
        """Returns once it is in force."""
        self._to_drop.set()
        while self._to_drop.is_set():
            self._ended.wait(0.01)

    def run(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._listener, selectors.EVENT_READ)
            while not self._ended.is_set():
                for key, _events in ready.select(0.05):
                    if key.fileobj is self._listener:
                        self._accept(ready)
                    elif isinstance(key.fileobj, socket.socket):
                        self._hand_on(ready, key.fileobj)
                if self._to_drop.is_set():
                    for each in list(self._other):
                        ready.unregister(each)
                        self._dropped.append(each)
                    self._other.clear()
                    self._to_drop.clear()
        for each in (self._listener, *self._other, *self._dropped):
            each.close()

    def _accept(self, ready: selectors.BaseSelector) -> None:
        client, _address = self._listener.accept()
        if self.deaf:
            self._dropped.append(client)
            return
        try:
            server = socket.create_connection(self._server)
        except OSError:
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            self._other[one] = other
            ready.register(one, selectors.EVENT_READ)

    def _hand_on(self, ready: selectors.BaseSelector, one: socket.socket) -> None:
        if one not in self._other:
            return  # closed with the other a moment ago
        other = self._other[one]
        with suppress(OSError):
            if data := one.recv(65536):
                other.sendall(data)
                return
        for each in (one, other):
            ready.unregister(each)
            del self._other[each]
            each.close()

    def end(self) -> None:
        self._ended.set()


@contextmanager
def dropping_proxy(url: str) -> Iterator[DroppingProxy]:
    """``url``: of the server, such as Redis."""
    parts = urlsplit(url)
    proxy = DroppingProxy(parts.hostname or "127.0.0.1", parts.port or 6379)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.end()
        thread.join(10)
