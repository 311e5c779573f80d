from django.urls import re_path

from accounts import views

urlpatterns = [
    re_path(r"^auth/register/?$", views.RegisterView.as_view(), name="register"),
    re_path(r"^auth/token/?$", views.TokenView.as_view(), name="token"),
    re_path(r"^auth/token/refresh/?$", views.RefreshView.as_view(), name="token-refresh"),
    re_path(r"^auth/me/?$", views.MeView.as_view(), name="me"),
]
