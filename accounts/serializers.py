"""What the auth endpoints take and give."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from accounts.models import User
from odoo_bridge.strict import StrictSerializer


def _password() -> serializers.CharField:
    # A limit, because long ones are hashed in full: a cheap way to keep us busy.
    return serializers.CharField(
        write_only=True, trim_whitespace=False, max_length=1024, style={"input_type": "password"}
    )


class RegisterSerializer(StrictSerializer):
    # No @: it would be taken for somebody's address.
    username = serializers.RegexField(r"^[\w.+-]+\Z", min_length=3, max_length=150)
    email = serializers.EmailField(max_length=254)
    password = _password()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = User(username=attrs["username"], email=attrs["email"])
        try:
            validate_password(attrs["password"], user)
        except DjangoValidationError as exc:
            raise serializers.ValidationError({"password": exc.messages}) from exc
        return attrs


class RegisteredSerializer(serializers.Serializer):
    detail = serializers.CharField()


class CredentialsSerializer(StrictSerializer):
    username = serializers.CharField(
        max_length=254, required=False, help_text="The name, or the e-mail address."
    )
    email = serializers.CharField(max_length=254, required=False, help_text="Instead of the name.")
    password = _password()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("username" in attrs) == ("email" in attrs):
            raise serializers.ValidationError("Give either username or email.")
        return attrs


class RefreshSerializer(StrictSerializer):
    refresh = serializers.CharField(max_length=4096)


class TokenPairSerializer(serializers.Serializer):
    access = serializers.CharField(help_text="For the header Authorization: Bearer ...")
    refresh = serializers.CharField(help_text="Good for one use; using it twice logs out.")


class MeSerializer(StrictSerializer, serializers.ModelSerializer):
    groups: Any = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = User
        fields = ["username", "email", "first_name", "last_name", "groups", "date_joined"]
        # Staff change what logs in and what gives rights.
        read_only_fields = ["username", "email", "groups", "date_joined"]
