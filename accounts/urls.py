from accounts.views import MeView, RefreshView, RegisterView, TokenView
from odoo_bridge.routes import both

urlpatterns = [
    *both("auth/register", RegisterView, name="register"),
    *both("auth/token", TokenView, name="token"),
    *both("auth/token/refresh", RefreshView, name="token-refresh"),
    *both("auth/me", MeView, name="me"),
]
