"""Rate limits for login pages, the same as for the API's routes, and the check of two-factor login."""

from collections.abc import Callable
from typing import Any

from axes.helpers import get_cool_off
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts import second_factor
from accounts.hashers import Busy
from accounts.models import User
from accounts.throttles import AuthThrottle
from odoo_bridge.mirror.words import interval


class LoginGuard:
    """Counts each POST to the views named in ``THROTTLED_PAGES``. Responds with a page if there were too
    many, or if too many passwords are being checked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        if request.method != "POST" or not match or match.view_name not in settings.THROTTLED_PAGES:
            return None
        throttle = AuthThrottle()
        if throttle.allow_request(request, None):  # type: ignore[arg-type]  # needs headers only
            return None
        return _wait(request, 429, "Too many attempts from your network.", throttle.wait())

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponseBase | None:
        if isinstance(exc, Busy):
            return _wait(request, 503, str(exc.detail), exc.wait)
        return None


class SecondFactorGuard:
    """Keeps sessions that began without a code out of the admin, if the user needs a code.

    A user with two-factor login must log in again. A user who must use it and has not set it up is
    redirected to the set-up page.
    """

    # The pages that are open without a code: login, logout and the set-up page.
    OPEN = ("admin:login", "admin:logout", "admin:jsi18n", "admin:password_change")
    SET_UP = "admin:two_factor"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        match, user = request.resolver_match, request.user
        if not match or match.app_name != "admin" or match.view_name in self.OPEN:
            return None
        if not isinstance(user, User) or not second_factor.lacks_code(user, request.session):
            return None
        if second_factor.is_on(user):
            logout(request)
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        return redirect(self.SET_UP) if match.view_name != self.SET_UP else None


def locked_out(request: HttpRequest, response: Any, credentials: Any) -> HttpResponseBase:
    """For ``AXES_LOCKOUT_CALLABLE``."""
    cool_off = get_cool_off(request)
    seconds = cool_off.total_seconds() if cool_off else None
    return _wait(request, 429, "Too many wrong passwords for this name.", seconds)


def _wait(
    request: HttpRequest, status: int, reason: str, seconds: float | None
) -> HttpResponseBase:
    whole = round(seconds or 60)
    wait = interval(whole if whole < 100 else round(whole / 60) * 60)
    context = {**admin.site.each_context(request), "title": "Please wait", "reason": reason}
    page = render(request, "accounts/wait.html", {**context, "wait": wait}, status=status)
    page["Retry-After"] = str(max(1, whole))
    page["Cache-Control"] = "no-store"
    return page
