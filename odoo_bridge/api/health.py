"""The health routes."""

from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from odoo_bridge.api.strict import StrictQuery
from odoo_bridge.models import OdooIdentity, SyncState
from odoo_bridge.sync.streams import all_streams

STALE_SECONDS = 15 * 60


class AliveSerializer(serializers.Serializer):
    status = serializers.ChoiceField(choices=["alive"])


class FreshnessSerializer(serializers.Serializer):
    fresh = serializers.BooleanField()
    age_seconds = serializers.IntegerField(
        allow_null=True,
        help_text="The age of the watermark in seconds; null before the first complete copy.",
    )
    reason = serializers.CharField(allow_blank=True, help_text="Why it is not fresh.")


class ReadySerializer(serializers.Serializer):
    status = serializers.ChoiceField(choices=["ready", "stale", "other_odoo", "no database"])
    one_process = serializers.BooleanField(
        required=False,
        help_text="Whether this is the one-process mode on SQLite, for trying the bridge out.",
    )
    streams = serializers.DictField(child=FreshnessSerializer(), required=False)


class LiveView(StrictQuery, APIView):
    """Responds if the process is alive. It checks nothing else, so that a dead database does not cause
    restarts."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Whether the process is alive",
        description="Checks nothing else: the database may be down.",
        responses=AliveSerializer,
    )
    def get(self, request: Request) -> Response:
        return Response({"status": "alive"})


class ReadyView(StrictQuery, APIView):
    """Whether the database is available and every stream is fresh. It does not call Odoo, because the
    mirror can be used while Odoo is down."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Whether the mirror is fresh",
        description="200 if the database is available and every stream is fresh, otherwise 503 with the "
        "reason. `other_odoo`: the last run found a different Odoo from the mirrored one and refused "
        "it. Odoo itself is not checked, because the mirror can be used while Odoo is down.",
        responses={
            200: ReadySerializer,
            503: OpenApiResponse(
                ReadySerializer,
                description="A stream is stale, the settings point to a different Odoo from the "
                "mirrored one, or the database is not available.",
                examples=[OpenApiExample("no database", {"status": "no database"})],
            ),
        },
    )
    def get(self, request: Request) -> Response:
        try:
            connection.ensure_connection()
            states = SyncState.objects.exclude(watermark=None).annotate(now=Now())
            ages = {
                stream: (now - watermark).total_seconds()
                for stream, watermark, now in states.values_list("stream", "watermark", "now")
                if watermark
            }
            other_odoo = OdooIdentity.objects.exclude(other="").exists()
        except DatabaseError:
            return Response({"status": "no database"}, status=503)
        streams = {name: _freshness(ages.get(name)) for name in all_streams()}
        ready = all(stream["fresh"] for stream in streams.values()) and not other_odoo
        status = "ready" if ready else "other_odoo" if other_odoo else "stale"
        return Response(
            {"status": status, "one_process": settings.ONE_PROCESS, "streams": streams},
            status=200 if ready else 503,
        )


def _freshness(age: float | None) -> dict[str, Any]:
    if age is None:
        return {"fresh": False, "age_seconds": None, "reason": "never copied"}
    fresh = age <= STALE_SECONDS
    reason = "" if fresh else f"last copied {age / 60:.0f} minutes ago"
    return {"fresh": fresh, "age_seconds": max(0, round(age)), "reason": reason}


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Nothing: browsers ask for it on every page, and would write a 404 to their consoles."""
    return HttpResponse(status=204)
