"""Registration, tokens, and what a user sees of the account."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from rest_framework import serializers
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.models import User


class RegistrationSerializer(serializers.Serializer[Any]):
    username = serializers.RegexField(r"^[\w.+-]+$", min_length=3, max_length=150)
    email = serializers.EmailField()
    password = serializers.CharField(write_only=True, max_length=1024, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            validate_password(
                attrs["password"], User(username=attrs["username"], email=attrs["email"])
            )
        except DjangoValidationError as exc:
            raise serializers.ValidationError({"password": exc.messages}) from exc
        return attrs


class AcceptedSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()


class MeSerializer(serializers.ModelSerializer[User]):
    groups = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = User
        fields = ["username", "email", "first_name", "last_name", "groups", "date_joined"]
        read_only_fields = ["username", "email", "groups", "date_joined"]


class RefreshSerializer(TokenRefreshSerializer):
    """Rotation that survives concurrent use: of eight simultaneous refreshes one wins.

    A refresh token used twice is a stolen one, or a client gone wrong; either way all sessions of
    its user end. Two tabs that refresh at once log the user out; that is the price.
    """

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        try:
            token = RefreshToken(attrs["refresh"], verify=False)
            token.verify_token_type()
            jti = token["jti"]
        except (TokenError, KeyError) as exc:
            raise InvalidToken("The refresh token is not valid.") from exc
        reused = False
        with transaction.atomic():
            known = OutstandingToken.objects.select_for_update().filter(jti=jti).first()
            if known is None or known.user_id is None:
                raise InvalidToken("The refresh token is not valid.")
            if BlacklistedToken.objects.filter(token=known).exists():
                reused = True
                for other in OutstandingToken.objects.filter(user_id=known.user_id):
                    BlacklistedToken.objects.get_or_create(token=other)
            else:
                try:
                    return super().validate(attrs)
                except (TokenError, User.DoesNotExist) as exc:
                    raise InvalidToken("The refresh token is not valid.") from exc
        assert reused  # the block above returned, raised or committed the revocation
        raise InvalidToken("The refresh token was used before; all sessions have ended.")
