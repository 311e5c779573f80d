"""Names and e-mail addresses: one spelling for all that look the same."""

import unicodedata

from django.core.validators import RegexValidator

_LONGEST = 255


def normal(text: str) -> str:
    """Unicode's form NFKC, in which names and addresses are stored: full-width letters and the like
    become the plain ones."""
    return unicodedata.normalize("NFKC", text)


def counted(login: str) -> str:
    """What is typed to log in, in one spelling whatever its case: failures are counted under this."""
    return normal(normal(login).casefold())[:_LONGEST]


class NameValidator(RegexValidator):
    """Letters, digits and ``. + - _``. No ``@``, however it is encoded: a name must never be what
    somebody else types to log in with an e-mail address."""

    regex = r"^[\w.+-]+\Z"
    message = "Use letters, digits and . + - _ only."
    flags = 0

    def __call__(self, value: object) -> None:
        super().__call__(normal(str(value)))
