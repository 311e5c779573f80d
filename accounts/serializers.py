"""The requests and responses of the auth routes."""

from typing import Any, ClassVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from accounts.hashers import LONGEST_PASSWORD
from accounts.models import User
from accounts.names import NameValidator
from odoo_bridge.api.openapi import FailureDetailSerializer
from odoo_bridge.api.strict import StrictBody


def _password(**options: Any) -> serializers.CharField:
    # Limited, because a password is hashed in full: long ones would be a cheap way to overload us.
    return serializers.CharField(
        write_only=True,
        trim_whitespace=False,
        max_length=LONGEST_PASSWORD,
        style={"input_type": "password"},
        **options,
    )


def check_new_password(password: str, user: User, name: str = "new_password") -> None:
    """Raises ValidationError for the field ``name``."""
    try:
        validate_password(password, user)
    except DjangoValidationError as exc:
        raise serializers.ValidationError({name: exc.messages}) from exc


class RegisterSerializer(StrictBody):
    username = serializers.RegexField(NameValidator.regex, min_length=3, max_length=150)
    email = serializers.EmailField(max_length=254)
    password = _password()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = User(username=attrs["username"], email=attrs["email"])
        check_new_password(attrs["password"], user, "password")
        return attrs


class RegisteredSerializer(serializers.Serializer):
    detail = serializers.CharField()


class CredentialsSerializer(StrictBody):
    username = serializers.CharField(
        max_length=254, required=False, help_text="The user name or the e-mail address."
    )
    email = serializers.CharField(
        max_length=254, required=False, help_text="The e-mail address, instead of `username`."
    )
    password = _password()
    otp = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        help_text="For users with two-factor login: the code of the authenticator app, or a recovery "
        "code.",
    )

    rules: ClassVar = {"oneOf": [{"required": ["username"]}, {"required": ["email"]}]}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("username" in attrs) == ("email" in attrs):
            raise serializers.ValidationError("Give either username or email.")
        return attrs


class GrantSerializer(StrictBody):
    """An OAuth2 access token request (RFC 6749, sections 4.3.2 and 6)."""

    grant_type = serializers.ChoiceField(choices=["password", "refresh_token"])
    username = serializers.CharField(
        max_length=254, required=False, help_text="The name, or the e-mail address."
    )
    password = _password(required=False)
    otp = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        help_text="For users with two-factor login: the code of the authenticator app, or a recovery "
        "code.",
    )
    refresh_token = serializers.CharField(max_length=4096, required=False)
    # Many clients always send these; they have no effect here.
    scope = serializers.CharField(max_length=254, required=False, allow_blank=True)
    client_id = serializers.CharField(max_length=254, required=False, allow_blank=True)
    client_secret = serializers.CharField(max_length=254, required=False, allow_blank=True)

    rules: ClassVar = {
        "oneOf": [
            {
                "properties": {"grant_type": {"enum": ["password"]}},
                "required": ["username", "password"],
            },
            {
                "properties": {"grant_type": {"enum": ["refresh_token"]}},
                "required": ["refresh_token"],
            },
        ]
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        by_password = attrs["grant_type"] == "password"
        needed = ("username", "password") if by_password else ("refresh_token",)
        absent = [name for name in needed if name not in attrs]
        if absent:
            raise serializers.ValidationError(
                {name: ErrorDetail("This field is required.", code="required") for name in absent}
            )
        return attrs


class GrantedSerializer(serializers.Serializer):
    """An OAuth2 access token response (RFC 6749, section 5.1)."""

    access_token = serializers.CharField(help_text="For the header Authorization: Bearer ...")
    token_type = serializers.ChoiceField(choices=["Bearer"])
    expires_in = serializers.IntegerField(help_text="Lifetime of the access token in seconds.")
    refresh_token = serializers.CharField(
        help_text="Can be used once; a second use ends all tokens of the user."
    )


class GrantRefusedSerializer(serializers.Serializer):
    """An OAuth2 error (RFC 6749, section 5.2), with this API's error code and fields."""

    error = serializers.CharField(
        help_text="The OAuth2 error code: invalid_grant, invalid_request ..."
    )
    error_description = serializers.CharField(help_text="A message for people.")
    code = serializers.CharField(help_text="This API's error code: authentication_failed ...")
    fields = serializers.DictField(  # type: ignore[assignment]  # the name is the API's
        child=FailureDetailSerializer(many=True),
        required=False,
        help_text="With the code `invalid`: the errors of each wrong key.",
    )


class RefreshSerializer(StrictBody):
    refresh = serializers.CharField(max_length=4096)


class TokenPairSerializer(serializers.Serializer):
    access = serializers.CharField(help_text="For the header Authorization: Bearer ...")
    refresh = serializers.CharField(
        help_text="Can be used once; a second use ends all tokens of the user."
    )


class VerifySerializer(StrictBody):
    token = serializers.CharField(max_length=4096, help_text="An access or a refresh token.")


class VerifiedSerializer(serializers.Serializer):
    token_type = serializers.ChoiceField(choices=["access", "refresh"])
    username = serializers.CharField()
    expires_at = serializers.DateTimeField()


class LogoutSerializer(StrictBody):
    refresh = serializers.CharField(max_length=4096)
    everywhere = serializers.BooleanField(
        default=False, help_text="End all tokens of the user, not only this one."
    )


class MeSerializer(StrictBody, serializers.ModelSerializer):
    groups: Any = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    scope_company_ids = serializers.ListField(
        source="access.company_ids",
        child=serializers.IntegerField(),
        read_only=True,
        help_text="Ids of the Odoo companies to which this user's scope is limited; empty: all.",
    )
    scope_contact_ids = serializers.ListField(
        source="access.contact_ids",
        child=serializers.IntegerField(),
        read_only=True,
        help_text="Ids of the contacts to which this user's scope is limited, together with all "
        "contacts below them; empty: all.",
    )

    class Meta:
        model = User
        fields = [
            "username",
            "email",
            "email_verified",
            "first_name",
            "last_name",
            "groups",
            "scope_company_ids",
            "scope_contact_ids",
            "date_joined",
        ]
        # Only staff change the login names and the rights.
        read_only_fields = ["username", "email", "email_verified", "groups", "date_joined"]


class PasswordSerializer(StrictBody):
    current_password = _password()
    new_password = _password()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_new_password(attrs["new_password"], self.context["user"])
        return attrs


class ResetSerializer(StrictBody):
    email = serializers.EmailField(max_length=254)


class ResetRequestedSerializer(serializers.Serializer):
    detail = serializers.CharField()


class ConfirmSerializer(StrictBody):
    uid = serializers.CharField(max_length=64, help_text="The part of the link before the token.")
    token = serializers.CharField(
        max_length=128, help_text="The last part of the link. Works once."
    )
    new_password = _password()
