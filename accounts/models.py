"""Who may look."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

# Django groups: what their members may do stands in permissions.py, not in Django permissions,
# which decide about the admin alone.
READERS = "readers"
OPERATORS = "operators"
WRITERS = "writers"
GROUPS = (READERS, OPERATORS, WRITERS)


class User(AbstractUser):
    """A person or a program. Name and e-mail address are unique whatever their case: both log in,
    and ``Ann`` and ``ann`` must not be two people."""

    email = models.EmailField("e-mail address", blank=True)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                # Programs and the first superuser may have none.
                condition=~models.Q(email=""),
                name="email_once_in_any_case",
                violation_error_message="Another user has this e-mail address.",
            ),
            models.UniqueConstraint(
                Lower("username"),
                name="username_once_in_any_case",
                violation_error_message="Another user has this name.",
            ),
        ]
