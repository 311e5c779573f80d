"""``startnoun``: write the folder of a new mirrored model."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from odoo_bridge.management.commands._output import BridgeCommand
from odoo_bridge.odoo.connect import connect
from odoo_bridge.odoo.errors import BridgeError
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.startnoun.fields import Choice, choose, inherits
from odoo_bridge.startnoun.files import files
from odoo_bridge.startnoun.plan import Plan
from odoo_bridge.sync.streams import all_streams

# Django writes the migration: for that the new app must be installed, which its one line in the
# settings does from now on.
_MIGRATE = """
import sys
import odoo_bridge.settings as settings
for apps in (settings.NOUNS, settings.INSTALLED_APPS):
    if sys.argv[1] not in apps:
        apps.append(sys.argv[1])
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "makemigrations", sys.argv[1], "--name", "initial"])
"""


class Command(BridgeCommand):
    help = (
        "Writes the folder of a new mirrored model: its table, mapping, filters, admin page, "
        "migration and tests, from what the connected Odoo says of the model's fields. It prints "
        "which fields it leaves out and why, and the one line that starts the mirroring."
    )
    examples = """
        manage.py startnoun product.product products
        manage.py startnoun res.partner.bank bank_accounts
        manage.py startnoun product.category categories --model Category
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("odoo_model", help="as Odoo calls it: product.product")
        parser.add_argument("name", help="the folder and the route, in the plural: products")
        parser.add_argument("--model", help="the class of one row, if the plural minus s is wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        name, odoo_model = options["name"], options["odoo_model"]
        folder = Path(settings.BASE_DIR) / name
        _check_name(name, folder)
        try:
            choice = _chosen(connect(), odoo_model)
        except BridgeError as exc:
            raise CommandError(f"{odoo_model} cannot be mirrored: {exc}") from exc
        model = options["model"] or _singular(name)
        streams = {stream.model_label: stream.name for stream in all_streams().values()}
        plan = Plan(name, model, odoo_model, choice, streams)
        for path, text in files(plan).items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        _tidy(folder)
        self._migrate(name)
        _tidy(folder)
        self._report(plan, folder)

    def _migrate(self, name: str) -> None:
        made = subprocess.run(  # noqa: S603  # our own Python, and a name that was checked
            [sys.executable, "-c", _MIGRATE, name],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "odoo_bridge.settings"},
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise CommandError(f"The migration could not be written:\n{made.stderr}")

    def _report(self, plan: Plan, folder: Path) -> None:
        write = self.stdout.write
        write(f"{folder.name}/ copies {len(plan.choice.fields)} fields of {plan.odoo_model}.")
        if plan.choice.left_out:
            write("\nLeft out:")
            reasons: dict[str, list[str]] = {}
            for field, why in plan.choice.left_out.items():
                reasons.setdefault(why, []).append(field)
            for why, fields in sorted(reasons.items()):
                write(f"  {why}: {', '.join(sorted(fields))}")
        write(
            f'\nAdd "{plan.name}" to NOUNS in odoo_bridge/settings.py. Then:\n'
            "  bin/schema                              describe its routes\n"
            "  manage.py migrate                       make its table, and let staff see it\n"
            f"  manage.py sync_odoo {plan.name} --kind reconcile\n"
            f"  manage.py verify_mirror {plan.name}"
        )


def _check_name(name: str, folder: Path) -> None:
    if not name.isidentifier() or name != name.lower():
        raise CommandError(f"{name!r} is no name for a folder: small letters, digits and _.")
    if folder.exists() or find_spec(name) is not None:
        raise CommandError(f"There is a package called {name} already.")
    if name in all_streams():
        raise CommandError(f"There is a stream called {name} already.")


def _singular(name: str) -> str:
    """``BankAccount`` of ``bank_accounts``, ``Category`` of ``categories``."""
    stem = name.removesuffix("s")
    if name.endswith("ies"):
        stem = f"{name.removesuffix('ies')}y"
    elif name.endswith(("sses", "xes", "ches", "shes")):
        stem = name.removesuffix("es")
    return "".join(part.capitalize() for part in stem.split("_"))


def _chosen(gateway: Gateway, odoo_model: str) -> Choice:
    """Raises CommandError for a model that cannot be mirrored, BridgeError where Odoo refuses."""
    for stream in all_streams().values():
        if stream.odoo_model == odoo_model:
            raise CommandError(f"{odoo_model} is mirrored already, as {stream.name}.")
    about = gateway.describe(odoo_model)
    if not about.get("write_date", {}).get("store"):
        raise CommandError(
            f"{odoo_model} has no write_date: Odoo keeps no stamp of its changes, by which a run "
            "finds them."
        )
    # Reading is allowed, and it is a table: an abstract model has none.
    gateway.search(odoo_model, [], limit=1)
    parents = {field: gateway.describe(model) for field, model in inherits(about).items()}
    # Where only some records of a model are mirrored, an id may be of one that never comes.
    whole = [stream for stream in all_streams().values() if not stream.domain({})]
    nouns = {stream.odoo_model: stream.model_label for stream in whole}
    choice = choose(about, parents, nouns)
    if not choice.fields:
        raise CommandError(f"No field of {odoo_model} can be copied.")
    return choice


def _tidy(folder: Path) -> None:
    """In the style of the project, where its tools are installed."""
    if find_spec("ruff") is None:
        return
    for words in (["format"], ["check", "--fix", "--exit-zero"], ["format"]):
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "ruff", *words, str(folder)],
            cwd=settings.BASE_DIR,
            check=True,
            capture_output=True,
        )
