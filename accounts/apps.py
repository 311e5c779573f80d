from typing import Any

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Access"

    def ready(self) -> None:
        from django.contrib import admin
        from django.db.models.signals import post_migrate

        # Before the signal of the nouns, which come after this app, makes their permissions.
        post_migrate.connect(_show_nouns_to_staff, sender=self)

        # This login page also asks for the code of two-factor login.
        admin.site.login_template = "accounts/admin_login.html"


def _show_nouns_to_staff(using: str, **_: Any) -> None:
    from accounts.permissions import show_nouns_to_staff

    show_nouns_to_staff(using)
