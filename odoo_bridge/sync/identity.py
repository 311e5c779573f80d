"""Whose mirror this is: the Odoo that was copied first is remembered, another one is refused.

Three kinds of evidence, strongest first:

- ``database.uuid``, which Odoo makes with a database. Only administrators may read it. Odoo's own
  "duplicate" gives the copy another one, so a different UUID is another Odoo. A dump that was restored
  elsewhere keeps it.
- When the first users were created. Every internal user may read that, and two databases do not share
  it, except copies of one another.
- When the records that are mirrored here were created, compared with Odoo's records of the same ids.

Address and database name are secondary: a server that moves changes both. At another address the same
identity is accepted while its data goes on from ours; an older copy (a staging server) is refused, and
``manage.py adopt_odoo`` accepts it if that is what is wanted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min
from django.db.models.functions import Now

from odoo_bridge.models import (
    MirroredModel,
    OdooIdentity,
    OdooMoment,
    Reference,
    Reread,
    SyncIssue,
    SyncState,
)
from odoo_bridge.odoo.errors import BridgeError, OdooForbidden, OdooMissing
from odoo_bridge.odoo.gateway import Gateway
from odoo_bridge.sync import undone
from odoo_bridge.sync.streams import all_streams

# More tell nothing more: the first were made with the database, the next ones each on its own day.
_USERS = 20
# Rows of each stream to compare with Odoo, spread evenly over the ids.
_SAMPLE = 100
_FEW = 5

# Asks Odoo one thing: ``ask(question, *arguments)``. A run keeps its lease alive while it waits.
Ask = Callable[..., Any]


def _at_once(question: Callable[..., Any], *arguments: Any) -> Any:
    return question(*arguments)


class OtherOdoo(BridgeError):
    """The Odoo of the settings is not the one that this mirror copies."""

    code = "other_odoo"


@dataclass(frozen=True)
class Evidence:
    """What an Odoo says of itself. ``users``: id -> ``create_date``, of the first ones we may see."""

    url: str
    database: str
    company: str
    uuid: str
    users: dict[str, str]

    def __str__(self) -> str:
        return named(self)


@dataclass
class Rows:
    """Mirrored rows compared with Odoo's records of the same ids by when they were created."""

    agree: int = 0
    differ: int = 0
    # Such as "contacts 7", of those that differ.
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.differ} of {self.agree + self.differ} records that both have were created at "
            f"another moment there (such as {', '.join(self.examples[:3])})"
        )


@dataclass(frozen=True)
class Finding:
    """Which Odoo was found. ``why``: the evidence, in a sentence, of any but the same one.

    ``same``: nothing to say. ``new``: nothing is remembered and no row is here. ``unrecorded``: rows are
    here, from before identities were remembered, and agree. ``moved``: the same at another address.
    ``older``: the same at another address, but without changes that are here. ``duplicate``: made from
    ours by Odoo's "duplicate", or restored as a copy. ``other``: another database.
    """

    kind: str
    found: Evidence
    why: str = ""

    @property
    def is_refused(self) -> bool:
        return self.kind in ("older", "duplicate", "other")


def check(gateway: Gateway, ask: Ask = _at_once, *, thorough: bool = False) -> str:
    """Refuse another Odoo than the mirrored one, and remember what is new about ours.

    To be called before anything of a run is stored. Costs one small call to Odoo; more only when
    something is new. ``thorough``: ask once more for what was forbidden before. Returns what staff
    should know, mostly nothing. Raises OtherOdoo.
    """
    known = recorded()
    finding = look(gateway, known, ask, thorough=thorough)
    if finding.is_refused:
        raise _refused(finding, known)
    if finding.kind == "new":
        with transaction.atomic():
            _forget_leftovers()
            remember(finding.found)
        return ""
    if known is None:
        remember(finding.found)
        return ""
    is_news = finding.kind == "moved" or finding.found.users != known.users
    if is_news or known.other or (finding.found.uuid and not known.uuid):
        remember(finding.found)
    return finding.why if finding.kind == "moved" else ""


def check_rows(gateway: Gateway, ask: Ask = _at_once) -> None:
    """Refuse an Odoo most of whose records are not the ones that are mirrored under their ids.

    For ids that belong to other records now: some after a backup was restored, most in another database.
    """
    known = recorded()
    rows = compare_rows(gateway, ask)
    if rows.differ > rows.agree:
        raise _refused(Finding("other", _evidence(gateway, ask), f"{rows}."), known)


def _refused(finding: Finding, known: OdooIdentity | None) -> OtherOdoo:
    message = refusal(finding, known)
    OdooIdentity.objects.update_or_create(pk=1, defaults={"other": message})
    return OtherOdoo(message)


def recorded() -> OdooIdentity | None:
    """The Odoo that is mirrored; None before the first run."""
    # Without an address it only keeps why an Odoo was refused.
    return OdooIdentity.objects.exclude(url="").filter(pk=1).first()


def look(
    gateway: Gateway,
    known: OdooIdentity | None,
    ask: Ask = _at_once,
    *,
    thorough: bool = False,
) -> Finding:
    """Compare the Odoo of the settings with the one that is mirrored. Stores nothing."""
    uuid = ask(gateway.database_uuid, thorough or known is None)
    same_place = known is not None and _same_place(known)
    if known is not None and same_place and uuid and uuid == known.uuid:
        return Finding("same", _as_known(known, uuid))
    users = _first_users(gateway, ask)
    if known is not None and same_place and not (uuid and known.uuid):
        agree, differ = _compare(known.users, users)
        # A user whose id was given to another one after a backup was restored differs as well.
        if agree and not differ:
            return Finding("same", _as_known(known, uuid))
    found = _evidence(gateway, ask, uuid, users)
    if not _has_rows():
        return Finding("new", found)
    if known is None:
        rows = compare_rows(gateway, ask)
        # Nothing else speaks for it, so a few are enough to refuse it.
        if _FEW * rows.differ > rows.agree:
            return Finding("other", found, f"{rows}.")
        return Finding("unrecorded", found)
    return _judge(gateway, known, found, ask)


def _judge(gateway: Gateway, known: OdooIdentity, found: Evidence, ask: Ask) -> Finding:
    agree, differ = _compare(known.users, found.users)
    if differ and not agree:
        return Finding("other", found, "Its first users were created at another moment.")
    rows = compare_rows(gateway, ask)
    if rows.differ > rows.agree:
        return Finding("other", found, f"{rows}.")
    if known.uuid and found.uuid and known.uuid != found.uuid:
        return Finding(
            "duplicate",
            found,
            "It was made as a copy of ours: its first users and records were created at the same "
            "moments, but its database.uuid is another one.",
        )
    if _same_place(known):
        # Nothing tells them apart but records made after a copy: a restored backup. See undone.py.
        return Finding("same", found)
    if known.uuid != found.uuid and not agree and not rows.agree:
        return Finding("other", found, "Nothing that our user may read is known from ours.")
    for stream in all_streams().values():
        back = undone.find(gateway, stream, ask)
        if back is not None:
            return Finding(
                "older",
                found,
                f"It is the same database at another address, but {back} It is an older copy, as "
                "on a staging server, or was restored from a backup when it moved.",
            )
    why = f"Odoo moved from {place(known)} to {place(found)}: it is the same database."
    return Finding("moved", found, why)


def refusal(finding: Finding, known: OdooIdentity | None) -> str:
    """The sentence for a person about an Odoo that is not ours."""
    ours = f"Odoo {named(known)}" if known else "another Odoo"
    return (
        f"This mirror is a copy of {ours}, but the settings lead to Odoo {named(finding.found)}. "
        f"{finding.why} Nothing was stored."
    )


def remember(found: Evidence) -> None:
    """Remember ``found`` as the Odoo that is mirrored here."""
    known = recorded()
    uuid = found.uuid or (known.uuid if known else "")
    # Another user of ours may see others of the first ones.
    users = {**(known.users if known else {}), **found.users}
    values = {
        "url": found.url,
        "database": found.database,
        "company": found.company,
        "uuid": uuid,
        "users": users,
        "other": "",
    }
    OdooIdentity.objects.update_or_create(
        pk=1, defaults=values if known else {**values, "known_at": Now()}
    )


def compare_rows(gateway: Gateway, ask: Ask = _at_once) -> Rows:
    """Compare rows of every stream, spread over its ids, with Odoo's records of the same ids."""
    rows = Rows()
    for stream in all_streams().values():
        sample = dict(_sample(stream.model))
        if not sample:
            continue
        try:
            theirs = ask(undone.stamps_of, gateway, stream.odoo_model, list(sample))
        except (OdooForbidden, OdooMissing):
            continue
        for odoo_id, (created, _written) in theirs.items():
            if not created:
                continue
            if created == sample[odoo_id]:
                rows.agree += 1
            else:
                rows.differ += 1
                rows.examples.append(f"{stream.name} {odoo_id}")
    return rows


def _sample(model: type[MirroredModel]) -> Iterator[tuple[int, str]]:
    """(id, create_date as Odoo spells it) of present rows that have one, spread over the ids."""
    present = model._default_manager.filter(gone_at=None, create_date__isnull=False)
    ends = model._default_manager.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return
    step = max(1, (ends["last"] - ends["first"]) // _SAMPLE)
    after = ends["first"] - 1
    while True:
        row = (
            present.filter(pk__gt=after)
            .order_by("pk")
            .values_list("pk", OdooMoment("create_date"))
            .first()
        )
        if row is None:
            return
        yield row
        after = row[0] + step - 1


def _evidence(
    gateway: Gateway,
    ask: Ask,
    uuid: str | None = None,
    users: dict[str, str] | None = None,
) -> Evidence:
    return Evidence(
        settings.ODOO_URL,
        settings.ODOO_DB,
        _company(gateway, ask),
        ask(gateway.database_uuid) if uuid is None else uuid,
        _first_users(gateway, ask) if users is None else users,
    )


def _first_users(gateway: Gateway, ask: Ask) -> dict[str, str]:
    try:
        rows = ask(gateway.first, "res.users", ["create_date"], _USERS)
    except (OdooForbidden, OdooMissing):
        return {}
    return {str(row["id"]): row["create_date"] for row in rows if row.get("create_date")}


def _company(gateway: Gateway, ask: Ask) -> str:
    try:
        rows = ask(gateway.first, "res.company", ["name"], 1)
    except (OdooForbidden, OdooMissing):
        return ""
    return str(rows[0].get("name") or "") if rows else ""


def _compare(ours: dict[str, str], theirs: dict[str, str]) -> tuple[int, int]:
    """How many users that both sides saw were created at the same moment, and how many not."""
    both = ours.keys() & theirs.keys()
    agree = sum(ours[each] == theirs[each] for each in both)
    return agree, len(both) - agree


def _as_known(known: OdooIdentity, uuid: str) -> Evidence:
    return Evidence(known.url, known.database, known.company, uuid, known.users)


def _same_place(known: OdooIdentity) -> bool:
    return _host(known.url) == _host(settings.ODOO_URL) and _same_name(
        known.database, settings.ODOO_DB
    )


def _same_name(one: str, other: str) -> bool:
    # An API key needs no name where the host serves one database.
    return not one or not other or one == other


def _host(url: str) -> str:
    parts = urlsplit(url)
    return (parts.netloc.rpartition("@")[2] + parts.path).rstrip("/").lower()


def place(odoo: OdooIdentity | Evidence) -> str:
    """``prod at odoo.example.com``: its database, if the settings name one, and its host."""
    return f"{odoo.database} at {_host(odoo.url)}" if odoo.database else _host(odoo.url)


def named(odoo: OdooIdentity | Evidence) -> str:
    """``"My Company" (database prod at odoo.example.com, uuid 1fcfbe55)``."""
    uuid = f", uuid {odoo.uuid[:8]}" if odoo.uuid else ""
    database = "database " if odoo.database else ""
    return f'"{odoo.company}" ({database}{place(odoo)}{uuid})'


def _has_rows() -> bool:
    return any(stream.model._default_manager.exists() for stream in all_streams().values())


def _forget_leftovers() -> None:
    """Nothing was copied, but an Odoo that was configured before may have left its names."""
    known = recorded()
    if known is None:
        return
    Reference.objects.all().delete()
    Reread.objects.all().delete()
    SyncIssue.objects.filter(resolved_at=None).update(resolved_at=Now())
    SyncState.objects.update(watermark=None, copied_fields=[])
    OdooIdentity.objects.all().delete()
