from accounts.session import SessionLoginView, SessionLogoutView
from accounts.views import (
    ConfirmView,
    LogoutView,
    MeView,
    PasswordView,
    RefreshView,
    RegisterView,
    ResetView,
    TokenView,
    VerifyView,
)
from odoo_bridge.api.routes import both

urlpatterns = [
    *both("auth/register", RegisterView, name="register"),
    *both("auth/token", TokenView, name="token"),
    *both("auth/token/refresh", RefreshView, name="token-refresh"),
    *both("auth/token/verify", VerifyView, name="token-verify"),
    *both("auth/logout", LogoutView, name="logout"),
    *both("auth/me", MeView, name="me"),
    *both("auth/session/login", SessionLoginView, name="session-login"),
    *both("auth/session/logout", SessionLogoutView, name="session-logout"),
    *both("auth/password", PasswordView, name="password"),
    *both("auth/password/reset", ResetView, name="password-reset"),
    *both("auth/password/reset/confirm", ConfirmView, name="password-reset-confirm"),
]
