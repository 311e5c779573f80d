"""Contacts: from the mirror, and live from Odoo."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator, ReadsOrWritesOdoo
from accounts.throttles import LiveThrottle, WriteThrottle
from contacts import creating, live
from contacts.filters import ContactFilters
from contacts.noun import CONTACTS
from odoo_bridge.api import waiting
from odoo_bridge.api.live import LiveAnswerSerializer, live_list
from odoo_bridge.api.nouns import row_serializer, view_of
from odoo_bridge.api.strict import StrictQuery
from odoo_bridge.api.writes import KEY_PARAMETER, WRITE_ERRORS, WriteView
from odoo_bridge.odoo.connect import connect

ContactViewSet = view_of(CONTACTS, ContactFilters)


class OdooVersionSerializer(serializers.Serializer):
    version = serializers.CharField(help_text="Odoo's version text: 19.0, saas~18.4")
    major = serializers.IntegerField()


class LiveVersionView(StrictQuery, APIView):
    """The version of the Odoo behind the mirror."""

    permission_classes = [IsOperator]
    throttle_classes = [LiveThrottle]

    @extend_schema(summary="Odoo's version, live", responses=OdooVersionSerializer)
    def get(self, request: Request) -> Response:
        with waiting.for_odoo():
            version = connect().version()
        return Response({"version": version.text, "major": version.major})


@extend_schema(tags=["utils"])
class LiveContactsView(WriteView):
    """The contacts in Odoo now, including archived ones and addresses."""

    permission_classes = [ReadsOrWritesOdoo]
    throttle_classes = [LiveThrottle, WriteThrottle]

    @extend_schema(
        summary="Odoo's contacts, live",
        parameters=[live.LiveContactsSerializer],
        responses=LiveAnswerSerializer,
    )
    def get(self, request: Request) -> Response:
        query = live.LiveContactsSerializer(data=request.query_params.dict())
        scope = live.in_scope(request.user)
        return live_list(live.MODEL, live.FIELDS, live.searched(request.user), scope, query)

    @extend_schema(
        summary="Create a contact in Odoo",
        parameters=[KEY_PARAMETER],
        request=creating.NewContactSerializer,
        responses={201: row_serializer(CONTACTS), **WRITE_ERRORS},
    )
    def post(self, request: Request) -> Response:
        def body() -> Mapping[str, Any]:
            serializer = creating.NewContactSerializer(
                data=request.data, context={"request": request}
            )
            serializer.is_valid(raise_exception=True)
            return serializer.validated_data

        return self.write(request, creating.CREATE_CONTACT, body)


@extend_schema(tags=["utils"])
class LivePartnersView(APIView):
    """The customers and vendors in Odoo now: contacts with a posted invoice or bill."""

    permission_classes = [IsOperator]
    throttle_classes = [LiveThrottle]

    @extend_schema(
        summary="Odoo's customers and vendors, live",
        parameters=[live.LiveContactsSerializer],
        responses=LiveAnswerSerializer,
    )
    def get(self, request: Request) -> Response:
        query = live.LiveContactsSerializer(data=request.query_params.dict())
        scope = [*live.PARTNERS, *live.in_scope(request.user)]
        return live_list(live.MODEL, live.FIELDS, live.searched(request.user), scope, query)
