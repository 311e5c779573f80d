"""Pages on which a person sets a new password, below the admin's address."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from unfold.widgets import BASE_INPUT_CLASSES

from accounts import passwords
from accounts.backends import forget_failures


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
    """The form for the address. Whatever it is, the next page is the same."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and settings.MAIL_ENABLED and form.is_valid():
        passwords.request_link(form.cleaned_data["email"])
        return redirect("admin:password_reset_done")
    context = {"form": form, "title": "Forgotten password", "mail_enabled": settings.MAIL_ENABLED}
    return _page(request, "accounts/password_reset.html", context)


@never_cache
def done(request: HttpRequest) -> HttpResponse:
    hours = settings.PASSWORD_RESET_TIMEOUT // 3600
    context = {"title": "Look into your mailbox", "hours": hours}
    return _page(request, "accounts/password_reset_done.html", context)


def complete(request: HttpRequest) -> HttpResponse:
    return _page(request, "accounts/password_reset_complete.html", {"title": "Password changed"})


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), **context})


@method_decorator(never_cache, name="dispatch")
class ConfirmView(views.PasswordResetConfirmView):
    """Django's, which keeps the token out of the address while the form is filled in."""

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
            # Somebody else used it a moment ago.
            return HttpResponseRedirect(reverse("admin:admin_password_reset"))
        forget_failures(user, self.request)
        return HttpResponseRedirect(str(self.success_url))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = admin.site.each_context(self.request)
        return {**context, **super().get_context_data(**kwargs)}


def urls() -> list[URLPattern]:
    return [
        path("password_reset/", ask, name="admin_password_reset"),
        path("password_reset/done/", done, name="password_reset_done"),
        path("password_reset/complete/", complete, name="password_reset_complete"),
        path(
            "password_reset/<uidb64>/<token>/",
            ConfirmView.as_view(),
            name="password_reset_confirm",
        ),
    ]
