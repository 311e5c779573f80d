"""What can be wrong with the Dockerfile and docker-compose.yml without an engine to try them on."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import yaml
from celery.app.utils import find_app
from celery.bin.celery import celery
from django.conf import settings
from django.core.management import get_commands
from django.urls import resolve
from django.utils.module_loading import import_string

from odoo_bridge.tests.programs import eventually, free_port

ROOT = settings.BASE_DIR
OURS = ("migrate", "web", "worker", "beat")


def instructions() -> list[list[tuple[str, str]]]:
    """Return the stages of the Dockerfile: lists of (instruction, arguments)."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: list[list[tuple[str, str]]] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, arguments = line.strip().partition(" ")
            if name == "FROM":
                stages.append([])
            stages[-1].append((name, re.sub(r"\s+", " ", arguments)))
    return stages


def last(name: str) -> str:
    return [arguments for found, arguments in instructions()[-1] if found == name][-1]


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def command(service: str) -> list[str]:
    given = compose()["services"][service].get("command")
    return shlex.split(given) if given else yaml.safe_load(last("CMD"))


def reaches_the_build(path: str) -> bool:
    """Whether Docker sends ``path`` to the build: the last rule that matches it or a folder above."""
    admitted = True
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        if not rule or rule.startswith("#"):
            continue
        pattern = re.escape(rule.removeprefix("!")).replace(r"\*\*/", "(.*/)?")
        pattern = pattern.replace(r"\*", "[^/]*")
        if re.fullmatch(f"{pattern}(/.*)?", path):
            admitted = rule.startswith("!")
    return admitted


def test_the_image_holds_every_app_of_ours_whole():
    apps = [app for app in settings.INSTALLED_APPS if (ROOT / app).is_dir()]
    assert {"odoo_bridge", "accounts", *settings.NOUNS} <= {*apps}
    for app in apps:
        for path in (ROOT / app).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in name:
                assert reaches_the_build(name) == ("/tests/" not in name), name
    for name in ("requirements.txt", "manage.py", "bin/healthy"):
        assert (ROOT / name).exists()
        assert reaches_the_build(name), name


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".git/config", ".venv/lib/x.py", ".odoo/models.py", "var/bridge.sqlite3"),
        *("bridge.dump", "conftest.py", "contacts/dump.sql", "contacts/.env", "bin/start"),
        *("benchmarks/api.py", "docs/follow_changes.py", "accounts/tests/test_admin.py"),
        *("products/tests/test_products.py", "odoo_bridge/__pycache__/urls.cpython-312.pyc"),
    ],
)
def test_nothing_else_reaches_the_build(name: str):
    assert not reaches_the_build(name)


def test_a_noun_that_comes_later_reaches_the_build():
    for name in ("noun.py", "examples.json", "migrations/0001_initial.py"):
        assert reaches_the_build(f"products/{name}")


def test_what_serves_is_not_root_and_has_no_compiler():
    assert last("USER") not in ("root", "0")
    steps = [arguments for name, arguments in instructions()[-1] if name == "RUN"]
    assert not any("apt-get" in step or "pip" in step for step in steps)


def test_the_health_check_asks_an_address_of_the_project():
    [address] = re.findall(r"http://\S+?(?=\")", last("HEALTHCHECK"))
    assert resolve(urlsplit(address).path).url_name == "live"
    assert f":{urlsplit(address).port}" in command("web")[command("web").index("--bind") + 1]
    assert compose()["services"]["web"]["ports"] == ["127.0.0.1:8000:8000"]


@pytest.mark.parametrize("service", OURS)
def test_the_commands_exist(service: str):
    program, *arguments = command(service)
    if program == "python":
        assert arguments[0] == "manage.py"
        assert arguments[1] in get_commands()
        return
    requirements = (ROOT / "requirements.txt").read_text()
    assert re.search(rf"^{program}==", requirements, re.MULTILINE)
    [_] = entry_points(group="console_scripts", name=program)
    if program == "gunicorn":
        assert (ROOT / arguments[arguments.index("--config") + 1]).exists()
        assert callable(import_string(f"{arguments[-1]}.application"))
    else:
        assert arguments[0] == "-A"
        assert find_app(arguments[1]).main == "odoo_bridge"
        assert arguments[2] in celery.commands


def test_every_variable_is_one_of_env_example():
    listed = set(re.findall(r"^#?([A-Z][A-Z_0-9]*)=", (ROOT / ".env-example").read_text(), re.M))
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{?([A-Z_][A-Z_0-9]*)", text))
    for service in OURS:
        used |= set(compose()["services"][service]["environment"])
    used |= set(throw_away_settings())
    assert used <= listed


def throw_away_settings() -> dict[str, str]:
    [step] = [words for name, words in instructions()[-1] if name == "RUN" and "manage.py" in words]
    return dict(re.findall(r"\b([A-Z_]+)=(\S+)", step))


@pytest.mark.processes
def test_the_throw_away_settings_of_the_build_are_enough(tmp_path):
    # In a copy of what the image has, where no .env of a developer and no var/ can help.
    for path in ROOT.rglob("*"):
        name = path.relative_to(ROOT).as_posix()
        if reaches_the_build(name) and path.is_file() and "__pycache__" not in name:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / name)
    result = subprocess.run(
        [sys.executable, "-B", "manage.py", "collectstatic", "--noinput", "--dry-run"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **throw_away_settings()},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "static files" in result.stdout


def test_web_worker_and_beat_wait_for_the_migration():
    services = compose()["services"]
    for name in ("web", "worker", "beat"):
        waits = services[name]["depends_on"]
        assert waits["migrate"] == {"condition": "service_completed_successfully"}
        assert waits["redis"] == {"condition": "service_healthy"}
        assert services[name]["restart"] == "unless-stopped"
    assert services["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert services["migrate"]["restart"] == "no"
    assert services["worker"]["stop_grace_period"] == "60s"


def test_all_of_ours_run_one_image_with_the_addresses_of_their_neighbours():
    services = compose()["services"]
    for name in OURS:
        assert services[name]["image"] == "odoo-bridge"
        assert services[name]["env_file"] == ".env"
        for variable in ("DATABASE_URL", "REDIS_URL", "CACHE_URL"):
            address = re.sub(r"\$\{[^}]*\}", "x", services[name]["environment"][variable])
            assert urlsplit(address).hostname in services


def test_no_password_is_in_the_file_and_a_missing_one_stops_compose():
    text = (ROOT / "docker-compose.yml").read_text()
    services = compose()["services"]
    for name in OURS:
        for url in services[name]["environment"].values():
            assert re.match(r"\w+://\w*:\$\{", url), url
    for use in re.findall(r"\$\{[^}]*\}", text):
        assert re.fullmatch(r"\$\{(POSTGRES|REDIS)_PASSWORD:\?.+\}", use), use
    assert services["postgres"]["environment"].keys() == {"POSTGRES_PASSWORD"}
    assert "requirepass" in " ".join(services["redis"]["command"])


def test_the_demo_odoo_reaches_neither_of_the_bridges_stores():
    document = compose()
    services, networks = document["services"], document["networks"]
    reached = {name: set(service["networks"]) for name, service in services.items()}
    for store in ("postgres", "redis"):
        assert reached[store] == {"stores"}
        assert not reached[store] & (reached["odoo"] | reached["odoo-postgres"])
        for name in OURS:
            assert reached[name] & reached[store] and "default" in reached[name]
    assert reached["odoo-postgres"] & reached["odoo"] == {"odoo-stores"}
    assert networks["stores"] == networks["odoo-stores"] == {"internal": True}


@pytest.mark.parametrize("service", [*OURS, "redis"])
def test_a_container_has_no_privilege_and_no_disk(service: str):
    given = compose()["services"][service]
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert given["read_only"] is True
    assert given["tmpfs"] == ["/tmp"]
    assert given["pids_limit"] <= 256
    assert re.fullmatch(r"\d+[mg]", given["mem_limit"])


@pytest.mark.processes
@pytest.mark.redis
def test_redis_takes_its_password_as_a_configuration(tmp_path):
    """What the container runs, with a port of its own."""
    [shell, option, script] = compose()["services"]["redis"]["command"]
    port = free_port()
    script = script.replace("$$", "$") + f" --port {port} --dir {tmp_path}"
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    script = script.replace("redis-server", str(program))
    environment = {"PATH": os.environ["PATH"], "REDISCLI_AUTH": "s3cret"}
    server = subprocess.Popen([shell, option, script], env=environment, stdout=subprocess.DEVNULL)
    try:

        def answers(url: str) -> bool:
            with suppress(redis.ConnectionError), redis.Redis.from_url(url) as client:
                return bool(client.ping())
            return False

        eventually(lambda: answers(f"redis://:s3cret@127.0.0.1:{port}/0"), 30)
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(f"redis://127.0.0.1:{port}/0").ping()
    finally:
        server.terminate()
        server.wait(30)


def test_the_bridges_role_owns_its_database_and_is_no_superuser():
    service = compose()["services"]["postgres"]
    assert (
        "./bin/lib/bridge-role.sh:/docker-entrypoint-initdb.d/bridge-role.sh:ro"
        in (service["volumes"])
    )
    lines = (ROOT / "bin" / "lib" / "bridge-role.sh").read_text().splitlines()
    [role] = [line for line in lines if line.startswith("CREATE ROLE")]
    assert role == "CREATE ROLE bridge LOGIN PASSWORD :'password';"
    assert "CREATE DATABASE bridge OWNER bridge;" in lines
    # The image's superuser, whose password would be the same one.
    assert "ALTER ROLE CURRENT_USER PASSWORD NULL;" in lines
    for name in OURS:
        url = urlsplit(compose()["services"][name]["environment"]["DATABASE_URL"].split("$")[0])
        assert url.netloc == "bridge:"


def test_the_stores_are_kept_checked_and_not_published():
    document = compose()
    for name in ("postgres", "redis", "odoo-postgres"):
        service = document["services"][name]
        assert "ports" not in service
        assert service["healthcheck"]["test"]
        assert service["volumes"][0].split(":")[0] in document["volumes"]
    script = document["services"]["redis"]["command"][-1]
    assert "--appendonly yes" in script
    assert "--maxmemory-policy noeviction" in script


def test_only_the_profile_brings_odoo_and_its_own_database():
    services = compose()["services"]
    assert {name for name in services if "profiles" in services[name]} == {"odoo", "odoo-postgres"}
    assert {*services} == {*OURS, "postgres", "redis", "odoo", "odoo-postgres"}
    assert services["odoo"]["image"] == "odoo:19"
    assert services["odoo"]["environment"]["HOST"] == "odoo-postgres"
    assert services["odoo"]["ports"] == ["127.0.0.1:8069:8069"]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("hosts", "host"),
    [
        (None, "localhost"),
        ("bridge.example.com,localhost", "bridge.example.com"),
        (".example.com", "example.com"),
        ("*", "localhost"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 503])
def test_healthy_asks_by_a_name_that_django_answers_to(hosts: str | None, host: str, status: int):
    asked: list[str | None] = []

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Host"])
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        code = healthy(server.server_port, {"ALLOWED_HOSTS": hosts} if hosts else {})
    assert (code == 0) is (status == 200)
    assert asked == [host]


@pytest.mark.processes
def test_healthy_says_no_when_nobody_answers():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    assert healthy(port, {}) == 1


def healthy(port: int, environment: dict[str, str]) -> int:
    return subprocess.run(
        [sys.executable, ROOT / "bin" / "healthy", f"http://127.0.0.1:{port}/live"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        timeout=30,
    ).returncode
