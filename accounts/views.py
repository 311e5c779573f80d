"""Registration, tokens and the account itself."""

from dataclasses import asdict
from typing import Any, cast

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, update_last_login
from django.db import IntegrityError, transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.generics import RetrieveUpdateAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import tokens
from accounts.backends import client_address, lockout_name
from accounts.models import READERS, User
from accounts.serializers import (
    CredentialsSerializer,
    MeSerializer,
    PairSerializer,
    RefreshSerializer,
    RegisteredSerializer,
    RegistrationSerializer,
)
from accounts.throttles import AuthThrottle


class _AnonymousView(APIView):
    """Asked before one has a token. Throttled per address, token or not."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AuthThrottle,)

    def get_authenticate_header(self, request: Request) -> str:
        # Without it DRF turns a 401 into a 403.
        return 'Bearer realm="api"'


class RegisterView(_AnonymousView):
    @extend_schema(
        summary="Make an account",
        request=RegistrationSerializer,
        responses={201: RegisteredSerializer},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        if settings.REGISTRATION == "closed":
            raise Http404
        serializer = RegistrationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        _register(wanted)
        return Response(
            {
                "username": wanted["username"],
                "email": wanted["email"],
                "needs_approval": settings.REGISTRATION != "open",
            },
            status=201,
        )


def _register(wanted: dict[str, Any]) -> None:
    """Make the account. For a known address nothing happens, and nobody is told: the answer must
    not say who has an account here."""
    if User.objects.filter(email__iexact=wanted["email"]).exists():
        # The same work as for a new one, so that time does not tell them apart either.
        User().set_password(wanted["password"])
        return
    try:
        with transaction.atomic():
            user = User.objects.create_user(**wanted)
            if settings.REGISTRATION == "open":
                user.groups.add(Group.objects.get(name=READERS))
    except IntegrityError:
        return  # somebody else registered it in the same moment


class TokenView(_AnonymousView):
    @extend_schema(
        summary="Log in",
        request=CredentialsSerializer,
        responses=PairSerializer,
        auth=[],
    )
    def post(self, request: Request) -> Response:
        serializer = CredentialsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        credentials = {"username": given.get("username") or given["email"]}
        user = authenticate(request._request, password=given["password"], **credentials)
        if user is None:
            if AxesProxyHandler.is_locked(request._request, credentials):
                # Or the middleware would put its own page in place of our answer.
                request._request.axes_locked_out = False  # type: ignore[attr-defined]
                raise Throttled(
                    wait=settings.AXES_COOLOFF_TIME.total_seconds(),
                    detail="Too many wrong passwords.",
                    code="locked_out",
                )
            raise AuthenticationFailed("No active account with this name and password.")
        # What the signal of a login would do, which would also make a session.
        update_last_login(User, user)
        AxesProxyHandler.reset_attempts(
            username=lockout_name(None, credentials), ip_address=client_address(request._request)
        )
        return Response(asdict(tokens.issue(user)))


class RefreshView(_AnonymousView):
    @extend_schema(
        summary="Change a refresh token for a new pair",
        request=RefreshSerializer,
        responses=PairSerializer,
        auth=[],
    )
    def post(self, request: Request) -> Response:
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(asdict(tokens.rotate(serializer.validated_data["refresh"])))


class MeView(RetrieveUpdateAPIView):
    """The account the token belongs to."""

    serializer_class = MeSerializer
    permission_classes = (IsAuthenticated,)
    http_method_names = ("get", "patch", "head", "options")

    def get_object(self) -> User:
        return cast(User, self.request.user)
