"""Clients of the API for tests."""

from typing import Any

from rest_framework.test import APIClient


def client_of(user: Any) -> APIClient:
    """A client of the API that acts as ``user``, and has it as ``client.user``. None: as nobody."""
    client: Any = APIClient()
    client.user = user
    if user is not None:
        client.force_authenticate(user)
    return client
