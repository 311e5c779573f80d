"""What the account endpoints take and answer."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from accounts.models import User


def _password() -> serializers.CharField:
    return serializers.CharField(write_only=True, max_length=1024, trim_whitespace=False)


class RegistrationSerializer(serializers.Serializer):
    # No @: a name that is somebody's address could log in as neither.
    username = serializers.RegexField(r"^[\w.+-]+$", max_length=150)
    email = serializers.EmailField(max_length=254)
    password = _password()

    def validate_username(self, name: str) -> str:
        if User.objects.filter(username__iexact=name).exists():
            raise serializers.ValidationError("This name is taken.")
        return name

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = User(username=attrs["username"], email=attrs["email"])
        try:
            validate_password(attrs["password"], user)
        except DjangoValidationError as exc:
            raise serializers.ValidationError({"password": exc.messages}) from exc
        return attrs


class RegisteredSerializer(serializers.Serializer):
    username = serializers.CharField()
    email = serializers.EmailField()
    needs_approval = serializers.BooleanField(help_text="Whether staff must let the account read.")


class CredentialsSerializer(serializers.Serializer):
    """A password, and a name or an e-mail address under either key."""

    username = serializers.CharField(max_length=254, required=False)
    email = serializers.CharField(max_length=254, required=False)
    password = _password()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("username" in attrs) == ("email" in attrs):
            raise serializers.ValidationError({"username": ["Give either username or email."]})
        return attrs


class RefreshSerializer(serializers.Serializer):
    refresh = serializers.CharField()


class PairSerializer(serializers.Serializer):
    access = serializers.CharField()
    refresh = serializers.CharField(help_text="Good for one refresh.")


class MeSerializer(serializers.ModelSerializer):
    groups: Any = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = User
        fields = ["username", "email", "first_name", "last_name", "groups", "date_joined"]
        read_only_fields = ["username", "email", "groups", "date_joined"]
