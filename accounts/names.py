"""Normalization of names and e-mail addresses, so that those that look the same are the same."""

import unicodedata

from django.core.validators import RegexValidator

_LONGEST = 255


def normal(text: str) -> str:
    """Unicode form NFKC, in which names and addresses are stored. For example, full-width letters become
    normal ones."""
    return unicodedata.normalize("NFKC", text)


def counted(login: str) -> str:
    """The typed name or address, normalized regardless of case: the key for counting failed logins."""
    return normal(normal(login).casefold())[:_LONGEST]


class NameValidator(RegexValidator):
    """Letters, digits and ``. + - _``. No ``@`` in any form, because a name must never equal the e-mail
    address with which another user logs in."""

    regex = r"^[\w.+-]+\Z"
    message = "Use letters, digits and . + - _ only."
    flags = 0

    def __call__(self, value: object) -> None:
        super().__call__(normal(str(value)))
