"""Rules for new passwords, in addition to Django's own."""

from django.core.exceptions import ValidationError

from accounts.hashers import LONGEST_PASSWORD


class MaximumLengthValidator:
    """For ``AUTH_PASSWORD_VALIDATORS``: refuses a password that is too long to log in with."""

    def validate(self, password: str, user: object = None) -> None:
        if len(password) > LONGEST_PASSWORD:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return f"Your password must have at most {LONGEST_PASSWORD} characters."
