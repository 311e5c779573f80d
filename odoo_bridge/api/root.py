"""The root of the API: what the user who asks may use."""

from itertools import groupby
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from odoo_bridge.api.browse.operations import Operation, operations
from odoo_bridge.api.strict import StrictQuery


class RouteSerializer(serializers.Serializer):
    method = serializers.ChoiceField(choices=["GET", "POST", "PATCH"])
    path = serializers.CharField(
        help_text="The path, with the names of its parameters: /api/contacts/{odoo_id}."
    )
    summary = serializers.CharField()
    urls = serializers.ListField(
        child=serializers.CharField(), help_text="Its URLs; empty if the path needs an id."
    )


class GroupSerializer(serializers.Serializer):
    name = serializers.CharField()
    routes = RouteSerializer(many=True)


class RootSerializer(serializers.Serializer):
    documentation = serializers.DictField(
        child=serializers.CharField(), help_text="The URLs of the schema and of the documentation."
    )
    groups = GroupSerializer(many=True)


class RootView(StrictQuery, APIView):
    """The routes that the account may use, in groups."""

    permission_classes = [AllowAny]

    @extend_schema(
        summary="The routes of the API",
        description="The routes that your account may use, in groups; without a login, the public ones.",
        operation_id="root",
        tags=["root"],
        responses=RootSerializer,
    )
    def get(self, request: Request) -> Response:
        pages = {
            name: request.build_absolute_uri(reverse(name)) for name in ("docs", "redoc", "schema")
        }
        allowed = [one for one in operations().values() if one.is_allowed(request)]
        others = sorted((one for one in allowed if one.group != "root"), key=_rank)
        groups = [
            {"name": name, "routes": [_described(one, request) for one in routes]}
            for name, routes in groupby(others, key=_group)
        ]
        return Response({"documentation": pages, "groups": groups})


# What a bridge is for comes first: the nouns, whatever they are.
_LAST = ("sync", "utils", "auth", "health")


def _rank(operation: Operation) -> tuple[int, str]:
    place = _LAST.index(operation.group) + 1 if operation.group in _LAST else 0
    return place, operation.group


def _group(operation: Operation) -> str:
    return operation.group


def _described(operation: Operation, request: Request) -> dict[str, Any]:
    return {
        "method": operation.method,
        "path": operation.path,
        "summary": operation.summary,
        "urls": [request.build_absolute_uri(address) for address in operation.addresses()],
    }
