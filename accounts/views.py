"""Registration, tokens, passwords, and the user's own account."""

from typing import Any

from axes.helpers import get_cool_off
from django.conf import settings
from django.contrib.auth import SESSION_KEY, authenticate, update_session_auth_hash
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, update_last_login
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404, HttpRequest
from drf_spectacular.utils import (
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import generics
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    ErrorDetail,
    Throttled,
    ValidationError,
)
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts import passwords, second_factor, tokens
from accounts.audit import note_change, note_login
from accounts.backends import forget_failures
from accounts.models import READERS, User
from accounts.names import normal
from accounts.serializers import (
    ConfirmSerializer,
    CredentialsSerializer,
    GrantedSerializer,
    GrantRefusedSerializer,
    GrantSerializer,
    LogoutSerializer,
    MeSerializer,
    PasswordSerializer,
    RefreshSerializer,
    RegisteredSerializer,
    RegisterSerializer,
    ResetRequestedSerializer,
    ResetSerializer,
    TokenPairSerializer,
    VerifiedSerializer,
    VerifySerializer,
    check_new_password,
)
from accounts.throttles import AuthThrottle
from odoo_bridge.api.openapi import FailureSerializer
from odoo_bridge.api.parsers import Json
from odoo_bridge.api.strict import StrictQuery


class LockedOut(Throttled):
    default_detail = "Too many wrong passwords."
    default_code = "locked_out"


class CodesRefused(Throttled):
    default_detail = "Too many wrong codes."
    default_code = "otp_throttled"


def checked(serializer: type[Serializer], request: Request, **context: Any) -> dict[str, Any]:
    """The validated body of the request. Raises ValidationError."""
    body = serializer(data=request.data, context=context)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


class CredentialsView(StrictQuery, APIView):
    # Requests and responses contain passwords or tokens: guessing is limited, and nothing is cached.
    throttle_classes = [AuthThrottle]

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(*args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response


class AnonymousView(CredentialsView):
    # No authentication: a bearer token must not be needed, and must not lift the limit on guessing.
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        # Without it a refused login would be a 403: this view has no authentication of its own.
        return 'Bearer realm="api"'


class RegisterView(AnonymousView):
    """Create an account."""

    @extend_schema(
        summary="Create an account",
        description="The response never reveals whether a username or e-mail is taken.",
        request=RegisterSerializer,
        responses={
            202: RegisteredSerializer,
            404: OpenApiResponse(description="Registration is closed."),
        },
    )
    def post(self, request: Request) -> Response:
        if settings.REGISTRATION == "closed":
            raise Http404
        given = checked(RegisterSerializer, request)
        _make_account(**given)
        detail = (
            "If the name was free, you can log in with it now."
            if settings.REGISTRATION == "open"
            else "If the name and the address were free, the account now waits for staff to approve it."
        )
        return Response({"detail": detail}, status=202)


def _make_account(username: str, email: str, password: str) -> None:
    """Create an account, unless the name or address is taken: then do nothing, in the same time.

    Neither the response nor a later login must reveal who has an account. If accounts wait for approval,
    they are inactive. If they do not, an account is created for any address, but the address has no
    effect until it is verified.
    """
    is_open = settings.REGISTRATION == "open"
    known = Q(username__iexact=normal(username))
    if not is_open:
        known |= Q(email__iexact=normal(email))
    if User.objects.filter(known).exists():
        make_password(password)
        return
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                username,
                email,
                password,
                is_active=is_open,
                awaits_approval=not is_open,
                email_verified=False,
            )
            if is_open:
                user.groups.add(Group.objects.get_or_create(name=READERS)[0])
    except IntegrityError:
        # Another request took the name a moment ago.
        return


def _either(name: str, *serializers: type[Serializer]) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(name, list(serializers), resource_type_field_name=None)


class TokenView(AnonymousView):
    """Log in with JSON, or as an OAuth2 token endpoint with a form."""

    parser_classes = [Json, FormParser]

    @extend_schema(
        summary="Log in",
        description="A JSON request gets this API's usual responses and errors. A form is an OAuth2 "
        "token request (RFC 6749), and its response or error has the OAuth2 format.",
        request={
            "application/json": CredentialsSerializer,
            "application/x-www-form-urlencoded": GrantSerializer,
        },
        responses={
            200: _either("Tokens", TokenPairSerializer, GrantedSerializer),
            400: _either("Refusal", FailureSerializer, GrantRefusedSerializer),
            401: OpenApiResponse(description="No active account with this name and password."),
            429: _either("Refusal", FailureSerializer, GrantRefusedSerializer),
            503: _either("Refusal", FailureSerializer, GrantRefusedSerializer),
        },
    )
    def post(self, request: Request) -> Response:
        if _is_oauth(request):
            return Response(GrantedSerializer(_granted(request)).data)
        given = checked(CredentialsSerializer, request)
        login = given.get("username") or given["email"]
        user = log_in(request, login, given["password"], given.get("otp", ""))
        return Response(TokenPairSerializer(tokens.issue(user)).data)

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if _is_oauth(self.request):
            _say_as_oauth(response)
        return response


def log_in(
    request: Request, typed: str, password: str, code: str = "", wanted: str = "token"
) -> User:
    """Return the user if the password is right, and the code too if the user uses two-factor login.

    Django's ``login`` then marks the session as begun with a code. The audit log stores the login, with
    the token or session that was ``wanted``.

    Raises AuthenticationFailed (401), LockedOut or CodesRefused (429).
    """
    given: dict[str, Any] = {"wanted": wanted, "with_code": bool(code)}
    try:
        user = check_credentials(request, typed, password)
        _check_code(user, code)
    except (AuthenticationFailed, Throttled) as exc:
        note_login(request, typed, **given, reason=str(exc.get_codes()))
        raise
    note_login(request, typed, user, **given)
    # Not with the login signal, which would start a session for every token.
    update_last_login(User, user)
    return user


def _check_code(user: User, code: str) -> None:
    if not second_factor.is_on(user):
        if second_factor.is_required(user):
            raise AuthenticationFailed(
                "Staff must use two-factor login: set it up in the admin first.",
                code="otp_setup_required",
            )
        return
    if not code:
        raise AuthenticationFailed(
            "Also send otp: the code from your authenticator app, or a recovery code.",
            code="otp_required",
        )
    try:
        second_factor.check(user, code)
    except second_factor.WrongCode as exc:
        raise AuthenticationFailed(str(exc), code="otp_invalid") from exc
    except second_factor.TooManyCodes as exc:
        raise CodesRefused(wait=exc.seconds) from exc


def check_credentials(request: Request, typed: str, password: str) -> User:
    """Raises AuthenticationFailed (401) or LockedOut (429)."""
    user = authenticate(request=request, username=typed, password=password)
    if getattr(request, "axes_locked_out", False):
        cool_off = get_cool_off(request)
        raise LockedOut(wait=cool_off.total_seconds() if cool_off else None)
    if not isinstance(user, User):
        raise AuthenticationFailed("No active account with this name and password.")
    forget_failures(user, request)
    return user


def _is_oauth(request: Request | HttpRequest) -> bool:
    return (request.content_type or "").startswith(FormParser.media_type)


def _granted(request: Request) -> dict[str, Any]:
    given = checked(GrantSerializer, request)
    if given["grant_type"] == "password":
        code = given.get("otp", "")
        pair = tokens.issue(log_in(request, given["username"], given["password"], code))
    else:
        pair = tokens.rotate(given["refresh_token"])
    return {
        "access_token": pair.access,
        "token_type": "Bearer",
        "expires_in": settings.JWT_ACCESS_MINUTES * 60,
        "refresh_token": pair.refresh,
    }


def _say_as_oauth(response: Response) -> None:
    """Convert this API's error to the format of RFC 6749, section 5.2, which allows additional keys: our
    error code and the fields."""
    error = response.data["error"]
    said = error["message"]
    for name, wrong in error.get("fields", {}).items():
        said += f" {name}: {wrong[0]['message']}"
    codes = {401: "invalid_grant", 429: "temporarily_unavailable", 503: "temporarily_unavailable"}
    code = codes.get(response.status_code, "invalid_request")
    grant_type = error.get("fields", {}).get("grant_type", [{}])[0]
    if grant_type.get("code") == "invalid_choice":
        code = "unsupported_grant_type"
    if response.status_code == 401:
        # In OAuth2 a 401 would mean that the client has not authenticated.
        response.status_code = 400
        del response["WWW-Authenticate"]
    own = {name: value for name, value in error.items() if name != "message"}
    response.data = {"error": code, "error_description": said, **own}


class RefreshView(AnonymousView):
    @extend_schema(
        summary="Exchange a refresh token for a new pair",
        description="A refresh token can be used once. A second use ends all tokens of the user, so two "
        "programs must not share a refresh token.",
        request=RefreshSerializer,
        responses={
            200: TokenPairSerializer,
            401: OpenApiResponse(
                description="The token was used before, has expired, was revoked, or is not from this "
                "bridge."
            ),
        },
    )
    def post(self, request: Request) -> Response:
        given = checked(RefreshSerializer, request)
        pair = tokens.rotate(given["refresh"])
        return Response(TokenPairSerializer(pair).data)


class VerifyView(AnonymousView):
    @extend_schema(
        summary="Check a token",
        description="Returns the type, user and expiry of a valid token.",
        request=VerifySerializer,
        responses={
            200: VerifiedSerializer,
            401: OpenApiResponse(description="The token is not valid, or no longer valid."),
        },
    )
    def post(self, request: Request) -> Response:
        given = checked(VerifySerializer, request)
        return Response(VerifiedSerializer(tokens.verify(given["token"])).data)


class LogoutView(AnonymousView):
    @extend_schema(
        summary="Log out",
        description="Revokes a refresh token; its access token expires within minutes. With "
        "`everywhere` all tokens of the user end at once. Logging out twice is not an error. A token "
        "that was already exchanged for another one ends all tokens of the user, as using it again "
        "would.",
        request=LogoutSerializer,
        responses={
            204: None,
            401: OpenApiResponse(
                description="The token has expired, or is not a refresh token of this bridge."
            ),
        },
    )
    def post(self, request: Request) -> Response:
        given = checked(LogoutSerializer, request)
        tokens.end(given["refresh"], everywhere=given["everywhere"])
        return Response(status=204)


@extend_schema_view(
    get=extend_schema(
        summary="Get your account",
        description="The groups and the scope determine what the account may do and see; staff change "
        "them in the admin.",
    ),
    patch=extend_schema(
        summary="Change your account",
        description="Only the first and the last name can be changed.",
    ),
)
class MeView(StrictQuery, generics.RetrieveUpdateAPIView):
    """The user's own account."""

    serializer_class = MeSerializer
    permission_classes = [IsAuthenticated]
    http_method_names = ["get", "patch", "head", "options"]

    def get_object(self) -> Any:
        user: Any = self.request.user
        # Read the fields that other requests do not need, in one query.
        user.refresh_from_db(
            fields=["email", "email_verified", "first_name", "last_name", "date_joined"]
        )
        return user


class MailNotConfigured(APIException):
    status_code = 409
    default_code = "email_not_configured"
    default_detail = "This bridge does not send e-mail. Ask an administrator for a link."


class PasswordView(CredentialsView):
    permission_classes = [IsAuthenticated]

    @extend_schema(
        summary="Change the password",
        description="Ends all tokens of the user, including the one of this request, and all other "
        "sessions. Wrong passwords count as failed logins.",
        request=PasswordSerializer,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        asking: Any = request.user
        user = User.objects.get(pk=asking.pk)
        given = checked(PasswordSerializer, request, user=user)
        try:
            known = check_credentials(request, user.get_username(), given["current_password"])
        except AuthenticationFailed:
            known = None
        if known is None or known.pk != user.pk:
            wrong = ErrorDetail("This is not your password.", code="wrong")
            raise ValidationError({"current_password": [wrong]})
        with transaction.atomic():
            user.set_password(given["new_password"])
            user.save()
            note_change(user, "Changed the password over the API.")
        if hasattr(request._request, "session") and request.session.get(SESSION_KEY):
            update_session_auth_hash(request._request, user)
        return Response(status=204)


class ResetView(AnonymousView):
    @extend_schema(
        summary="Request a link to set a new password",
        description="The response and its duration are the same whether or not an account has this "
        "address. An account gets at most one mail in two minutes.",
        request=ResetSerializer,
        responses={
            202: ResetRequestedSerializer,
            409: OpenApiResponse(description="E-mail is not configured: ask an administrator."),
        },
    )
    def post(self, request: Request) -> Response:
        given = checked(ResetSerializer, request)
        if not settings.MAIL_ENABLED:
            raise MailNotConfigured
        passwords.request_link(given["email"])
        detail = "If there is an account with this address, a message with a link is on its way."
        return Response({"detail": detail}, status=202)


class ConfirmView(AnonymousView):
    @extend_schema(
        summary="Set a new password with a link",
        description="The link from the e-mail or from an administrator ends with "
        "`/password_reset/{uid}/{token}/`. It works once. All tokens and sessions of the user end.",
        request=ConfirmSerializer,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        given = checked(ConfirmSerializer, request)
        user = passwords.user_of_link(given["uid"], given["token"])
        if user:
            check_new_password(given["new_password"], user)
        if not user or not passwords.use_link(user, given["token"], given["new_password"]):
            wrong = ErrorDetail(
                "The link is not valid, was used before, or has expired.", code="bad_link"
            )
            raise ValidationError({"token": [wrong]})
        forget_failures(user, request)
        return Response(status=204)
