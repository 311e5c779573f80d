"""The client's address of a request, determined in one way for lockouts, limits and logs.

Each of the ``NUM_PROXIES`` proxies in front of this service appends the address that called it to
``X-Forwarded-For``. So the client's entry is ``NUM_PROXIES`` from the right. Entries further left come
from the client and cannot be trusted.
"""

import logging
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase

logger = logging.getLogger(__name__)

# The address of a client without one, for example behind a Unix socket. It must be a valid address,
# because it is stored in columns of PostgreSQL's type inet.
UNKNOWN = "0.0.0.0"  # noqa: S104 (nothing is bound to it)
# An address with brackets, zone and port is shorter than this.
_LONGEST = 100
# A client with one IPv6 address has 2**64 of them: /64 is the smallest network that providers assign.
_IPV6_PREFIX = 64


def client_address(request: HttpRequest) -> str:
    """The client's IP address, always a valid one: ``203.0.113.7``, ``2001:db8::7``, or ``0.0.0.0`` if
    it is unknown.

    If the entry is not an address (``unknown``, ``_hidden``, empty), it is the address of the
    connection. If there are fewer entries than proxies, it is the leftmost one.
    """
    proxies: int = settings.NUM_PROXIES
    found = None
    if proxies:
        entries = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", proxies)
        found = parse(entries[-min(proxies, len(entries))])
    found = found or parse(request.META.get("REMOTE_ADDR", ""))
    return str(found) if found else UNKNOWN


def client_network(request: HttpRequest) -> str:
    """The key for counting limits: an IPv4 address, or the first address of an IPv6 address's /64.

    For ``AXES_CLIENT_IP_CALLABLE`` and the throttles.
    """
    address = ip_address(client_address(request))
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _IPV6_PREFIX), strict=False).network_address)
    return str(address)


def parse(text: str | None) -> IPv4Address | IPv6Address | None:
    """The address in one entry of X-Forwarded-For, or None.

    Understands ``203.0.113.7:4711``, ``[2001:db8::7]:4711``, ``fe80::1%eth0``, and IPv4 inside IPv6
    (``::ffff:203.0.113.7`` is ``203.0.113.7``).
    """
    text = (text or "").strip(" \t\"'")
    if not text or len(text) > _LONGEST:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


# NUM_PROXIES and the requests that arrive -------------------------------------------------------------

# Seconds between two notes of one process, and how long the overview shows a note.
_NOTE_EVERY, _NOTE_LASTS = 3600, 2 * 3600

UNEXPECTED = (
    "Requests arrive with X-Forwarded-For, but NUM_PROXIES is 0, so that header is ignored. Behind a "
    "proxy all clients then share the proxy's address, and so share rate limits and lockouts."
)
UNEXPECTED_REMEDY = (
    "If there is a proxy in front, set NUM_PROXIES to the number of proxies. If there is none, a "
    "client invented the header, and you can ignore this."
)
MISSING = (
    "NUM_PROXIES is {proxies}, but requests arrive without X-Forwarded-For. So limits use the address "
    "of the connection, and all clients share the proxy's address."
)
MISSING_REMEDY = (
    "Configure the proxy to append the client's address to X-Forwarded-For, or set NUM_PROXIES=0 if "
    "there is no proxy: otherwise clients could write that header themselves."
)
# Health checks and metrics scrapes come from inside the network and bypass the proxy.
_PAST_THE_PROXY = ("/api/health/", "/api/metrics", "/metrics")


class ProxyWatch:
    """Detects that ``NUM_PROXIES`` does not match the requests that arrive. It logs one warning per
    process, and the overview shows a banner while such requests arrive."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._lock = threading.Lock()
        self._logged = False
        self._next_note = 0.0

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        forwarded = "HTTP_X_FORWARDED_FOR" in request.META
        if forwarded != bool(settings.NUM_PROXIES) and (
            forwarded or not request.path_info.startswith(_PAST_THE_PROXY)
        ):
            self._note()
        return self.get_response(request)

    def _note(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._next_note:
                return
            self._next_note = now + _NOTE_EVERY
            first, self._logged = not self._logged, True
        if first:
            logger.warning("%s %s", *_words())
        cache.set(_key(), True, _NOTE_LASTS)


def proxy_mismatch() -> tuple[str, str] | None:
    """The problem with ``NUM_PROXIES`` and its remedy, if recent requests showed one."""
    return _words() if cache.get(_key()) is True else None


def _words() -> tuple[str, str]:
    if settings.NUM_PROXIES:
        return MISSING.format(proxies=settings.NUM_PROXIES), MISSING_REMEDY
    return UNEXPECTED, UNEXPECTED_REMEDY


def _key() -> str:
    # The key contains the setting, so a note does not outlive a restart with another value.
    return f"proxy-mismatch:{settings.NUM_PROXIES}"
