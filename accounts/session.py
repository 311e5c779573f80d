"""The login and logout pages of the API in a browser."""

from typing import Any, cast

from django.conf import settings
from django.contrib.auth import get_user, login, logout
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_protect
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.hashers import LONGEST_PASSWORD
from accounts.throttles import AuthThrottle
from accounts.views import log_in
from odoo_bridge.api.browse.frame import TemplatePage
from odoo_bridge.api.strict import StrictQuery

_BACKEND = "accounts.backends.EmailOrUsernameBackend"
_LONGEST = {"username": 254, "password": LONGEST_PASSWORD}


class _Page(TemplatePage):
    """Renders the view's template with the data of the view or of an error."""

    def context(self, request: Request, response: Response, view: Any, data: Any) -> dict[str, Any]:
        return {
            **super().context(request, response, view, data),
            "next": _next(request._request),
            "mail_enabled": settings.MAIL_ENABLED,
        }


# DRF checks CSRF in its authentication, which does not happen before a login.
@method_decorator(csrf_protect, name="dispatch")
class _PageView(StrictQuery, APIView):
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    renderer_classes = [_Page]
    parser_classes = [FormParser, MultiPartParser]
    query_parameters = ("next",)
    template_name = ""

    def get_authenticate_header(self, request: Request) -> str:
        # Without it a refused login would be a 403.
        return 'Bearer realm="api"'


@extend_schema(exclude=True)
class SessionLoginView(_PageView):
    """Start a session, the same one as the admin's, with the same accounts, limits and lockouts."""

    template_name = "accounts/login.html"

    def get_throttles(self) -> list[Any]:
        return [AuthThrottle()] if self.request.method == "POST" else []

    def get(self, request: Request) -> Response:
        return Response({})

    def post(self, request: Request) -> HttpResponseBase:
        # Only forms are parsed here.
        given = cast(QueryDict, request.data)
        typed = {name: given.get(name, "") for name in _LONGEST}
        if not all(0 < len(typed[name]) <= most for name, most in _LONGEST.items()) or (
            "\x00" in typed["username"]  # PostgreSQL cannot store this character
        ):
            raise AuthenticationFailed("Enter your name or e-mail address, and your password.")
        code = given.get("otp", "")[:32]
        user = log_in(request, typed["username"], typed["password"], code, wanted="session")
        login(request._request, user, backend=_BACKEND)
        return HttpResponseRedirect(_next(request._request))


@extend_schema(exclude=True)
class SessionLogoutView(_PageView):
    """End the session of this browser. ``auth/logout`` revokes tokens."""

    template_name = "accounts/logout.html"

    def get(self, request: Request) -> Response:
        return Response({})

    def post(self, request: Request) -> HttpResponseBase:
        # DRF replaced the session's user by an anonymous one, but Django's signal needs the user.
        request._request.user = get_user(request._request)
        logout(request._request)
        return HttpResponseRedirect(reverse("root"))


def _next(request: HttpRequest) -> str:
    """The URL to open after the login: a URL of this site, by default the root of the API."""
    given = request.POST.get("next") or request.GET.get("next", "")
    here = {request.get_host()}
    if url_has_allowed_host_and_scheme(given, here, require_https=request.is_secure()):
        return given
    return reverse("root")
