from accounts import views
from odoo_bridge.routes import both

urlpatterns = [
    *both("auth/register", views.RegisterView, name="register"),
    *both("auth/token", views.TokenView, name="token"),
    *both("auth/token/refresh", views.RefreshView, name="token-refresh"),
    *both("auth/me", views.MeView, name="me"),
]
