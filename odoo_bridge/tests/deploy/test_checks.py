"""System checks: values that are each possible, but cannot work together."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

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
    settings.NOUNS = ["accounts", "nowhere"]
    assert found(checks.streams_exist()) == ["E005", "E005"]


def test_two_streams_of_one_name_are_said(settings: Any):
    settings.NOUNS = ["contacts", "contacts"]
    assert found(checks.streams_exist()) == ["E006"]


def test_static_files_that_were_not_collected_are_mentioned(settings: Any, tmp_path: Any):
    settings.DEBUG = settings.WHITENOISE_USE_FINDERS = False
    settings.STATIC_ROOT = tmp_path
    [message] = checks.static_files_collected()
    assert "collectstatic" in (message.hint or "")
    (tmp_path / "admin").mkdir()
    assert checks.static_files_collected() == []
    settings.STATIC_ROOT, settings.WHITENOISE_USE_FINDERS = tmp_path / "none", True
    assert checks.static_files_collected() == []


@pytest.mark.django_db
def test_migrate_tells_that_there_is_no_administrator(monkeypatch: pytest.MonkeyPatch):
    def migrate() -> str:
        out = StringIO()
        call_command("migrate", stdout=out, verbosity=1)
        return out.getvalue()

    get_user_model().objects.create_superuser("gone", "gone@example.com", is_active=False)
    assert "createsuperuser" in migrate()
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery")
    call_command(
        "createsuperuser", "--noinput", username="admin", email="a@example.com", verbosity=0
    )
    assert "createsuperuser" not in migrate()
