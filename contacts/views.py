"""Contacts: from the mirror, and live from Odoo."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator
from contacts import live
from contacts.filters import ContactFilters
from contacts.models import Contact
from contacts.rows import CONTACT_ROWS
from contacts.serializers import ContactChangesSerializer, ContactSerializer
from odoo_bridge.changes import changes_schema
from odoo_bridge.export import export_schema
from odoo_bridge.live import LiveAnswerSerializer, LiveQuerySerializer, query
from odoo_bridge.mirror import INCLUDE_GONE, MirrorViewSet, fields_parameter
from odoo_bridge.odoo.gateway import connect
from odoo_bridge.strict import StrictQuery


@extend_schema_view(
    list=extend_schema(summary="Mirrored contacts", parameters=[fields_parameter(CONTACT_ROWS)]),
    retrieve=extend_schema(
        summary="One mirrored contact", parameters=[fields_parameter(CONTACT_ROWS), INCLUDE_GONE]
    ),
    export=export_schema("Contacts as a file", fields_parameter(CONTACT_ROWS)),
    changes=changes_schema("Contacts that changed", ContactChangesSerializer),
)
class ContactViewSet(MirrorViewSet):
    """Mirrored contacts, archived ones and addresses included. Odoo stays the place to write."""

    streams = ("contacts",)
    # The filters leave out what is gone, unless include_gone asks for it.
    queryset = Contact.objects.order_by("odoo_id")
    rows = CONTACT_ROWS
    serializer_class = ContactSerializer
    filterset_class = ContactFilters


class OdooVersionSerializer(serializers.Serializer):
    version = serializers.CharField(help_text="As Odoo spells it: 19.0, saas~18.4")
    major = serializers.IntegerField()


class LiveVersionView(StrictQuery, APIView):
    """The version of the Odoo behind the mirror."""

    permission_classes = [IsOperator]

    @extend_schema(summary="Odoo's version, live", responses=OdooVersionSerializer)
    def get(self, request: Request) -> Response:
        version = connect().version()
        return Response({"version": version.text, "major": version.major})


class LiveContactsView(APIView):
    """Contacts as Odoo has them this moment."""

    permission_classes = [IsOperator]

    @extend_schema(
        summary="Odoo's contacts, live",
        parameters=[LiveQuerySerializer],
        responses=LiveAnswerSerializer,
    )
    def get(self, request: Request) -> Response:
        records = live.contacts(**query(request))
        return Response({"count": len(records), "results": records})
