"""Registration, tokens and the account itself."""

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import Throttled
from rest_framework.generics import RetrieveUpdateAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from accounts.models import READERS, User
from accounts.serializers import (
    AcceptedSerializer,
    MeSerializer,
    RefreshSerializer,
    RegistrationSerializer,
)


class AuthThrottle(AnonRateThrottle):
    scope = "anonymous-auth"


class RegisterView(APIView):
    """Make an account. The answer is the same whether the name or e-mail is known already."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AuthThrottle,)

    @extend_schema(
        request=RegistrationSerializer, responses={202: AcceptedSerializer}, auth=[]
    )
    def post(self, request: Request) -> Response:
        if settings.REGISTRATION == "closed":
            raise Http404
        serializer = RegistrationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        _register(serializer.validated_data)
        detail = (
            "The account can be used now."
            if settings.REGISTRATION == "open"
            else "The account will be usable once the staff has approved it."
        )
        return Response({"detail": detail}, status=202)


def _register(wanted: dict[str, Any]) -> None:
    taken = Q(username__iexact=wanted["username"]) | Q(email__iexact=wanted["email"])
    if User.objects.filter(taken).exists():
        # The same work as for a new one, so that time does not tell them apart.
        User().set_password(wanted["password"])
        return
    try:
        with transaction.atomic():
            user = User.objects.create_user(**wanted)
            if settings.REGISTRATION == "open":
                user.groups.add(Group.objects.get_or_create(name=READERS)[0])
    except IntegrityError:
        return  # somebody else registered it in the same moment


class TokenView(TokenObtainPairView):
    """Get an access and a refresh token by username or e-mail, and password."""

    throttle_classes = (AuthThrottle,)

    @extend_schema(auth=[])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = request.data if isinstance(request.data, dict) else {}
        credentials = {"username": str(data.get("username", ""))}
        if AxesProxyHandler.is_locked(request._request, credentials):
            raise Throttled(wait=settings.AXES_COOLOFF_TIME.total_seconds())
        return super().post(request, *args, **kwargs)


class RefreshView(TokenRefreshView):
    """Change a refresh token for a new pair. Each can be used once."""

    serializer_class = RefreshSerializer  # type: ignore[assignment]

    @extend_schema(auth=[])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)


class MeView(RetrieveUpdateAPIView[User]):
    """The account the token belongs to."""

    serializer_class = MeSerializer
    permission_classes = (IsAuthenticated,)
    http_method_names = ("get", "patch", "head", "options")

    def get_object(self) -> User:
        assert isinstance(self.request.user, User)
        return self.request.user
