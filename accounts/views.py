"""Registration, tokens, and the user's own account."""

from typing import Any

from axes.helpers import get_client_ip_address, get_cool_off
from axes.utils import reset as forget_failures
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, update_last_login
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import tokens
from accounts.backends import canonical_login
from accounts.models import READERS, User
from accounts.serializers import (
    CredentialsSerializer,
    MeSerializer,
    RefreshSerializer,
    RegisteredSerializer,
    RegisterSerializer,
    TokenPairSerializer,
)
from accounts.throttles import AuthThrottle
from odoo_bridge.strict import StrictQuery


class LockedOut(Throttled):
    default_detail = "Too many wrong passwords."
    default_code = "locked_out"


class AnonymousView(StrictQuery, APIView):
    # No authentication: a bearer token must neither be needed nor lift the limit on guessing.
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    throttle_classes = [AuthThrottle]

    def get_authenticate_header(self, request: Request) -> str:
        # Without it a refused login would be a 403: this view has no authentication of its own.
        return 'Bearer realm="api"'


class RegisterView(AnonymousView):
    @extend_schema(
        summary="Make an account",
        request=RegisterSerializer,
        responses={
            202: RegisteredSerializer,
            404: OpenApiResponse(description="Registration is closed."),
        },
        auth=[],
    )
    def post(self, request: Request) -> Response:
        if settings.REGISTRATION == "closed":
            raise Http404
        serializer = RegisterSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        _make_account(**serializer.validated_data)
        detail = (
            "Unless the name or address is taken, the account can be used now."
            if settings.REGISTRATION == "open"
            else "Unless the name or address is taken, the account waits for staff to approve it."
        )
        return Response({"detail": detail}, status=202)


def _make_account(username: str, email: str, password: str) -> None:
    """Make it, unless name or address is known: then nothing happens, at the same price.

    Who has an account here is nobody's business, so the caller is told the same either way.
    """
    if User.objects.filter(Q(username__iexact=username) | Q(email__iexact=email)).exists():
        make_password(password)
        return
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, email, password)
            if settings.REGISTRATION == "open":
                user.groups.add(Group.objects.get_or_create(name=READERS)[0])
    except IntegrityError:
        # Somebody else took the name or the address a moment ago.
        return


class TokenView(AnonymousView):
    @extend_schema(
        summary="Log in",
        request=CredentialsSerializer,
        responses={
            200: TokenPairSerializer,
            401: OpenApiResponse(description="No active account with this name and password."),
            429: OpenApiResponse(description="Too many attempts; Retry-After says how long."),
        },
        auth=[],
    )
    def post(self, request: Request) -> Response:
        serializer = CredentialsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        # Failures are counted for the account, however its name was spelled.
        login = canonical_login(given.get("username") or given["email"])
        user = authenticate(request=request, username=login, password=given["password"])
        if getattr(request, "axes_locked_out", False):
            cool_off = get_cool_off(request)
            raise LockedOut(wait=cool_off.total_seconds() if cool_off else None)
        if not isinstance(user, User):
            raise AuthenticationFailed("No active account with this name and password.")
        # Not the login signal, which would start a session for every token.
        forget_failures(username=login, ip=get_client_ip_address(request))
        update_last_login(User, user)
        return Response(TokenPairSerializer(tokens.issue(user)).data)


class RefreshView(AnonymousView):
    @extend_schema(
        summary="Exchange a refresh token for a new pair",
        description="A refresh token is good for one use. Used a second time it logs the user out "
        "everywhere: two programs must not share one.",
        request=RefreshSerializer,
        responses={
            200: TokenPairSerializer,
            401: OpenApiResponse(description="Used before, expired, revoked or not ours."),
        },
        auth=[],
    )
    def post(self, request: Request) -> Response:
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        pair = tokens.rotate(serializer.validated_data["refresh"])
        return Response(TokenPairSerializer(pair).data)


@extend_schema(summary="The user's own account")
class MeView(StrictQuery, generics.RetrieveUpdateAPIView):
    serializer_class = MeSerializer
    permission_classes = [IsAuthenticated]
    http_method_names = ["get", "patch", "head", "options"]

    def get_object(self) -> Any:
        return self.request.user
