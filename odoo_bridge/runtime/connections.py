"""A gunicorn worker whose threads do not wait for clients.

gunicorn's threads read a request and send its response themselves, so a few clients that send half a
request, or do not read, can occupy all threads. Here the worker's event loop receives a request, and
passes it to a thread only when it is complete. The loop also sends the part of a response that the
client does not read at once. The exception is a file that is generated while it is sent: its thread
waits for the client, but only briefly, and odoo_bridge/api/waiting.py limits the number of such threads.
"""

import json
import re
import selectors
import threading
import time
from functools import partial
from socket import SHUT_WR
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from gunicorn.glogging import Logger
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn, ThreadWorker

from odoo_bridge.runtime.startup import stop

# Seconds for a whole request to arrive, and for the client to read anything of a response.
ARRIVE_SECONDS = 20.0
TAKE_SECONDS = 20.0
MAX_HEAD = 64 * 1024
# The same as Django's limit for a body, DATA_UPLOAD_MAX_MEMORY_SIZE.
MAX_BODY = 2_621_440
# Unsent bytes of one response; a thread that produces more waits.
MAX_UNSENT = 4 * 1024 * 1024
# Bytes of all arriving requests and unsent responses, per process.
MAX_HELD = 128 * 1024 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*(\d{1,15})[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_CONTINUE = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue", re.IGNORECASE)


class _Held:
    """Counts the bytes that this process buffers for its clients."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.size = 0

    def add(self, size: int) -> bool:
        """Add ``size`` bytes and return True, or return False if they exceed the limit. A negative
        size is always accepted."""
        with self._lock:
            fits = size <= 0 or self.size + size <= MAX_HELD
            if fits:
                self.size += size
            return fits


_held = _Held()


class _Outgoing:
    """A client's socket. ``sendall`` waits for the client only if MAX_UNSENT is exceeded."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self.took_at = time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def sendall(self, data: bytes) -> None:
        """Raises OSError if the client is gone, or has read nothing for TAKE_SECONDS."""
        if not self.has_unsent:
            self.took_at = time.monotonic()
        if not _held.add(len(data)):
            raise ConnectionAbortedError("too many responses wait for their clients")
        with self._lock:
            self._unsent += data
        self.flush()
        while len(self._unsent) > MAX_UNSENT:
            with selectors.DefaultSelector() as selector:
                selector.register(self._sock, selectors.EVENT_WRITE)
                left = self.took_at + TAKE_SECONDS - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise ConnectionAbortedError("the client does not read its response")
            self.flush()

    # gunicorn itself uses send() for small messages.
    send = sendall

    def flush(self) -> None:
        """Send as much as the client reads now. Raises OSError if it is gone."""
        with self._lock:
            self._sock.setblocking(False)
            sent = 0
            try:
                with memoryview(self._unsent) as rest:
                    while sent < len(rest):
                        sent += self._sock.send(rest[sent : sent + 256 * 1024])
            except BlockingIOError:
                pass
            finally:
                if sent:
                    self.took_at = time.monotonic()
                    del self._unsent[:sent]
                    _held.add(-sent)

    def close(self) -> None:
        with self._lock:
            _held.add(-len(self._unsent))
            self._unsent.clear()
        self._sock.close()


class _Connection(TConn):
    """``arrived``: the bytes of the request so far. ``timeout``: when the connection is closed."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sock: Any = _Outgoing(self.sock)
        self.arrived = bytearray()
        self.told_to_continue = False
        # Reads nothing from the socket, because a thread gets only complete requests.
        self.parser = RequestParser(self.cfg, iter(()), self.client)

    def receive(self) -> bool:
        """Read the available bytes. Returns False if the client closed, or the buffers are full."""
        try:
            data = self.sock.recv(64 * 1024)
        except BlockingIOError:
            return True
        if not data or not _held.add(len(data)):
            return False
        self.arrived += data
        return True

    def pass_to_parser(self) -> None:
        """Pass the received bytes to the parser."""
        self.parser.unreader.unread(bytes(self.arrived))
        self.forget()

    def forget(self) -> None:
        _held.add(-len(self.arrived))
        self.arrived = bytearray()
        self.told_to_continue = False

    def close(self, graceful: bool = False) -> None:
        # Never wait for the client, as gunicorn's graceful close does.
        self.forget()
        try:
            if graceful:
                self.sock.shutdown(SHUT_WR)
                # Read what the client also sent. If it were left unread, the system would reset the
                # connection and cut off our response.
                self.sock.setblocking(False)
                self.sock.recv(64 * 1024)
        except OSError:
            pass
        self.sock.close()


def verdict(arrived: bytes | bytearray) -> tuple[str, int]:
    """What to do with a request after these bytes: ``("wait", 0)``, ``("ready", 0)`` or
    ``("refuse", status)``."""
    end = arrived.find(b"\r\n\r\n")
    if end < 0:
        return ("refuse", 431) if len(arrived) > MAX_HEAD else ("wait", 0)
    head = bytes(arrived[: end + 2])
    if len(head) > MAX_HEAD:
        return "refuse", 431
    if _CHUNKED.search(head):
        return "refuse", 411
    lengths = _LENGTH.findall(head)
    # If the length is not a number, or given twice, gunicorn's parser reports the error.
    length = int(lengths[0]) if len(lengths) == 1 else 0
    if length > MAX_BODY:
        return "refuse", 413
    return ("ready" if len(arrived) - end - 4 >= length else "wait"), 0


_REFUSALS = {
    411: ("Length Required", "length_required", "A body needs a Content-Length."),
    413: ("Content Too Large", "too_large", f"A body has at most {MAX_BODY} bytes."),
    431: ("Request Header Fields Too Large", "too_large", "The headers are too large."),
}


def refusal(status: int) -> bytes:
    """The response, in the shape of the API's errors."""
    reason, code, message = _REFUSALS[status]
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


class BufferingWorker(ThreadWorker):
    """gunicorn's worker with threads, for plain HTTP: TLS ends at the proxy."""

    def init_process(self) -> None:
        # The connections with an unsent response, and whether another request may follow.
        self.sending: dict[_Connection, bool] = {}
        super().init_process()

    # A request arrives ---------------------------------------------------------------------------

    def accept(self, listener: Any) -> None:
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        self._make_room()
        self._await_request(_Connection(self.cfg, sock, client, listener.getsockname()))

    def _make_room(self) -> None:
        """Close the oldest connection that waits for a request, so that idle ones do not keep
        others out."""
        idle = len(self.pending_conns) + len(self.keepalived_conns)
        if self.nr_conns < self.worker_connections or not idle:
            return
        if self.keepalived_conns:
            oldest = self.keepalived_conns.popleft()
            self.poller.unregister(oldest.sock)
            self._close(oldest)
        else:
            self._drop(self.pending_conns[0])

    def on_client_socket_readable(self, conn: _Connection, client: Any) -> None:
        """A kept-alive connection has another request."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_request(conn)

    def _await_request(self, conn: _Connection) -> None:
        conn.sock.setblocking(False)
        # pending_conns is ordered by timeout; murder_pending() closes the expired ones.
        conn.timeout = time.monotonic() + ARRIVE_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_arrival, conn))

    def _on_arrival(self, conn: _Connection, _sock: Any) -> None:
        try:
            if conn.receive():
                self._look_at(conn)
            else:
                self._drop(conn)
        except OSError:
            self._drop(conn)

    def _look_at(self, conn: _Connection) -> None:
        what, status = verdict(conn.arrived)
        if what == "wait":
            if not conn.told_to_continue and _CONTINUE.search(conn.arrived):
                conn.told_to_continue = True
                conn.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self._stop_waiting(conn)
        if what == "refuse":
            conn.forget()
            conn.sock.sendall(refusal(status))
            self._send_rest(conn, keep=False)
            return
        conn.pass_to_parser()
        conn.data_ready = True
        self.enqueue_req(conn)

    # A response is sent ----------------------------------------------------------------------------

    def finish_request(self, conn: _Connection, fs: Any) -> None:
        """A thread is done with a request."""
        keep = not fs.cancelled() and not fs.exception() and bool(fs.result())
        if conn.sock.has_unsent:
            self._send_rest(conn, keep)
        else:
            self._sent(conn, keep)

    def _send_rest(self, conn: _Connection, keep: bool) -> None:
        self.sending[conn] = keep
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._on_writable, conn))

    def _on_writable(self, conn: _Connection, _sock: Any) -> None:
        keep = self.sending[conn]
        try:
            conn.sock.flush()
            if conn.sock.has_unsent:
                return
        except OSError:
            keep = False
        del self.sending[conn]
        self.poller.unregister(conn.sock)
        self._sent(conn, keep)

    def _sent(self, conn: _Connection, keep: bool) -> None:
        """Wait for the next request of the connection, or close it."""
        if not keep:
            self._close(conn)
            return
        further = conn.parser.unreader.take_buffered()
        if further and _held.add(len(further)):
            # The client has already sent its next request (pipelining).
            conn.arrived += further
            self._await_request(conn)
            self._look_at(conn)
            return
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn)
        )

    # Ends ----------------------------------------------------------------------------------------

    def _stop_waiting(self, conn: _Connection) -> None:
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)

    def _drop(self, conn: _Connection) -> None:
        self._stop_waiting(conn)
        self._close(conn)

    def _close(self, conn: _Connection) -> None:
        self.nr_conns -= 1
        conn.close(graceful=True)

    def murder_pending(self) -> None:
        """Close connections of clients that are too slow and, when stopping, of those that sent
        nothing."""
        super().murder_pending()
        late = time.monotonic() - TAKE_SECONDS
        for conn in [conn for conn in self.sending if conn.sock.took_at < late]:
            del self.sending[conn]
            self.poller.unregister(conn.sock)
            self._close(conn)
        if not self.alive:
            for conn in [conn for conn in self.pending_conns if not conn.arrived]:
                self._drop(conn)


class QuietLogger(Logger):
    """gunicorn's own log in the format of all other logs, without secrets."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        from django.conf import settings

        from odoo_bridge.runtime.logs import JsonFormatter, PlainFormatter

        try:
            log_format = settings.LOG_FORMAT
        except ImproperlyConfigured as exc:
            # This is the first access to the settings: it happens once, before workers start.
            stop(str(exc))
        formatter = {"plain": PlainFormatter, "json": JsonFormatter}[log_format]()
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(formatter)
