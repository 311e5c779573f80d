"""The cache in Redis: what others wrote there is not there, and nothing fails because it is down."""

import base64
import json
import pickle
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.core.cache import cache
from django.urls import reverse
from kombu.exceptions import ContentDisallowed
from rest_framework.test import APIClient

from accounts.tests.factories import PASSWORD, UserFactory, user_of
from contacts.tests.factories import ContactFactory
from odoo_bridge.api.throttles import ExportThrottle
from odoo_bridge.celery import app
from odoo_bridge.demo import DemoOdoo
from odoo_bridge.models import SyncRun
from odoo_bridge.runtime.cache import MAX_BYTES, SharedCache
from odoo_bridge.runtime.environment import next_database
from odoo_bridge.sync import run as engine
from odoo_bridge.tests.programs import a_worker, ended, eventually

pytestmark = [pytest.mark.redis, pytest.mark.django_db]


class Bomb:
    """Pickled, it makes a file as soon as it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def executed(tmp_path: Path) -> Path:
    """Is there once a Bomb went off."""
    pickle.loads(pickle.dumps(Bomb(tmp_path / "works")))
    assert (tmp_path / "works").exists()
    return tmp_path / "executed"


@pytest.fixture
def store(settings: Any) -> Iterator[redis.Redis]:
    """The database of the cache."""
    with redis.Redis.from_url(settings.CACHE_URL) as client:
        yield client


def wrong_type(kind: str) -> Callable[[redis.Redis, bytes], None]:
    def put(store: redis.Redis, key: bytes) -> None:
        store.delete(key)
        if kind == "list":
            store.rpush(key, b"1")
        else:
            store.hset(key, mapping={"a": b"1"})

    return put


def value(stored: bytes) -> Callable[[redis.Redis, bytes], Any]:
    return lambda store, key: store.set(key, stored)


FOREIGN = {
    "no JSON": value(b"\x80\x05garbage"),
    "nothing": value(b""),
    "half": value(b"[1763999999.5, 17"),
    "no UTF-8": value(b'"\xff\xfe"'),
    "too large": value(b"[" + b"1," * MAX_BYTES + b"1]"),
    "too deep": value(b"[" * 100_000),
    "a list": wrong_type("list"),
    "a hash": wrong_type("hash"),
}
OF_ANOTHER_TYPE = {
    "a dict": value(b'{"a": 1}'),
    "a text": value(b'"history"'),
    "null": value(b"null"),
    "a number": value(b"7"),
    "texts": value(b'["a", "b"]'),
    "lists": value(b"[[], [1]]"),
    "booleans": value(json.dumps([True] * 1000).encode()),
    "not a number": value(b"[NaN, Infinity]"),
    "years ahead": value(json.dumps([9e15] * 1000).encode()),
}


@pytest.mark.parametrize("put", FOREIGN.values(), ids=FOREIGN.keys())
def test_what_is_not_ours_is_a_miss(store: redis.Redis, put: Any) -> None:
    cache.set("a", 1)
    [key] = store.scan_iter("odoo-bridge:*:a")
    put(store, key)
    assert cache.get("a", "absent") == "absent"
    assert "a" not in cache
    assert cache.get_many(["a"]) == {}
    cache.set("a", 2)
    assert cache.get("a") == 2
    put(store, key)
    with pytest.raises(ValueError, match="a"):
        cache.incr("a")


def test_a_pickle_is_a_miss(store: redis.Redis, executed: Path) -> None:
    cache.set("a", 1)
    [key] = store.scan_iter("odoo-bridge:*:a")
    store.set(key, pickle.dumps(Bomb(executed)))
    assert cache.get("a", "absent") == "absent"
    assert not executed.exists()


@pytest.mark.parametrize(
    "kept", [None, True, 7, -1.5, "ä", [1, [2.5, None]], {"a": {"b": [False]}}]
)
def test_json_comes_back_as_it_was(kept: Any) -> None:
    cache.set("a", kept)
    assert cache.get("a", "absent") == kept
    assert type(cache.get("a")) is type(kept)


@pytest.mark.parametrize("kept", [b"bytes", {1, 2}, {1: 2}, Path("a"), object()])
def test_what_json_cannot_say_is_refused(kept: Any) -> None:
    with pytest.raises(TypeError):
        cache.set("a", kept)


def test_numbers_count_and_expire() -> None:
    assert cache.add("n", 1, 60)
    assert not cache.add("n", 9, 60)
    assert cache.incr("n") == 2
    assert cache.touch("n", 60)
    cache.set("n", 5, 0)
    with pytest.raises(ValueError, match="n"):
        cache.incr("n")


def test_clearing_the_cache_leaves_what_else_is_in_its_database(store: redis.Redis) -> None:
    """Where Redis has one database, Celery's queue is in it."""
    store.rpush("celery", b"a message")
    try:
        cache.set("a", 1)
        cache.clear()
        assert cache.get("a") is None
        assert store.llen("celery") == 1
    finally:
        store.delete("celery")


def requests(demo: DemoOdoo) -> dict[str, Callable[[], int]]:
    """One request through each limit: what it is, and how to get its status."""
    reader, operator, writer = (user_of(role) for role in ("reader", "operator", "writer"))
    # Without a create_date: made at another moment than Odoo's record it would be another Odoo's.
    known = ContactFactory(odoo_id=demo.add("res.partner", name="Acme"), create_date=None)
    UserFactory(username="ann")

    def ask(user: Any, method: str, route: str, *args: Any, **options: Any) -> Callable[[], int]:
        client = APIClient(raise_request_exception=False)
        if user:
            client.force_authenticate(user)
        query = options.pop("query", "")
        url = reverse(route, args=args) + query

        def status() -> int:
            answer = getattr(client, method)(url, format="json", **options)
            if answer.streaming:
                # To its end: an account has one export at a time.
                b"".join(answer.streaming_content)
            return answer.status_code

        return status

    login = {"username": "ann", "password": PASSWORD}
    return {
        "anonymous-auth": ask(None, "post", "token", data=login),
        "sync": ask(operator, "post", "sync-start", "contacts", data={"kind": "changes"}),
        "live": ask(operator, "get", "live-contacts"),
        "writes": ask(writer, "post", "live-contacts", data={}),
        "requests": ask(reader, "get", "contacts"),
        "exports": ask(reader, "get", "contact-export"),
        "refreshes": ask(reader, "get", "contact", known.odoo_id, query="?max_age=1"),
    }


@pytest.fixture
def throttled(demo: DemoOdoo, settings: Any) -> dict[str, Callable[[], int]]:
    found = requests(demo)
    assert found.keys() == settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"].keys()
    return found


@pytest.mark.parametrize(
    "put", [*FOREIGN.values(), *OF_ANOTHER_TYPE.values()], ids=[*FOREIGN, *OF_ANOTHER_TYPE]
)
def test_limits_go_on_whatever_is_in_redis(throttled: Any, store: redis.Redis, put: Any) -> None:
    usual = {scope: ask() for scope, ask in throttled.items()}
    keys = list(store.scan_iter("odoo-bridge:*"))
    assert {scope for scope in throttled for key in keys if scope.encode() in key} == {*throttled}
    for key in keys:
        put(store, key)
    assert {scope: ask() for scope, ask in throttled.items()} == usual
    # From here on they count again.
    for key in keys:
        assert len(json.loads(store.get(key) or b"")) == 1


def test_pickles_in_redis_are_not_executed_by_any_limit(
    throttled: Any, store: redis.Redis, executed: Path
) -> None:
    usual = {scope: ask() for scope, ask in throttled.items()}
    for key in store.scan_iter("*"):
        store.set(key, pickle.dumps(Bomb(executed)))
    assert {scope: ask() for scope, ask in throttled.items()} == usual
    assert not executed.exists()


@pytest.fixture(params=["refuses connections", "accepts and stays silent", "has database 0 only"])
def broken(request: pytest.FixtureRequest, settings: Any) -> Iterator[None]:
    """The default cache with a Redis that is of no use."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if request.param == "refuses connections":
            listener.close()
        url = f"redis://127.0.0.1:{port}/0"
        if request.param == "has database 0 only":
            url = urlsplit(settings.CACHE_URL)._replace(path="/9999").geturl()
        options = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2}
        settings.CACHES = {
            **settings.CACHES,
            "default": {**settings.CACHES["default"], "LOCATION": url, "OPTIONS": options},
        }
        yield


def test_without_redis_each_process_counts_for_itself(
    broken: None, throttled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {scope: ask() for scope, ask in throttled.items()} == {
        "anonymous-auth": 200,
        "sync": 202,
        "live": 200,
        "writes": 400,
        "requests": 200,
        "exports": 200,
        "refreshes": 200,
    }
    monkeypatch.setattr(ExportThrottle, "THROTTLE_RATES", {"exports": "2/min"})
    assert [throttled["exports"]() for _ in range(2)] == [200, 429]


def test_redis_is_tried_again_once_it_is_back(
    settings: Any,
    store: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    down, up = (
        SharedCache(url, {"KEY_PREFIX": "odoo-bridge"}) for url in (dead, settings.CACHE_URL)
    )
    up.outage = down.outage  # the same cache, whose Redis came up meanwhile
    down.set("a", 1)
    assert down.get("a") == 1
    assert not up.outage.is_over()
    monkeypatch.setattr("odoo_bridge.runtime.cache.REST_SECONDS", 0.0)
    down.set("a", 2)
    up.outage.begins(redis.ConnectionError())
    up.set("a", 3)
    assert up.get("a") == 3
    assert list(store.scan_iter("odoo-bridge:*:a"))
    # Logged once, not with each request.
    assert [line.split(" ")[-1] for line in caplog.messages] == ["only.", "again."]


@pytest.mark.parametrize(
    ("redis_url", "cache_url"),
    [
        ("redis://redis:6379/0", "redis://redis:6379/1"),
        ("redis://redis", "redis://redis/1"),
        (
            "rediss://:pa%2Fss@redis:6379/3?ssl_cert_reqs=none",
            "rediss://:pa%2Fss@redis:6379/4?ssl_cert_reqs=none",
        ),
        ("redis://redis/15", "redis://redis/14"),
    ],
)
def test_the_cache_has_the_database_after_the_messages(redis_url: str, cache_url: str) -> None:
    assert next_database(redis_url) == cache_url


# Celery -------------------------------------------------------------------------------------------
def pickled_message(bomb: Bomb, task: str) -> bytes:
    """A message as a Celery that pickles would send it."""
    body = base64.b64encode(pickle.dumps(((bomb,), {}, {}))).decode()
    properties = {
        "correlation_id": "1",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "celery"},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid.uuid4()),
    }
    return json.dumps(
        {
            "body": body,
            "content-encoding": "binary",
            "content-type": "application/x-python-serialize",
            "headers": {"lang": "py", "task": task, "id": str(uuid.uuid4())},
            "properties": properties,
        }
    ).encode()


def test_a_pickled_message_is_refused(executed: Path) -> None:
    message = json.loads(pickled_message(Bomb(executed), "odoo_bridge.tasks.sweep"))
    channel: Any
    with app.connection_for_read() as connection, connection.channel() as channel:
        received = channel.Message(message, channel=channel, accept=app.conf.accept_content)
        with pytest.raises(ContentDisallowed):
            received.decode()
        consumer: Any = app.amqp.TaskConsumer(channel)
        assert {*consumer.accept} == {"application/json"}
    assert not executed.exists()


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_worker_executes_no_pickles(
    demo: DemoOdoo, settings: Any, tmp_path: Path, executed: Path
) -> None:
    """In the queue, among unacknowledged messages, for remote control, as events. (Beat only sends.)"""
    bomb, broker = Bomb(executed), redis.Redis.from_url(settings.REDIS_URL)
    message = pickled_message(bomb, "odoo_bridge.tasks.sweep")
    log = tmp_path / "worker.log"
    try:
        with a_worker(log, pool="solo"):
            eventually(lambda: "ready." in log.read_text(), 60, log)
            broker.lpush("celery", message)
            broker.hset("unacked", "tag", json.dumps([json.loads(message), "", "celery"]))
            broker.zadd("unacked_index", {"tag": 1})
            number = urlsplit(settings.REDIS_URL).path.strip("/") or "0"
            for channel in ("celery.pidbox", "celeryev"):
                broker.publish(f"/{number}.{channel}", message)
                broker.publish(f"/{number}.{channel}", pickle.dumps(bomb))
            eventually(lambda: "Refusing to deserialize" in log.read_text(), 60, log)
            # It lives, and carries the next hint out.
            assert app.control.inspect(timeout=10, limit=1).ping()
            run = engine.request("contacts", SyncRun.Kind.CHANGES, trigger=SyncRun.Trigger.API)
            eventually(lambda: ended(run), 60, log)
            assert run.status == SyncRun.Status.SUCCEEDED
    finally:
        broker.delete("celery", "unacked", "unacked_index")
    assert not executed.exists()


def test_events_replies_and_results_are_json_too() -> None:
    control: Any = app.control
    for accepted in (
        control.mailbox.accept,
        app.conf.accept_content,
        app.conf.result_accept_content,
        app.events.Receiver(app.connection()).accept,
    ):
        assert {*accepted} == {"json"}
