from datetime import UTC, datetime

import factory

from odoo_bridge.models import OdooWrite, Reference, SyncIssue, SyncRun, SyncState

MOMENT = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)


class SyncStateFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = SyncState
        django_get_or_create = ["stream"]

    stream = "contacts"


class SyncRunFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = SyncRun

    stream = "contacts"
    kind = SyncRun.Kind.CHANGES
    trigger = SyncRun.Trigger.SCHEDULE


class SyncIssueFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = SyncIssue

    stream = "contacts"
    odoo_id = factory.Sequence(lambda n: n + 1)
    reason = "no name"
    first_seen_at = MOMENT
    last_seen_at = MOMENT


class ReferenceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Reference

    kind = Reference.Kind.CURRENCY
    odoo_id = factory.Sequence(lambda n: n + 1)


class OdooWriteFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OdooWrite

    action = "create_contact"
    username = "ann"
    key = factory.Sequence(lambda n: f"key-number-{n}")
    digest = "0" * 64
    body = factory.LazyFunction(lambda: {"name": "Acme"})
