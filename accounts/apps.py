from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Access"

    def ready(self) -> None:
        from django.contrib import admin

        # Asks for the code of two-factor login as well.
        admin.site.login_template = "accounts/admin_login.html"
