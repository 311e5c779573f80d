"""The HTTP client of both transports: pooled, keep-alive, gzip, one deadline for the whole response.

It follows no redirects (a POST that becomes a GET is not the same request), keeps no cookies (a
session of another database causes a 403), and ignores proxies in the environment.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import orjson
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError, TimeoutError

from odoo_bridge.odoo.errors import (
    OdooBusy,
    OdooMoved,
    OdooTimeout,
    OdooTooLarge,
    OdooUnavailable,
    OdooUnreachable,
    OdooUntrusted,
)
from odoo_bridge.odoo.patience import at_most

# Limit of a decompressed response. A page of a few thousand records has some megabytes, but the texts
# of one record may be large.
MAX_BODY_BYTES = 64 * 1024 * 1024
# Limit of a response about the server itself, or of an old server's page for an unknown URL.
MAX_SMALL_BODY_BYTES = 4 * 1024 * 1024
# Limit of values in a response; a dict counts as four. A parsed value takes about 60 bytes, however
# short it is on the wire. A page of 5,000 records with 50 fields is a quarter of the limit.
MAX_VALUES = 1_000_000
_DICT = 4
# Odoo Online asks its users to make one call at a time, and one call a second.
ONLINE_SECONDS_BETWEEN_CALLS = 1.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Deadline:
    """Closes the connection when the time is over, whatever the server is sending.

    A socket's timeout starts again with each byte, so a server that sends its headers or chunk sizes
    byte by byte could keep us waiting forever.
    """

    _of_thread = threading.local()

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._of_thread.current = self
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._of_thread.current = None
        self._timer.cancel()
        self.let_go()

    def let_go(self) -> None:
        """Stop watching the connection: from now on another call may use it."""
        with self._lock:
            self._socket = None

    @classmethod
    def watch(cls, connection: socket.socket) -> None:
        """Watch ``connection``, which this thread waits for."""
        deadline = getattr(cls._of_thread, "current", None)
        if deadline is not None:
            with deadline._lock:
                deadline._socket = connection
            if deadline.passed:
                deadline._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            self.passed = True
            if self._socket is not None:
                with suppress(OSError):
                    # The TLS socket's own shutdown() would destroy its state while another thread
                    # reads from it.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    def getresponse(self) -> Any:
        _Deadline.watch(self.sock)
        return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        _Deadline.watch(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Client:
    """The HTTP client of one Odoo: at most ``connections`` calls at a time. Thread-safe."""

    def __init__(
        self,
        base_url: str,
        *,
        connections: int,
        timeout_seconds: float,
        user_agent: str = "odoo-bridge",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.host = urlsplit(base_url).hostname or ""
        self.timeout_seconds = timeout_seconds
        self._user_agent = user_agent
        self.online = self.host.endswith(".odoo.com")
        self._pool = urllib3.PoolManager(
            num_pools=1, maxsize=connections, retries=False, block=False
        )
        self._pool.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        self._slots = threading.BoundedSemaphore(1 if self.online else connections)
        self._lock = threading.Lock()
        self._next_call_at = 0.0
        self._calls = 0
        self._seconds = 0.0
        self._clock: tuple[datetime, float] | None = None

    def usage(self) -> tuple[int, float]:
        """The number of calls so far, and their duration in seconds, summed over the connections."""
        with self._lock:
            return self._calls, self._seconds

    def recent_server_time(self, within_seconds: float = 2.0) -> datetime | None:
        """Odoo's clock in its last response, or None if that response is older."""
        with self._lock:
            if self._clock and time.monotonic() - self._clock[1] <= within_seconds:
                return self._clock[0]
        return None

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = {},
        most_bytes: int = MAX_BODY_BYTES,
    ) -> Answer:
        """Send one request and return the whole response, if its status is below 300 or 4xx.

        Raises OdooTimeout, OdooTooLarge, OdooBusy (429, 503), OdooUnavailable (network, truncated
        body, other 5xx without a JSON body), or OdooMoved for a redirect.
        """
        # Every call ahead of this one ends by its own deadline, so waiting longer will not help.
        if not self._slots.acquire(timeout=at_most(self.timeout_seconds)):
            raise OdooUnreachable(f"{self.host}: all connections were busy, {path} was not sent")
        try:
            self._wait_for_turn()
            started = time.monotonic()
            try:
                answer = self._exchange(method, path, body, dict(headers), most_bytes)
            finally:
                with self._lock:
                    self._calls += 1
                    self._seconds += time.monotonic() - started
        finally:
            self._slots.release()
        self._note_clock(answer)
        self._check_status(answer, path)
        return answer

    def _wait_for_turn(self) -> None:
        if not self.online:
            return
        with self._lock:
            wait = self._next_call_at - time.monotonic()
            self._next_call_at = max(time.monotonic(), self._next_call_at)
            self._next_call_at += ONLINE_SECONDS_BETWEEN_CALLS
        if wait > 0:
            time.sleep(at_most(wait))

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        most_bytes: int,
    ) -> Answer:
        seconds = at_most(self.timeout_seconds)
        if not seconds:
            raise OdooUnreachable(f"{self.host}: the time limit was over, {path} was not sent")
        with _Deadline(seconds) as deadline:
            try:
                answer = self._receive(method, path, body, headers, deadline, seconds, most_bytes)
            except NewConnectionError as exc:
                # urllib3 derives it from a timeout, but the connection was refused or the host unknown.
                raise OdooUnreachable(f"{self.host} cannot be reached: {_cause(exc)}") from exc
            except SSLError as exc:
                raise OdooUntrusted(
                    f"{self.host}: the TLS connection failed: {_cause(exc)}"
                ) from exc
            except (HTTPError, OSError, ValueError, OdooUnavailable) as exc:
                if isinstance(exc, OdooTooLarge):
                    raise
                if deadline.passed or isinstance(exc, TimeoutError):
                    raise OdooTimeout(
                        f"{self.host}: no complete response to {path} within {seconds:.3g} s"
                    ) from exc
                if isinstance(exc, OdooUnavailable):
                    raise
                raise OdooUnavailable(f"{self.host}: {path}: {_cause(exc)}") from exc
            if deadline.passed:
                # A body without a length ends with the connection, which we closed.
                raise OdooTimeout(
                    f"{self.host}: no complete response to {path} within {seconds:.3g} s"
                )
            return answer

    def _receive(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        deadline: _Deadline,
        seconds: float,
        most_bytes: int,
    ) -> Answer:
        response = self._pool.request(
            method,
            self.base_url + path,
            body=body,
            headers={"Accept-Encoding": "gzip", "User-Agent": self._user_agent, **headers},
            timeout=urllib3.Timeout(connect=min(10.0, seconds), read=seconds),
            redirect=False,
            preload_content=False,
        )
        try:
            chunks: list[bytes] = []
            size = 0
            # read1() returns what has arrived without waiting for a full buffer, so that an oversized
            # body is noticed while it arrives.
            while chunk := response.read1(256 * 1024, decode_content=True):
                chunks.append(chunk)
                size += len(chunk)
                if size > most_bytes:
                    raise OdooTooLarge(
                        f"{self.host}: the response to {path} is larger than {most_bytes:,} bytes"
                    )
            expected = response.headers.get("Content-Length")
            plain = response.headers.get("Content-Encoding") is None
            if expected and plain and size != int(expected):
                raise OdooUnavailable(
                    f"{self.host}: the response to {path} was truncated at {size} of {expected} bytes"
                )
        except OdooUnavailable:
            with suppress(Exception):
                response.close()
            raise
        deadline.let_go()
        response.release_conn()
        return Answer(response.status, response.headers, b"".join(chunks))

    def _note_clock(self, answer: Answer) -> None:
        with suppress(TypeError, ValueError):
            moment = parsedate_to_datetime(answer.headers["Date"] or "")
            with self._lock:
                self._clock = (moment.astimezone(UTC), time.monotonic())

    def _check_status(self, answer: Answer, path: str) -> None:
        status = answer.status
        if 300 <= status < 400:
            target = answer.headers.get("Location", "nowhere")
            moved = target.startswith(("http://", "https://")) and target.endswith(path)
            hint = f"set ODOO_URL={target.removesuffix(path)}" if moved else "correct ODOO_URL"
            raise OdooMoved(f"{self.host} redirects {path} to {target}: {hint}")
        if status in (429, 503):
            raise OdooBusy(
                f"{self.host} asks us to wait ({status})",
                _seconds(answer.headers.get("Retry-After")),
                turned_away=status == 429,
            )
        if status >= 500 and not answer.body.lstrip().startswith(b"{"):
            raise OdooUnavailable(f"{self.host} responded to {path} with {status}")


def json_value(body: bytes) -> Any:
    """The JSON in ``body``. Raises OdooTooLarge, before parsing, if it has more than MAX_VALUES
    values, and ValueError if it is not JSON."""
    if _values(body) > MAX_VALUES:
        # Texts contain commas too. They are removed only here, because that takes as long as parsing.
        texts_left_out = _TEXT.sub(b"", body)
        if _values(texts_left_out) > MAX_VALUES:
            raise OdooTooLarge(f"Odoo's response has more than {MAX_VALUES:,} values")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # NaN, a lone surrogate, a number beyond 64 bits: Odoo's Python writes them, and only Python
        # reads them. This way only the record that contains one becomes an issue, not the whole page.
        try:
            return json.loads(body)
        except RecursionError:
            raise ValueError("nested too deeply") from None


_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def _values(body: bytes) -> int:
    """An upper limit of the number of values in ``body``."""
    return body.count(b",") + body.count(b"[") + _DICT * body.count(b"{")


def _cause(exc: BaseException) -> str:
    """The innermost message of a network error; urllib3's own repeats the pool and its address."""
    reason = getattr(exc, "reason", None) or exc
    text = str(reason)
    return text.rpartition(": ")[2] or type(exc).__name__


def _seconds(header: str | None) -> float | None:
    """``Retry-After`` in seconds, at most two minutes; None if it is absent or a date."""
    with suppress(TypeError, ValueError):
        return min(120.0, max(0.0, float(header or "")))
    return None
