"""Between the bridge and a real Odoo: a proxy that loses answers Odoo has given."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
