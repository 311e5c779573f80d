"""Which Odoo this mirror copies: the first one that was copied is remembered, any other is refused.

Three kinds of evidence, strongest first:

- ``database.uuid``, which Odoo creates with a database. Only administrators may read it. Odoo's own
  "duplicate" gives the copy a new one, so a different UUID means another Odoo. A dump that is restored
  elsewhere keeps its UUID.
- When the first users were created. Every internal user may read that, and only copies of one database
  share it.
- When the records that are mirrored here were created, compared with Odoo's records of the same ids.

Address and database name count less: a server that moves changes both. At another address the same
identity is accepted if it has all changes that are here. An older copy (such as a staging server) is
refused; ``manage.py adopt_odoo`` accepts it if that is intended.
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

# More would add nothing: the first were created with the database, the next each on its own day.
_USERS = 20
# Rows of each stream to compare with Odoo, spread evenly over the ids.
_SAMPLE = 100
_FEW = 5

# Asks Odoo one thing: ``ask(question, *arguments)``. A run's own keeps the lease alive meanwhile.
Ask = Callable[..., Any]


def _at_once(question: Callable[..., Any], *arguments: Any) -> Any:
    return question(*arguments)


class OtherOdoo(BridgeError):
    """The Odoo of the settings is not the one that this mirror copies."""

    code = "other_odoo"


@dataclass(frozen=True)
class Evidence:
    """How an Odoo identifies itself. ``users``: id -> ``create_date`` of the first users we may read."""

    url: str
    database: str
    company: str
    uuid: str
    users: dict[str, str]

    def __str__(self) -> str:
        return named(self)


@dataclass
class Rows:
    """How many mirrored rows and Odoo's records of the same ids were created at the same moment."""

    agree: int = 0
    differ: int = 0
    # Of those that differ, such as "contacts 7".
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.differ} of {self.agree + self.differ} records that both have were created at "
            f"a different moment there (such as {', '.join(self.examples[:3])})"
        )


@dataclass(frozen=True)
class Finding:
    """Which Odoo was found. ``why``: the evidence in a sentence, unless ``kind`` is ``same``.

    ``same``: the Odoo that is mirrored. ``new``: none is remembered, and no row is here. ``unrecorded``:
    none is remembered, but the rows here agree with it. ``moved``: the same Odoo at another address.
    ``older``: the same at another address, but without changes that are here. ``duplicate``: a copy of
    ours, by Odoo's "duplicate" or by a restore. ``other``: another database.
    """

    kind: str
    found: Evidence
    why: str = ""

    @property
    def is_refused(self) -> bool:
        return self.kind in ("older", "duplicate", "other")


def check(gateway: Gateway, ask: Ask = _at_once, *, thorough: bool = False) -> str:
    """Refuse any Odoo but the mirrored one, and remember what is new about ours.

    To be called before a run stores anything. Costs one small call to Odoo; more only if something is
    new. ``thorough``: ask again for what was forbidden before. Returns a note for staff, mostly empty.
    Raises OtherOdoo.
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
    """Refuse an Odoo in which most of the mirrored ids belong to other records.

    After a backup was restored, some ids belong to other records; in another database, most do.
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
    # A row without an address only keeps why an Odoo was refused.
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
        # After a backup was restored, an id may have been given to another user, who then differs.
        if agree and not differ:
            return Finding("same", _as_known(known, uuid))
    found = _evidence(gateway, ask, uuid, users)
    if not _has_rows():
        return Finding("new", found)
    if known is None:
        rows = compare_rows(gateway, ask)
        # There is no other evidence for it, so a few differences are enough to refuse it.
        if _FEW * rows.differ > rows.agree:
            return Finding("other", found, f"{rows}.")
        return Finding("unrecorded", found)
    return _judge(gateway, known, found, ask)


def _judge(gateway: Gateway, known: OdooIdentity, found: Evidence, ask: Ask) -> Finding:
    agree, differ = _compare(known.users, found.users)
    if differ and not agree:
        return Finding("other", found, "Its first users were created at a different moment.")
    rows = compare_rows(gateway, ask)
    if rows.differ > rows.agree:
        return Finding("other", found, f"{rows}.")
    if known.uuid and found.uuid and known.uuid != found.uuid:
        return Finding(
            "duplicate",
            found,
            "It is a copy of ours: its first users and records were created at the same moments, but "
            "its database.uuid is different.",
        )
    if _same_place(known):
        # It differs only in records made after a copy: a backup was restored. See undone.py.
        return Finding("same", found)
    if known.uuid != found.uuid and not agree and not rows.agree:
        return Finding("other", found, "Nothing that our user may read there matches ours.")
    for stream in all_streams().values():
        back = undone.find(gateway, stream, ask)
        if back is not None:
            return Finding(
                "older",
                found,
                f"It is the same database at another address, but {back} It is an older copy, such as "
                "a staging server, or a backup was restored when it moved.",
            )
    why = f"Odoo moved from {place(known)} to {place(found)}: it is the same database."
    return Finding("moved", found, why)


def refusal(finding: Finding, known: OdooIdentity | None) -> str:
    """The message about an Odoo that is refused."""
    ours = f"Odoo {named(known)}" if known else "another Odoo"
    return (
        f"This mirror is a copy of {ours}, but the settings point to Odoo {named(finding.found)}. "
        f"{finding.why} Nothing was stored."
    )


def remember(found: Evidence) -> None:
    """Remember ``found`` as the Odoo that is mirrored here."""
    known = recorded()
    uuid = found.uuid or (known.uuid if known else "")
    # After a change of our login, we may be allowed to read other users.
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
    """Compare a sample of every stream, spread over its ids, with Odoo's records of the same ids."""
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
    """(id, create_date as Odoo spells it) of some present rows that have one, spread over the ids."""
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
    """How many of the users that both sides have were created at the same moment, and how many not."""
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
    # With an API key, no name is needed if the host serves one database.
    return not one or not other or one == other


def _host(url: str) -> str:
    parts = urlsplit(url)
    return (parts.netloc.rpartition("@")[2] + parts.path).rstrip("/").lower()


def place(odoo: OdooIdentity | Evidence) -> str:
    """``prod at odoo.example.com``: the database, if the settings name one, and the host."""
    return f"{odoo.database} at {_host(odoo.url)}" if odoo.database else _host(odoo.url)


def named(odoo: OdooIdentity | Evidence) -> str:
    """``"My Company" (database prod at odoo.example.com, uuid 1fcfbe55)``."""
    uuid = f", uuid {odoo.uuid[:8]}" if odoo.uuid else ""
    database = "database " if odoo.database else ""
    return f'"{odoo.company}" ({database}{place(odoo)}{uuid})'


def _has_rows() -> bool:
    return any(stream.model._default_manager.exists() for stream in all_streams().values())


def _forget_leftovers() -> None:
    """Remove what an Odoo that was configured before may have left, although no row was copied."""
    known = recorded()
    if known is None:
        return
    Reference.objects.all().delete()
    Reread.objects.all().delete()
    SyncIssue.objects.filter(resolved_at=None).update(resolved_at=Now())
    SyncState.objects.update(watermark=None, copied_fields=[])
    OdooIdentity.objects.all().delete()
