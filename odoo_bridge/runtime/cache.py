"""The cache that processes share: JSON in Redis, or this process's memory while Redis is down.

An attacker who can write to Redis must not be able to run code. Django's own backend unpickles what it
reads, and unpickling runs code. Here a value is JSON, and anything else counts as missing.
"""

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any, cast

import orjson
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError, ResponseError

logger = logging.getLogger(__name__)

# Much more than any value of ours; only this much of a foreign value is read.
MAX_BYTES = 256 * 1024
# How long Redis is not used after it failed; then one request tries it again.
REST_SECONDS = 5.0
# Refuse types that orjson would convert, because they would be read back as another type.
_STRICT = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
# Redis's messages for a key of another type, and for a text where INCR needs a number.
_FOREIGN = ("WRONGTYPE", "value is not an integer", "increment or decrement would overflow")


class JsonSerializer:
    """Stores None, booleans, numbers, texts, and lists and dicts of them. Raises TypeError for
    others."""

    def dumps(self, value: Any) -> bytes:
        return orjson.dumps(value, option=_STRICT)

    def loads(self, stored: bytes) -> Any:
        return orjson.loads(stored)


class _Client(RedisCacheClient):
    """Django's client, but values that it did not write count as missing."""

    def get(self, key: Any, default: Any) -> Any:
        try:
            stored = self.get_client(key).getrange(key, 0, MAX_BYTES)
        except ResponseError as exc:
            if _is_foreign(exc):
                return default
            raise
        try:
            return orjson.loads(stored) if len(stored) <= MAX_BYTES else default
        except ValueError:  # not JSON, or empty
            return default

    def get_many(self, keys: Iterable[Any]) -> dict[Any, Any]:
        absent = object()
        found = {key: self.get(key, absent) for key in keys}
        return {key: value for key, value in found.items() if value is not absent}

    def incr(self, key: Any, delta: int) -> int:
        try:
            return int(super().incr(key, delta))
        except ResponseError as exc:
            if _is_foreign(exc):
                raise ValueError(f"Key {key!r} is not a number.") from None
            raise

    def has_key(self, key: Any) -> bool:
        absent = object()
        return self.get(key, absent) is not absent

    def delete_like(self, pattern: str) -> None:
        client = self.get_client(None, write=True)
        for key in client.scan_iter(match=pattern, count=1000):
            client.delete(key)


def _is_foreign(exc: ResponseError) -> bool:
    return any(words in str(exc) for words in _FOREIGN)


class _Outage:
    """Whether Redis failed recently, for all threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._try_again_at: float | None = None

    def is_over(self) -> bool:
        """Whether to try Redis. While it is down, this is true for one thread every REST_SECONDS."""
        with self._lock:
            if self._try_again_at is None:
                return True
            if time.monotonic() < self._try_again_at:
                return False
            self._try_again_at = time.monotonic() + REST_SECONDS
            return True

    def begins(self, exc: Exception) -> None:
        with self._lock:
            is_new = self._try_again_at is None
            self._try_again_at = time.monotonic() + REST_SECONDS
        if is_new:
            # The error's text may contain the address; its class does not.
            logger.warning(
                "The cache in Redis failed (%s): each process counts for itself. If that Redis is up, "
                "check CACHE_URL: some servers have database 0 only.",
                type(exc).__name__,
            )

    def ends(self) -> None:
        with self._lock:
            was_down, self._try_again_at = self._try_again_at is not None, None
        if was_down:
            logger.info("The cache in Redis works again.")


_outages: dict[str, _Outage] = {}


def _either(name: str) -> Any:
    """The method ``name`` of Django's Redis cache, or of its memory cache while Redis is down."""
    in_redis, in_memory = getattr(RedisCache, name), getattr(LocMemCache, name)

    def call(cache: "SharedCache", *args: Any, **kwargs: Any) -> Any:
        if cache.outage.is_over():
            try:
                found = in_redis(cache, *args, **kwargs)
            except (RedisError, OSError) as exc:
                cache.outage.begins(exc)
            else:
                cache.outage.ends()
                return found
        return in_memory(cache.memory, *args, **kwargs)

    return call


class SharedCache(RedisCache):
    """A cache whose calls never fail because of Redis, and wait for it for at most one timeout.

    While Redis is down the values are in this process's memory, so a limit applies per process.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"serializer": JsonSerializer, **params.get("OPTIONS", {})}
        super().__init__(server, {**params, "OPTIONS": options})
        self._class = _Client
        # Django creates one cache per thread; these two are shared by the process.
        self.outage = _outages.setdefault(server, _Outage())
        self.memory = LocMemCache(f"while {server} is down", {"MAX_ENTRIES": 10_000})

    add = _either("add")
    get = _either("get")
    set = _either("set")
    touch = _either("touch")
    delete = _either("delete")
    has_key = _either("has_key")
    incr = _either("incr")
    get_many = _either("get_many")
    set_many = _either("set_many")
    delete_many = _either("delete_many")

    def clear(self) -> None:
        """Delete the keys with our prefix. The database is not flushed, because it may also hold
        Celery's queue."""
        self.memory.clear()
        try:
            cast(_Client, self._cache).delete_like(f"{self.key_prefix}:*")
        except (RedisError, OSError) as exc:
            self.outage.begins(exc)
