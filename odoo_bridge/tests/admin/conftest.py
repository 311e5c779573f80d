from typing import Any

import pytest


@pytest.fixture
def staff(client: Any) -> Any:
    """Django's test client, logged in as a superuser."""
    from accounts.tests.factories import user_of

    client.force_login(user_of("superuser"))
    return client
