"""``rescue_login``: restore the access of a locked-out administrator."""

from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import passwords, second_factor
from accounts.backends import find_user
from accounts.names import counted


class Command(BaseCommand):
    help = (
        "Ends the lockout of a user after wrong passwords, from every address. "
        "With --second-factor also turns off two-factor login, which ends the user's tokens and "
        "sessions. With --password-link also prints a link to set a new password."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="user name or e-mail address")
        parser.add_argument(
            "--second-factor", action="store_true", help="turn off two-factor login"
        )
        parser.add_argument(
            "--password-link", action="store_true", help="print a link that works once"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_user(options["name"])
        if user is None:
            raise CommandError(f"There is no user {options['name']!r}.")
        if not user.is_active:
            raise CommandError(
                f"The account {user.username} is locked; an administrator can unlock it."
            )
        names = {counted(name) for name in (user.username, user.email) if name}
        count, _rows = AccessAttempt.objects.filter(username__in=names).delete()
        self.stdout.write(f"{user.username}: {count} rows of failed logins deleted.")
        if options["second_factor"]:
            was_on = second_factor.is_on(user)
            second_factor.turn_off([user])
            self.stdout.write(
                "Two-factor login is off." if was_on else "Two-factor login was not on."
            )
        if options["password_link"]:
            hours = settings.PASSWORD_RESET_TIMEOUT // 3600
            self.stdout.write(f"Link to set a new password; it works once, for {hours} hours:")
            self.stdout.write(passwords.make_link(user))
