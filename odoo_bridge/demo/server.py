"""The demo Odoo's HTTP server."""

from __future__ import annotations

import gzip
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any

from odoo_bridge.demo.faults import Fault
from odoo_bridge.demo.protocols import (
    NO_RESULT,
    Answer,
    Question,
    Request,
    as_odoo_error,
    read_request,
)

if TYPE_CHECKING:
    from odoo_bridge.demo.odoo import DemoOdoo

# Smaller answers are not worth compressing.
GZIP_BYTES = 1024


class ConnectionLost(Exception):
    """A fault asks to close the socket instead of answering."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without this a kept-alive answer can wait 40 ms for the client's acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet
    server: _HttpServer

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def _respond(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        demo = self.server.demo
        asked = read_request(demo, request)
        if isinstance(asked, Answer):
            demo.log_call("web", request.path, {}, asked.status)
            self._send(asked)
            return
        faults = demo.faults.take(asked.model, asked.method)
        try:
            answer = _answer(asked, faults)
        except ConnectionLost:
            demo.log_call(asked.model, asked.method, asked.kwargs, 0)
            self._hang_up()
            return
        demo.log_call(asked.model, asked.method, asked.kwargs, answer.status)
        self._send(answer, {fault.kind: fault.options for fault in faults})

    def _send(self, answer: Answer, faults: dict[str, dict[str, Any]] | None = None) -> None:
        faults = faults or {}
        body = answer.body
        headers = dict(answer.headers)
        accepted = self.headers.get("Accept-Encoding", "")
        if len(body) > GZIP_BYTES and "gzip" in accepted and "drip" not in faults:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        # Python's default keeps a connection open; HTTP/1.0 clients and "close" end it.
        headers["Connection"] = "close" if self.close_connection else "keep-alive"
        if "cut" in faults:
            at = faults["cut"]["at"]
            body = body[: len(body) // 2 if at is None else at]
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        try:
            if "drip" in faults:
                start = b""
                if faults["drip"]["headers"]:
                    connection, self.wfile = self.wfile, io.BytesIO()
                    self.end_headers()
                    start, self.wfile = self.wfile.getvalue(), connection
                else:
                    self.end_headers()
                    self.wfile.flush()
                self._drip(start + body, faults["drip"]["seconds"])
            else:
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()
        except OSError:
            # The client has gone, as it may.
            self.close_connection = True
        if "cut" in faults:
            self._hang_up()

    def _drip(self, body: bytes, seconds: float) -> None:
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.stopping.wait(seconds):
                break

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(self.server.demo.clock.now().replace(microsecond=0), usegmt=True)

    def version_string(self) -> str:
        return "DemoOdoo"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the calls are in ``demo.calls``."""


def _answer(asked: Question, faults: list[Fault]) -> Answer:
    """Run one call, with what goes wrong on the way."""
    answer: Answer | None = None
    lost = False
    for fault in faults:
        options = fault.options
        match fault.kind:
            case "delay":
                time.sleep(options["seconds"])
            case "hook":
                options["run"]()
            case "reset":
                raise ConnectionLost
            case "after_commit_reset":
                lost = True
            case "status":
                answer = Answer.html(options["code"], options["body"], **options["headers"])
            case "html":
                answer = Answer.html(200, options["body"])
            case "busy":
                retry_after = {"Retry-After": str(options["retry_after"])}
                answer = Answer.html(429, "<h1>Too Many Requests</h1>", **retry_after)
            case "redirect":
                answer = Answer.html(302, "", Location=options["location"])
            case "no_result":
                answer = asked.result(NO_RESULT)
            case "wrong_type":
                answer = asked.result(options["result"])
            case "access_denied":
                answer = asked.error(asked.refusal())
    if answer is None:
        try:
            answer = asked.result(asked.run())
        except Exception as error:  # whatever it is, Odoo would report it to the client
            answer = asked.error(as_odoo_error(error))
    if lost:
        raise ConnectionLost
    return answer


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    # Waiting for handlers would wait for clients that keep their connection open.
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], demo: DemoOdoo) -> None:
        super().__init__(address, _Handler)
        self.demo = demo
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._tracked(request):
            super().process_request_thread(request, client_address)

    @contextmanager
    def _tracked(self, connection: socket.socket) -> Iterator[None]:
        with self._open_lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._open_lock:
                self._open.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is the client's to notice."""

    def hang_up(self) -> None:
        self.stopping.set()
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class Server:
    """Serves one demo Odoo. It can be stopped and started again on the same port."""

    def __init__(self, demo: DemoOdoo, host: str = "127.0.0.1", port: int = 0) -> None:
        self.demo = demo
        self.host = host
        self.port = port
        self._http: _HttpServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> Server:
        if self._http is not None:
            return self
        self._http = _HttpServer((self.host, self.port), self.demo)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.02,), name="demo-odoo", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and close the connections that clients keep open."""
        if self._http is None or self._thread is None:
            return
        self._http.shutdown()
        self._http.server_close()
        self._http.hang_up()
        self._thread.join()
        self._http = self._thread = None

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
