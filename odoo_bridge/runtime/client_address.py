"""The address a request comes from: one rule for the lockout, the limits and the logs.

With ``NUM_PROXIES`` proxies in front of this service each of them appends the address it was called
from to ``X-Forwarded-For``, so the entry that counts is ``NUM_PROXIES`` from the right. Entries
further left are whatever the client wrote there.
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

# Stands for a client without an address, behind a Unix socket for example. It must be an address: it
# is stored in columns of PostgreSQL's type inet.
UNKNOWN = "0.0.0.0"  # noqa: S104 (nothing is bound to it)
# An address with brackets, zone and port is shorter than this.
_LONGEST = 100
# Who has one IPv6 address has 2**64 of them: the smallest network that providers give out.
_IPV6_PREFIX = 64


def client_address(request: HttpRequest) -> str:
    """The client's IP address, always a valid one: ``203.0.113.7``, ``2001:db8::7``, ``0.0.0.0`` when
    it is not known.

    An entry that is no address (``unknown``, ``_hidden``, nothing) leaves the address of the
    connection. With fewer entries than proxies the leftmost one counts.
    """
    proxies: int = settings.NUM_PROXIES
    found = None
    if proxies:
        entries = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", proxies)
        found = parse(entries[-min(proxies, len(entries))])
    found = found or parse(request.META.get("REMOTE_ADDR", ""))
    return str(found) if found else UNKNOWN


def client_network(request: HttpRequest) -> str:
    """What limits count for: an IPv4 address, or the first address of an IPv6 address's /64.

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

# Seconds between two notes of one process, and for how long the overview shows one.
_NOTE_EVERY, _NOTE_LASTS = 3600, 2 * 3600

UNEXPECTED = (
    "Requests arrive with X-Forwarded-For, but NUM_PROXIES is 0, so that header is ignored. Behind a "
    "proxy everybody then has the proxy's address: limits count, and wrong passwords lock out, all of "
    "them together."
)
UNEXPECTED_REMEDY = (
    "If a proxy of yours stands in front, set NUM_PROXIES to the number of proxies. Without a proxy "
    "somebody made the header up; ignore this."
)
MISSING = (
    "NUM_PROXIES is {proxies}, but requests arrive without X-Forwarded-For. They are counted by the "
    "address of the connection, which is the proxy's for everybody."
)
MISSING_REMEDY = (
    "Let the proxy append the client's address to X-Forwarded-For, or set NUM_PROXIES=0 if there is "
    "no proxy. With a proxy missing, clients could write that header themselves."
)
# Health checks and scrapes come from inside the network and past the proxy.
_PAST_THE_PROXY = ("/api/health/", "/api/metrics", "/metrics")


class ProxyWatch:
    """Notices that ``NUM_PROXIES`` does not fit the requests that arrive: a warning in the log, once
    a process, and a banner on the overview for as long as it goes on."""

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
    """What is wrong with ``NUM_PROXIES`` and what to do, if requests showed it in the last hours."""
    return _words() if cache.get(_key()) is True else None


def _words() -> tuple[str, str]:
    if settings.NUM_PROXIES:
        return MISSING.format(proxies=settings.NUM_PROXIES), MISSING_REMEDY
    return UNEXPECTED, UNEXPECTED_REMEDY


def _key() -> str:
    # By the setting: a note about the value before a restart says nothing about the new one.
    return f"proxy-mismatch:{settings.NUM_PROXIES}"
