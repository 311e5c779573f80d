"""Pages below the admin's URL for logging in with a code, setting a new password, and setting up
two-factor login."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import authenticate, update_session_auth_hash, views
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django_otp import login as mark_session
from unfold.forms import AuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

from accounts import passwords, second_factor
from accounts.audit import note_change, note_login
from accounts.backends import forget_failures
from accounts.hashers import LONGEST_PASSWORD


class LoginForm(AuthenticationForm):
    """Name and password, and for users of two-factor login then the code."""

    otp = forms.CharField(label="Code", max_length=32, required=False)
    asks_for_code = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress_code(self.fields["otp"])

    def clean(self) -> dict[str, Any]:
        try:
            given = self._checked()
        except forms.ValidationError as exc:
            locked = getattr(self.request, "axes_locked_out", False)
            self._note("locked_out" if locked else str(exc.code))
            raise
        self._note()
        return given

    def _note(self, reason: str = "") -> None:
        given = self.cleaned_data
        # Without a name or a password it was not a login attempt.
        if given.get("username") and given.get("password"):
            note_login(
                self.request,
                given["username"],
                self.get_user(),
                wanted="session",
                with_code=bool(given.get("otp")),
                reason=reason,
            )

    def _checked(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean()
        user: Any = self.get_user()
        if user is None or not second_factor.is_on(user):
            return given
        # The password is right. The browser sends it again together with the code.
        self.asks_for_code = True
        self.fields["password"].widget.render_value = True
        if not given.get("otp"):
            raise forms.ValidationError(
                "Enter the code of your authenticator app, or a recovery code.", code="otp_required"
            )
        _check_code(user, given["otp"])
        return given


class CodeForm(forms.Form):
    otp = forms.CharField(label="Code", max_length=32)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress_code(self.fields["otp"])


class SetUpForm(CodeForm):
    """Requires the password too, so that a stranger at an open session cannot lock its owner out."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("password", "otp")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)


def _dress_code(field: forms.Field) -> None:
    field.widget.attrs.update(
        {
            "class": " ".join(BASE_INPUT_CLASSES),
            "autocomplete": "one-time-code",
            "autocapitalize": "off",
            "spellcheck": "false",
        }
    )


def _check_code(user: Any, code: str) -> None:
    try:
        second_factor.check(user, code)
    except (second_factor.WrongCode, second_factor.TooManyCodes) as exc:
        raise forms.ValidationError(str(exc), code="otp_invalid") from exc


class AddressForm(forms.Form):
    email = forms.EmailField(label="E-mail address", max_length=254)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self, autocomplete="email")


class NewPasswordForm(SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self)


def _dress(form: forms.BaseForm, **attrs: str) -> None:
    for field in form.fields.values():
        field.widget.attrs.update({"class": " ".join(BASE_INPUT_CLASSES), **attrs})


@never_cache
def ask(request: HttpRequest) -> HttpResponse:
    """The form for the e-mail address. The next page is the same for every address."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and settings.MAIL_ENABLED and form.is_valid():
        passwords.request_link(form.cleaned_data["email"])
        return redirect("admin:password_reset_done")
    context = {"form": form, "title": "Forgotten password", "mail_enabled": settings.MAIL_ENABLED}
    return _page(request, "accounts/password_reset.html", context)


@never_cache
def done(request: HttpRequest) -> HttpResponse:
    hours = settings.PASSWORD_RESET_TIMEOUT // 3600
    context = {"title": "Check your mailbox", "hours": hours}
    return _page(request, "accounts/password_reset_done.html", context)


def complete(request: HttpRequest) -> HttpResponse:
    return _page(request, "accounts/password_reset_complete.html", {"title": "Password changed"})


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), **context})


@method_decorator(never_cache, name="dispatch")
class ConfirmView(views.PasswordResetConfirmView):
    """Django's view, which keeps the token out of the URL while the form is filled in."""

    template_name = "accounts/password_reset_confirm.html"
    form_class = NewPasswordForm
    token_generator: Any = passwords.AnyLink()
    title = "New password"
    success_url = reverse_lazy("admin:password_reset_complete")

    def get_user(self, uidb64: str) -> Any:
        return passwords.user_of_uid(uidb64)

    def form_valid(self, form: Any) -> HttpResponse:
        user: Any = self.user
        token = self.request.session.pop(views.INTERNAL_RESET_SESSION_TOKEN, "")
        if not passwords.use_link(user, token, form.cleaned_data["new_password1"]):
            # Another request used the link a moment ago.
            return HttpResponseRedirect(reverse("admin:admin_password_reset"))
        forget_failures(user, self.request)
        return HttpResponseRedirect(str(self.success_url))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = admin.site.each_context(self.request)
        return {**context, **super().get_context_data(**kwargs)}


# Two-factor login ------------------------------------------------------------------------------------


@never_cache
def two_factor(request: HttpRequest) -> HttpResponse:
    """Set up two-factor login, show its status, create new recovery codes, turn it off."""
    user: Any = request.user
    if second_factor.is_on(user):
        return _is_on(request, user)
    form = SetUpForm(request.POST if request.POST.get("do") == "turn_on" else None)
    if form.is_valid():
        codes = _turned_on(request, user, form)
        if codes:
            return _recovery_codes(request, codes)
    device = second_factor.pending(user)
    return _inner_page(
        request,
        "accounts/two_factor_setup.html",
        {
            "form": form,
            "qr_code": second_factor.qr_code(device),
            "secret": second_factor.secret(device),
            "is_required": second_factor.is_required(user),
        },
    )


def _turned_on(request: HttpRequest, user: Any, form: SetUpForm) -> list[str] | None:
    known = authenticate(
        request, username=user.get_username(), password=form.cleaned_data["password"]
    )
    if known is None or known.pk != user.pk:
        form.add_error("password", "This is not your password.")
        return None
    try:
        codes = second_factor.turn_on(user, form.cleaned_data["otp"])
    except (second_factor.WrongCode, second_factor.TooManyCodes) as exc:
        form.add_error("otp", str(exc))
        return None
    note_change(user, "Turned on two-factor login.")
    # This session continues as one that began with a code; the others have ended.
    update_session_auth_hash(request, user)
    mark_session(request, user.otp_device)
    return codes


def _is_on(request: HttpRequest, user: Any) -> HttpResponse:
    wanted = request.POST.get("do")
    form = CodeForm(request.POST if wanted in ("new_codes", "turn_off") else None)
    if form.is_valid():
        try:
            _check_code(user, form.cleaned_data["otp"])
        except forms.ValidationError as exc:
            form.add_error("otp", exc)
        else:
            if wanted == "new_codes":
                note_change(user, "Made new recovery codes.")
                return _recovery_codes(request, second_factor.new_recovery_codes(user))
            if not second_factor.is_required(user):
                second_factor.turn_off([user])
                update_session_auth_hash(request, user)
                note_change(user, "Turned off two-factor login.")
                messages.success(request, "Two-factor login is off.")
                return redirect("admin:index")
    return _inner_page(
        request,
        "accounts/two_factor.html",
        {
            "form": form,
            "codes_left": second_factor.recovery_codes_left(user),
            "is_required": second_factor.is_required(user),
        },
    )


def _recovery_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    return _inner_page(request, "accounts/recovery_codes.html", {"codes": codes})


def _inner_page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return _page(request, template, {"title": "Two-factor login", **context})


def urls() -> list[URLPattern]:
    return [
        path("two_factor/", admin.site.admin_view(two_factor), name="two_factor"),
        path("password_reset/", ask, name="admin_password_reset"),
        path("password_reset/done/", done, name="password_reset_done"),
        path("password_reset/complete/", complete, name="password_reset_complete"),
        path(
            "password_reset/<uidb64>/<token>/",
            ConfirmView.as_view(),
            name="password_reset_confirm",
        ),
    ]
