"""System checks: values that are each possible, but cannot work together."""

from typing import Any

import pytest

from odoo_bridge import checks

# The checks read the setting; nothing here opens a database.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")


def found(messages: list[Any]) -> list[str]:
    return [message.id.removeprefix("odoo_bridge.") for message in messages]


@pytest.fixture
def deployed(settings: Any) -> Any:
    """Settings as a deployment has them."""
    settings.ONE_PROCESS = settings.INSECURE_HTTP = settings.DEBUG = False
    settings.CELERY_BROKER_URL = "redis://redis.example.com:6379/0"
    settings.ALLOWED_HOSTS = ["bridge.example.com"]
    settings.SECRET_KEY, settings.JWT_SIGNING_KEY = "s" * 50, "j" * 50
    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}
    return settings


def test_a_deployment_is_fine(deployed: Any):
    assert checks.values_fit() == []


@pytest.mark.parametrize(
    ("changes", "id"),
    [
        ({"CELERY_BROKER_URL": "memory://"}, "E001"),
        ({"JWT_SIGNING_KEY": "s" * 50}, "E002"),
        ({"INSECURE_HTTP": True}, "E003"),
        ({"DEBUG": True}, "E004"),
        ({"DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}}}, "W002"),
    ],
)
def test_what_cannot_work_together_is_said(deployed: Any, changes: dict[str, Any], id: str):
    for name, value in changes.items():
        setattr(deployed, name, value)
    messages = checks.values_fit()
    assert found(messages) == [id]
    assert messages[0].hint


def test_a_public_host_without_proxies_is_mentioned(deployed: Any):
    deployed.NUM_PROXIES = 0
    assert found(checks.proxies_are_counted()) == ["I001"]
    deployed.NUM_PROXIES = 1
    assert checks.proxies_are_counted() == []


def test_the_one_process_may_have_its_queue_in_memory(deployed: Any):
    deployed.ONE_PROCESS = True
    deployed.CELERY_BROKER_URL = "memory://"
    assert checks.values_fit() == []


def test_plain_http_is_fine_on_the_loopback_address(deployed: Any):
    deployed.INSECURE_HTTP = True
    deployed.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    assert checks.values_fit() == []


def test_a_stream_that_is_none_is_said(settings: Any):
    settings.ODOO_STREAMS = ["contacts.mapping.NOTHING", "nowhere.STREAM"]
    assert found(checks.streams_exist()) == ["E005", "E005"]


def test_two_streams_of_one_name_are_said(settings: Any):
    settings.ODOO_STREAMS = ["contacts.mapping.CONTACTS", "contacts.mapping.CONTACTS"]
    assert found(checks.streams_exist()) == ["E006"]
