"""Variables from ``.env`` and the environment: all are checked, and all problems are reported at once.

No message shows a value, because a password may be in the wrong place. This module does not need
Django's settings: bin/start runs it before they exist.
"""

import os
import re
import sys
import warnings
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = ("1", "true", "yes", "on", "y", "ok", "t")
_FALSE = ("0", "false", "no", "off", "n", "f")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
# A quoted value, optionally followed by a comment.
_QUOTED = re.compile(r"'([^']*)'(?:\s+#.*)?|\"((?:[^\"\\]|\\.)*)\"(?:\s+#.*)?", re.DOTALL)
_HOST = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+")
_LARGEST_ID = 2**31 - 1
_SQLITE = {"ENGINE": "django.db.backends.sqlite3"}


class ConfigurationError(ImproperlyConfigured):
    """Variables are missing or wrong. ``problems`` has a sentence for each, by the variable's name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        few = "A setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        lines = [f"  {name} {problem}" for name, problem in problems.items()]
        super().__init__(
            "\n".join(
                [
                    f"odoo-bridge cannot start. {few} missing or wrong:",
                    *lines,
                    "Correct this in .env or in the environment; .env-example explains each variable.",
                ]
            )
        )


@dataclass(frozen=True)
class MailServer:
    host: str
    port: int
    user: str
    password: str
    starttls: bool
    tls: bool


class Environment:
    """Typed access to variables. An empty variable counts as not set.

    A problem is stored and the default returned, so that ``stop_if_wrong`` can report all of them.
    """

    def __init__(self, variables: MutableMapping[str, str] = os.environ) -> None:
        self._variables = variables
        self._problems: dict[str, str] = {}

    def stop_if_wrong(self) -> None:
        """Raise ConfigurationError if any variable is missing or wrong."""
        if self._problems:
            raise ConfigurationError(self._problems)

    def wrong(self, name: str, problem: str) -> None:
        """Store that the variable ``name`` is wrong: ``problem`` completes the sentence."""
        self._problems.setdefault(name, problem)

    def read_file(self, path: Path, without: str = "") -> None:
        """Add the variables in ``path`` that the environment does not have. The file may be missing.

        ``without``: skip variables whose names begin with this prefix.
        """
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            return
        except OSError as exc:
            self.wrong(path.name, f"cannot be read: {exc.strerror}")
            return
        except UnicodeDecodeError:
            self.wrong(path.name, "is not UTF-8 text: save it with that encoding")
            return
        found: dict[str, str] = {}
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
            try:
                found |= _assignment(line.strip())
            except ValueError as exc:
                self.wrong(f"{path.name}, line {number},", str(exc))
        for name, value in found.items():
            if value and not (without and name.startswith(without)):
                self._variables.setdefault(name, value)

    def is_set(self, name: str) -> bool:
        return bool(self._variables.get(name, "").strip())

    def text(self, name: str, default: str = "") -> str:
        value = self._variables.get(name, "").strip()
        if not value.isprintable():
            self.wrong(name, "contains a character that cannot be printed")
            return default
        return value or default

    def secret(self, name: str, minimum: int = 0, make_one: str = "") -> str:
        """A password or a key, spaces included, of at least ``minimum`` characters. Required if
        ``minimum`` is more than 0."""
        # A line end is not part of the password: some tools keep the one at the end of a file.
        value = self._variables.get(name, "").strip("\r\n")
        if minimum and not value:
            self.wrong(
                name, f"is not set: at least {minimum} random characters. {make_one}".strip()
            )
        elif not value.isprintable():
            self.wrong(name, "contains a character that cannot be printed")
        elif len(value) < minimum:
            self.wrong(name, f"must have at least {minimum} characters. {make_one}".strip())
        return value

    def header(self, name: str) -> str:
        """A secret that is sent in an HTTP header, which allows only ASCII without spaces."""
        value = self.secret(name).strip()
        if not re.fullmatch(r"[!-~]*", value):
            self.wrong(name, "must be ASCII letters, digits and signs without spaces")
        return value

    def words(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """The non-empty parts between commas."""
        found = [word.strip() for word in self.text(name).split(",")]
        return [word for word in found if word] or list(default)

    def hosts(self, name: str, default: Sequence[str]) -> list[str]:
        found = self.words(name, default)
        if not all(host == "*" or _HOST.fullmatch(host) for host in found):
            self.wrong(
                name, "must be host names without scheme and port, such as bridge.example.com"
            )
        return found

    def origins(self, name: str) -> list[str]:
        found = self.words(name)
        for origin in found:
            parts = _split(origin.replace("://*.", "://", 1))
            if not (parts and _is_http(parts)) or parts.path:
                self.wrong(
                    name, "must be origins with their scheme, such as https://bridge.example.com"
                )
        return found

    def one_of(self, name: str, choices: Sequence[str], default: str) -> str:
        value = self.text(name, default)
        if value in choices:
            return value
        self.wrong(name, f"must be {', '.join(choices[:-1])} or {choices[-1]}")
        return default

    def yes_no(self, name: str, default: bool) -> bool:
        value = self.text(name, "1" if default else "0").lower()
        if value not in (*_TRUE, *_FALSE):
            self.wrong(name, "must be 1 or 0")
            return default
        return value in _TRUE

    def number(self, name: str, minimum: float, default: float, maximum: float) -> float:
        try:
            value = float(self.text(name, str(default)))
        except ValueError:
            value = float("nan")
        if not minimum <= value <= maximum:
            self.wrong(name, f"must be a number from {minimum:g} to {maximum:g}")
            return default
        return value

    def whole(self, name: str, minimum: int, default: int, maximum: int = 10**6) -> int:
        try:
            value = int(self.text(name, str(default)))
        except ValueError:
            value = minimum - 1
        if not minimum <= value <= maximum:
            self.wrong(name, f"must be a whole number from {minimum} to {maximum}")
            return default
        return value

    def ids(self, name: str) -> list[int]:
        words = self.words(name)
        good = [word for word in words if word.isascii() and word.isdigit() and len(word) < 11]
        if len(good) < len(words) or not all(1 <= int(word) <= _LARGEST_ID for word in good):
            self.wrong(name, "must be ids separated by commas, such as 1,3")
            return []
        return [int(word) for word in good]

    def fields(self, name: str) -> dict[str, list[str]]:
        """``res.partner:x_a,res.partner:x_b!`` as ``{"res.partner": ["x_a", "x_b!"]}``."""
        found: dict[str, list[str]] = {}
        for pair in self.words(name):
            match = re.fullmatch(r"([a-z0-9_.]+)\s*:\s*(\w+!?)", pair)
            if match is None:
                self.wrong(name, "must be model:field separated by commas: res.partner:x_loyalty")
                continue
            found.setdefault(match[1], []).append(match[2])
        return found

    def http_url(self, name: str, required: bool = True) -> str:
        """The URL of a web server, without a trailing slash."""
        value = self.text(name).rstrip("/")
        if not value:
            if required:
                self.wrong(
                    name, "is not set: the address of Odoo, such as https://odoo.example.com"
                )
            return ""
        parts = _split(value)
        if not (parts and _is_http(parts)):
            self.wrong(name, "must look like https://odoo.example.com, without a login or a query")
        elif re.match(r"/(web|odoo)(/|$)", parts.path):
            self.wrong(name, "must be the address alone, without the path of a page")
        return value

    def mail_server(self, name: str) -> MailServer | None:
        """``smtp+tls://user:password@mail.example.com:587``; None if there is none."""
        value = self._variables.get(name, "").strip()
        if not value:
            return None
        parts = _split(value)
        ports = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
        if not (parts and parts.scheme in ports and parts.hostname) or parts.path + parts.query:
            self.wrong(
                name,
                "must look like smtp+tls://user:password@mail.example.com:587, or smtp:// or "
                "smtp+ssl://; in the password write %2F for /, %40 for @, %23 for #, %3F for ? and "
                "%25 for %",
            )
            return None
        return MailServer(
            host=parts.hostname,
            port=parts.port or ports[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            starttls=parts.scheme == "smtp+tls",
            tls=parts.scheme == "smtp+ssl",
        )

    def sender(self, name: str) -> str:
        """``bridge@example.com`` or ``Bridge <bridge@example.com>``."""
        value = self.text(name)
        if value and not re.fullmatch(r"[^@<>\s]+@[^@<>\s]+|[^@<>]+<[^@<>\s]+@[^@<>\s]+>", value):
            self.wrong(name, "must look like bridge@example.com or Bridge <bridge@example.com>")
        return value

    def database(self, name: str, default: Path | None) -> dict[str, Any]:
        """Django's description of a PostgreSQL or SQLite database. ``default``: a file of SQLite."""
        value = self._variables.get(name, "").strip()
        if not value:
            if default is None:
                self.wrong(name, "is not set: postgres://user:password@host:5432/database")
            return {**_SQLITE, "NAME": str(default or ":memory:")}
        config = _database(value)
        if config is None:
            self.wrong(
                name,
                "must look like postgres://user:password@host:5432/database; in the password write "
                "%2F for /, %40 for @, %23 for #, %3F for ? and %25 for %",
            )
        return config or {**_SQLITE, "NAME": ":memory:"}

    def redis_url(self, name: str, required: bool) -> str:
        value = self._variables.get(name, "").strip()
        if not value:
            if required:
                self.wrong(name, "is not set: redis://host:6379/0")
            return ""
        parts = _split(value)
        good = (
            parts
            and parts.scheme in ("redis", "rediss")
            and parts.hostname
            and re.fullmatch(r"/?\d{0,4}", parts.path)
        )
        if not good:
            self.wrong(
                name,
                "must look like redis://:password@host:6379/0; in the password write %2F for /, "
                "%40 for @, %23 for #, %3F for ? and %25 for %",
            )
            return ""
        return value


def next_database(redis_url: str) -> str:
    """The URL of another database on the same server, which has 16 by default."""
    if not redis_url:
        return ""
    parts = urlsplit(redis_url)
    number = int(parts.path.strip("/") or 0)
    return parts._replace(path=f"/{number + 1 if number != 15 else 14}").geturl()


def _assignment(line: str) -> dict[str, str]:
    """``NAME=value`` as a dict, empty for a comment. Raises ValueError for any other line."""
    if not line or line.startswith("#"):
        return {}
    match = _ASSIGNMENT.fullmatch(line)
    if match is None:
        raise ValueError("is not NAME=value (no spaces around the =)")
    name, value = match[1], match[2].strip()
    if "\0" in value:
        raise ValueError("contains a zero byte")
    if value[:1] in ("'", '"'):
        quoted = _QUOTED.fullmatch(value)
        if quoted is None:
            raise ValueError("has a quote that is not closed, or text after the closing quote")
        if quoted[1] is not None:
            return {name: quoted[1]}
        return {name: re.sub(r"\\([^nrt])", r"\1", quoted[2])}
    # Docker Compose reads the same file in this way.
    return {name: re.sub(r"(^|\s+)#.*", "", value)}


def _split(value: str) -> SplitResult | None:
    """The parts of a URL; None if it is invalid, or has a login in a part that would be shown."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    # The part of a password after an unescaped "/" or "?" is parsed as path or query.
    if "@" in parts.path + parts.query or "#" in value or not value.isprintable() or " " in value:
        return None
    return parts


def _is_http(parts: SplitResult) -> bool:
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or parts.query:
        return False
    try:
        host = (parts.hostname or "").encode("idna").decode()
    except UnicodeError:
        return False
    return bool(_HOST.fullmatch(host))


def _database(value: str) -> dict[str, Any] | None:
    import environ

    scheme = value.partition(":")[0]
    if scheme == "sqlite":
        if not re.match(r"sqlite://(/|:memory:)", value):
            return None
    elif scheme not in ("postgres", "postgresql", "psql", "pgsql") or not _split(value):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            config = dict(environ.Env.db_url_config(value))
    except Exception:  # Its message contains the password.
        return None
    if not config["NAME"] or any("\0" in str(part) for part in config.values()):
        return None
    return config


def main() -> None:
    """Print those of the named variables that are set, in .env or in the environment."""
    env = Environment(dict(os.environ))
    env.read_file(Path(".env"))
    try:
        env.stop_if_wrong()
    except ConfigurationError as exc:
        sys.stderr.write(f"{exc}\n")
        raise SystemExit(2) from None
    sys.stdout.write(" ".join(name for name in sys.argv[1:] if env.is_set(name)) + "\n")


if __name__ == "__main__":
    main()
