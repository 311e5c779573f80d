"""Registration, tokens, and the user's own account."""

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
    """The body of the request, checked by ``serializer``. Raises ValidationError."""
    body = serializer(data=request.data, context=context)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


class CredentialsView(StrictQuery, APIView):
    # Its requests and responses hold passwords or tokens: guessing is limited, nothing is cached.
    throttle_classes = [AuthThrottle]

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(*args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response


class AnonymousView(CredentialsView):
    # No authentication: a bearer token must neither be needed nor lift the limit on guessing.
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        # Without it a refused login would be a 403: this view has no authentication of its own.
        return 'Bearer realm="api"'


class RegisterView(AnonymousView):
    """Whether the name or the address is taken is not told: the answer is the same."""

    @extend_schema(
        summary="Make an account",
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
            "Unless the name is taken, the account can be used now. Log in with the user name."
            if settings.REGISTRATION == "open"
            else "Unless the name or address is taken, the account waits for staff to approve it."
        )
        return Response({"detail": detail}, status=202)


def _make_account(username: str, email: str, password: str) -> None:
    """Make an account, unless it is known: then nothing happens, at the same price.

    Nobody must learn here who has an account, neither from the answer nor by logging in afterwards.
    Where accounts wait for approval they are inactive. Where they do not, an account is made for any
    address, and the address means nothing until it is verified.
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
        # Somebody else took the name a moment ago.
        return


def _either(name: str, *serializers: type[Serializer]) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(name, list(serializers), resource_type_field_name=None)


class TokenView(AnonymousView):
    """Log in. JSON is answered like everywhere in this API; a form is an OAuth2 token request and is
    answered, also when it fails, in the words of RFC 6749."""

    parser_classes = [Json, FormParser]

    @extend_schema(
        summary="Log in",
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
    """The user, whose password is right, and the code too if they use two-factor login.

    Django's ``login`` then marks the session as one that was begun with a code. The audit log has
    it, for the token or session that was ``wanted``.

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
    # Not the login signal, which would start a session for every token.
    update_last_login(User, user)
    return user


def _check_code(user: User, code: str) -> None:
    if not second_factor.is_on(user):
        if second_factor.is_required(user):
            raise AuthenticationFailed(
                "Staff must use two-factor login here: set it up in the admin first.",
                code="otp_setup_required",
            )
        return
    if not code:
        raise AuthenticationFailed(
            "Send otp as well: the code of your authenticator app, or a recovery code.",
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
    """Put what our own shape says into that of RFC 6749, section 5.2, which allows for more: our own
    code, and the names of what is wrong."""
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
        # For OAuth2 a 401 would mean that the program has not said who it is.
        response.status_code = 400
        del response["WWW-Authenticate"]
    own = {name: value for name, value in error.items() if name != "message"}
    response.data = {"error": code, "error_description": said, **own}


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
    )
    def post(self, request: Request) -> Response:
        given = checked(RefreshSerializer, request)
        pair = tokens.rotate(given["refresh"])
        return Response(TokenPairSerializer(pair).data)


class VerifyView(AnonymousView):
    @extend_schema(
        summary="Ask whether a token is good, whose it is and until when",
        request=VerifySerializer,
        responses={
            200: VerifiedSerializer,
            401: OpenApiResponse(description="It opens nothing any more, or never did."),
        },
    )
    def post(self, request: Request) -> Response:
        given = checked(VerifySerializer, request)
        return Response(VerifiedSerializer(tokens.verify(given["token"])).data)


class LogoutView(AnonymousView):
    @extend_schema(
        summary="Log out",
        description="Ends a refresh token; its access token runs out by itself, in minutes. With "
        "`everywhere` all tokens of the user end at once. "
        "Having logged out before is no error. A token that was exchanged for another one already "
        "ends all of the user's, as using it would.",
        request=LogoutSerializer,
        responses={
            204: None,
            401: OpenApiResponse(description="Expired, or no refresh token of ours."),
        },
    )
    def post(self, request: Request) -> Response:
        given = checked(LogoutSerializer, request)
        tokens.end(given["refresh"], everywhere=given["everywhere"])
        return Response(status=204)


@extend_schema_view(
    get=extend_schema(summary="The user's own account"),
    patch=extend_schema(summary="Change the user's own account"),
)
class MeView(StrictQuery, generics.RetrieveUpdateAPIView):
    """Groups and scope say what the account may see and do; staff change them in the admin."""

    serializer_class = MeSerializer
    permission_classes = [IsAuthenticated]
    http_method_names = ["get", "patch", "head", "options"]

    def get_object(self) -> Any:
        user: Any = self.request.user
        # What other requests do not need, in one query.
        user.refresh_from_db(
            fields=["email", "email_verified", "first_name", "last_name", "date_joined"]
        )
        return user


class MailNotConfigured(APIException):
    status_code = 409
    default_code = "email_not_configured"
    default_detail = "This bridge sends no e-mail. Ask an administrator for a link."


class PasswordView(CredentialsView):
    permission_classes = [IsAuthenticated]

    @extend_schema(
        summary="Change the password",
        description="Ends all tokens of the user, those of this request included, and all other "
        "sessions. Wrong passwords count like those of a login.",
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
        summary="Ask for a link to set a new password",
        description="The answer is the same whether or not there is an account with this address, and "
        "takes as long. Mails to one account are at least two minutes apart.",
        request=ResetSerializer,
        responses={
            202: ResetRequestedSerializer,
            409: OpenApiResponse(description="No e-mail is configured: ask an administrator."),
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
        description="The link, from an e-mail or from an administrator, ends in "
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
            wrong = ErrorDetail("The link is not valid, was used, or is too old.", code="bad_link")
            raise ValidationError({"token": [wrong]})
        forget_failures(user, request)
        return Response(status=204)
