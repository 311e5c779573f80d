"""``manage.py start``: web, worker and beat as threads of one process, for trying the bridge out."""

import ipaddress
import json
import logging
import secrets
import socket
import threading
import time
import urllib.error
import urllib.request
import warnings
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

import redis
from celery import signals
from celery.beat import Service
from celery.worker import WorkController
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from odoo_bridge.celery import app
from odoo_bridge.management.commands._output import BridgeCommand
from odoo_bridge.models import SyncRun
from odoo_bridge.odoo.connect import connect
from odoo_bridge.sync import identity, stopping
from odoo_bridge.sync.run import run
from odoo_bridge.sync.streams import all_streams

# The generated data of the demo Odoo: enough to page through, and copied within seconds.
DEMO_CONTACTS, DEMO_INVOICES, DEMO_SEED = 400, 600, 1
# A check for changes is due every minute; a slow machine gets more than twice that.
CHECK_PATIENCE_SECONDS = 150
GOOD_ENDS = (SyncRun.Status.SUCCEEDED, SyncRun.Status.SUCCEEDED_WITH_ISSUES)


class Command(BridgeCommand):
    help = (
        "Tries the bridge out: web, Celery worker and beat in one process, on the loopback "
        "address. bin/start prepares the environment and calls this command. "
        "Exit codes: 0 stopped or checked, 1 something failed."
    )
    examples = """
        bin/start                  copy the Odoo in .env, or the demo Odoo
        bin/start --port 8001      on another port
        bin/start --check          try everything once and exit
    """
    requires_system_checks = "__all__"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
        parser.add_argument("--port", type=_port, default=8000, help="0 chooses a free one")
        parser.add_argument(
            "--demo", action="store_true", help="also serve the demo Odoo, at ODOO_URL"
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="try everything once, on free ports, and exit with 0 if all of it worked",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        _refuse_other_modes(options["host"])
        self.console = Console()
        if options["verbosity"] < 2:
            # A log line per task would push the URLs and the password off the screen.
            for name in ("celery", "odoo_bridge.sync"):
                logging.getLogger(name).setLevel(logging.WARNING)
            logging.getLogger("kombu.connection").setLevel(logging.ERROR)
        # collectstatic was not run; static files are served from the packages.
        warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)
        with stopping.by_signals() as signals, suppress(KeyboardInterrupt):
            self._run(**options)
        if signals.number:
            signals.leave(code=None if options["check"] else 0)

    def _run(self, **options: Any) -> None:
        with ExitStack() as running:
            self._start(running, **options)
            if stopping.is_requested():
                return
            if options["check"]:
                self._check()
                self.console.print("Everything works.", style="green")
            else:
                self.console.print("Stop with Ctrl-C.")
                _wait_for_stop()
                self.console.print("Stopping.")

    def _start(
        self, running: ExitStack, host: str, port: int, demo: bool, check: bool, **_: Any
    ) -> None:
        self.console.print(
            "[bold]One-process mode[/bold]: web, worker and beat are threads of this process, and the "
            "queue is in its memory. Use it to try the bridge out, not in production.",
        )
        # First of all, so that a port in use or a missing Redis is reported before anything is done.
        web = _bind_web(host, 0 if check else port)
        running.callback(web.server_close)
        if settings.REDIS_URL:
            redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5).ping()
        if demo:
            _serve_demo(running, any_port=check)
            self.console.print(f"Demo Odoo with generated data: {settings.ODOO_URL}")
        if connection.vendor == "sqlite":
            settings.VAR_DIR.mkdir(mode=0o700, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        if demo:
            _refuse_another_mirror()
        password = _make_admin()
        if password:
            # Before the copy, so that a user who interrupts the copy has seen the password.
            self.console.print(
                f"Admin user [bold]admin[/bold], password [bold]{password}[/bold] (shown only "
                "once; to change it: manage.py changepassword admin)",
                soft_wrap=True,
            )

        self.address = _serve_web(running, web)
        _start_worker(running)
        good = self._first_copy()
        if stopping.is_requested():
            return
        if check and not good:
            raise CommandError("The first copy failed.")
        _start_beat(running)

        self.console.print(f"\nAdmin     {self.address}/admin/")
        self.console.print(f"API       {self.address}/api/docs")
        self.console.print(f"Health    {self.address}/api/health/ready\n")

    def _first_copy(self) -> bool:
        """Copy every stream once. Returns whether all of them succeeded."""
        good = True
        with Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        ) as bars:
            for name in all_streams():
                if stopping.is_requested():
                    return False
                bar = bars.add_task(name, total=None)

                def show(run: SyncRun, bar: Any = bar) -> None:
                    bars.update(bar, completed=run.read_count, total=run.planned_count)

                ended = run(
                    name,
                    SyncRun.Kind.RECONCILE,
                    trigger=SyncRun.Trigger.COMMAND,
                    progress=show,
                )
                show(ended)
                if ended.status not in GOOD_ENDS:
                    good = False
                    bars.console.print(
                        f"{name}: {ended.get_status_display()}. {ended.error}", style="red"
                    )
        if not good and not stopping.is_requested():
            self.console.print(
                "Not everything could be copied; the schedule tries again every minute. Run "
                "manage.py check_odoo to find out what is wrong.",
                style="yellow",
            )
        return good

    # --check --------------------------------------------------------------------------------------

    def _check(self) -> None:
        since = SyncRun.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        for path in ("/api/health/live", "/api/docs", "/api/schema", "/admin/login/"):
            self._call("GET", path)
        self._check_api()
        self._check_schedule(since)
        self._call("GET", "/api/health/ready")

    def _check_api(self) -> None:
        """Act as a new user: register, get a token, read a page of contacts."""
        name = f"check-{secrets.token_hex(6)}"
        password = secrets.token_urlsafe(18)
        users = get_user_model().objects
        try:
            if settings.REGISTRATION == "closed":
                users.create_user(username=name, email=f"{name}@example.com", password=password)
            else:
                self._call(
                    "POST",
                    "/api/auth/register",
                    {"username": name, "email": f"{name}@example.com", "password": password},
                )
            if settings.REGISTRATION != "open":
                # What staff do to approve an account.
                user = users.get(username=name)
                user.is_active = True
                user.save(update_fields=["is_active"])
                user.groups.add(Group.objects.get(name="readers"))
            token = self._call("POST", "/api/auth/token", {"username": name, "password": password})
            page = self._call("GET", "/api/contacts?per_page=1", token=token["access"])
            if not page["count"]:
                raise CommandError("GET /api/contacts: no contact was copied.")
        finally:
            users.filter(username=name).delete()

    def _check_schedule(self, since: int) -> None:
        self.console.print("Waiting for beat and worker to run a schedule (up to a minute) ...")
        due = SyncRun.objects.filter(
            pk__gt=since, trigger=SyncRun.Trigger.SCHEDULE, kind=SyncRun.Kind.CHANGES
        )
        until = time.monotonic() + CHECK_PATIENCE_SECONDS
        while time.monotonic() < until and not stopping.is_requested():
            failed = due.filter(status=SyncRun.Status.FAILED).first()
            if failed:
                raise CommandError(f"The scheduled run of {failed.stream} failed: {failed.error}")
            if due.filter(status__in=GOOD_ENDS).exists():
                return
            time.sleep(0.5)
        raise CommandError(f"No scheduled run succeeded in {CHECK_PATIENCE_SECONDS} s.")

    def _call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """Return the JSON of the response, or None for other content. Anything but 2xx is an error."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(  # noqa: S310 our own address
            self.address + path,
            data=None if body is None else json.dumps(body).encode(),
            headers=headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                content = answer.read()
                is_json = answer.headers.get_content_type() == "application/json"
        except urllib.error.HTTPError as exc:
            text = exc.read(500).decode(errors="replace")
            raise CommandError(f"{method} {path}: {exc.code} {text}") from exc
        except OSError as exc:
            raise CommandError(f"{method} {path}: {exc}") from exc
        self.console.print(f"{method} {path.partition('?')[0]}: ok")
        return json.loads(content) if is_json else None


def _refuse_other_modes(host: str) -> None:
    if not settings.ONE_PROCESS:
        raise CommandError(
            "This command is for the one-process mode, but ONE_PROCESS is off. Start the three "
            "programs instead:\n"
            "  gunicorn odoo_bridge.wsgi\n"
            "  celery -A odoo_bridge worker\n"
            "  celery -A odoo_bridge beat"
        )
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise CommandError(
            f"The one-process mode uses plain HTTP and serves only the loopback address, not "
            f"{host}. To serve other machines, see the README."
        )


def _serve_demo(running: ExitStack, *, any_port: bool) -> None:
    from odoo_bridge.demo import DemoOdoo

    parts = urlsplit(settings.ODOO_URL)
    port = 0 if any_port else parts.port or 80
    odoo = DemoOdoo(version="19.0", contacts=DEMO_CONTACTS, invoices=DEMO_INVOICES, seed=DEMO_SEED)
    try:
        server = running.enter_context(odoo.serve(parts.hostname or "127.0.0.1", port))
    except OSError as exc:
        raise CommandError(
            f"The demo Odoo cannot use port {port} ({exc.strerror}). Is bin/start running already?"
        ) from exc
    # Set here and not in the environment, because worker and engine are threads of this process.
    settings.ODOO_URL = server.url


def _refuse_another_mirror() -> None:
    """Raise CommandError if another Odoo is mirrored: the demo's records must not overwrite its
    records."""
    known = identity.recorded()
    finding = identity.look(connect(), known)
    if finding.kind in ("moved", "older"):
        # The demo itself, on another port, or without the changes that it lost when it stopped.
        identity.remember(finding.found)
    elif finding.is_refused:
        name = f"Odoo {identity.named(known)}" if known else "another Odoo"
        raise CommandError(
            f"This database mirrors {name}, and the demo would overwrite it.\n"
            "To continue with that Odoo, set ODOO_URL. For the demo, set DATABASE_URL to an empty "
            "database."
        )


def _make_admin() -> str | None:
    """Create the first administrator. Returns the password, or None if there is one already."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser(username="admin", email="admin@localhost.invalid", password=password)
    return password


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _bind_web(host: str, port: int) -> ThreadedWSGIServer:
    """Bind the address without serving anything yet."""
    try:
        return ThreadedWSGIServer(
            (host, port), _QuietHandler, ipv6=":" in host, allow_reuse_address=True
        )
    except OSError as exc:
        raise CommandError(
            f"Port {port} on {host} is not available ({exc.strerror}). "
            f"Choose another one: --port {port + 1 if 1024 <= port < 65_535 else 8001}"
        ) from exc


def _serve_web(running: ExitStack, web: ThreadedWSGIServer) -> str:
    """Start the web server in a thread. Returns its URL."""
    web.daemon_threads = True
    web.set_app(get_wsgi_application())
    threading.Thread(target=web.serve_forever, name="web", daemon=True).start()
    running.callback(web.shutdown)
    host, port = web.server_address[:2]
    shown = f"[{host!s}]" if web.address_family == socket.AF_INET6 else f"{host!s}"
    return f"http://{shown}:{port}"


class _QuietHandler(WSGIRequestHandler):
    """Logs no line per request, which would push the URLs and the password off the screen."""

    def log_message(self, format: str, *args: Any) -> None:
        logging.getLogger("django.server").debug(format, *args)


def _start_worker(running: ExitStack) -> None:
    # celery.apps.worker would install signal handlers, which only the main thread may.
    worker = WorkController(
        app=app, pool="threads", concurrency=3, hostname="one-process", loglevel="WARNING"
    )
    # The "celery worker" program sends this signal. It makes Celery close the database connection
    # around each task.
    signals.worker_init.send(sender=worker)
    thread = threading.Thread(target=worker.start, name="worker", daemon=True)
    thread.start()

    def stop() -> None:
        worker.stop()
        thread.join(timeout=10)

    running.callback(stop)


def _start_beat(running: ExitStack) -> None:
    # Passed explicitly, because Service ignores the setting and keeps its schedule in a file.
    beat = Service(app, scheduler_cls=app.conf.beat_scheduler)
    thread = threading.Thread(
        target=beat.start, kwargs={"embedded_process": False}, name="beat", daemon=True
    )
    thread.start()

    def stop() -> None:
        beat.stop()
        thread.join(timeout=10)

    running.callback(stop)


def _wait_for_stop() -> None:
    while not stopping.is_requested():
        time.sleep(0.2)
