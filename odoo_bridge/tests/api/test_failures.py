"""The shape of what went wrong, whatever it was."""

import pytest
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError

from odoo_bridge.api.failures import exception_handler
from odoo_bridge.api.strict import StrictBody, StrictSerializer
from odoo_bridge.odoo.errors import OdooBusy, OdooMissing, OdooRefused, OdooRejected


class Line(StrictSerializer):
    price = serializers.DecimalField(max_digits=8, decimal_places=2)
    code = serializers.CharField(max_length=3, required=False)


class Bill(StrictSerializer):
    number = serializers.IntegerField(read_only=True)
    ref = serializers.CharField()
    lines = Line(many=True)
    tags = serializers.ListField(child=serializers.IntegerField(), required=False)

    def validate(self, attrs):
        raise serializers.ValidationError("Nobody pays this.", code="too_dear")


def failure_of(exc):
    answer = exception_handler(exc, {})
    return answer.status_code, answer.data["error"]


def wrong(body):
    """name -> codes of what is wrong with the bill."""
    bill = Bill(data=body)
    with pytest.raises(ValidationError) as refused:
        bill.is_valid(raise_exception=True)
    status, error = failure_of(refused.value)
    assert (status, error["code"]) == (400, "invalid")
    assert all(said["message"] for list_ in error["fields"].values() for said in list_)
    return {name: [one["code"] for one in said] for name, said in error["fields"].items()}


def test_each_field_is_named_by_its_path_with_a_code():
    body = {"lines": [{"price": "1"}, {"price": "x", "code": "long"}, {}], "tags": [1, "x"]}
    assert wrong(body) == {
        "ref": ["required"],
        "lines.1.price": ["invalid"],
        "lines.1.code": ["max_length"],
        "lines.2.price": ["required"],
        "tags.1": ["invalid"],
    }


def test_unknown_and_read_only_keys_are_named_beside_what_else_is_wrong():
    body = {"number": 1, "reff": "x", "lines": [{"price": 1, "prise": 2}]}
    assert wrong(body) == {
        "ref": ["required"],
        "lines.0.prise": ["unknown"],
        "number": ["read_only"],
        "reff": ["unknown"],
    }


class Typed(StrictBody):
    text = serializers.CharField(required=False, allow_null=True)
    number = serializers.IntegerField(required=False)
    yes = serializers.BooleanField(required=False)
    ids = serializers.ListField(child=serializers.IntegerField(), required=False)


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("text", 5, "text"),
        ("text", True, "text"),
        ("number", "5", "number"),
        ("number", True, "number"),
        ("number", 5.5, "number"),
        ("yes", 1, "yes"),
        ("yes", "true", "yes"),
        ("ids", [1, "2"], "ids.1"),
    ],
)
def test_a_value_of_another_json_type_is_refused(name, value, path):
    body = Typed(data={name: value})
    with pytest.raises(ValidationError) as refused:
        body.is_valid(raise_exception=True)
    assert set(failure_of(refused.value)[1]["fields"]) == {path}


def test_values_of_the_right_json_type_are_taken():
    body = Typed(data={"text": None, "number": 5.0, "yes": True, "ids": [1, 2]})
    body.is_valid(raise_exception=True)
    assert body.validated_data == {"text": None, "number": 5, "yes": True, "ids": [1, 2]}


def test_what_is_wrong_as_a_whole_has_a_name_too():
    assert wrong({"ref": "x", "lines": []}) == {"non_field_errors": ["too_dear"]}
    assert wrong([]) == {"non_field_errors": ["invalid"]}


def test_a_key_that_is_long_or_half_a_character_can_be_answered():
    names = wrong({"ref": "x", "lines": [], "\ud800": 1, "x" * 999: 1})
    assert names == {"?": ["unknown"], "x" * 50: ["unknown"]}


@pytest.mark.parametrize(
    ("exc", "status", "code", "message"),
    [
        (NotFound(), 404, "not_found", "Not found."),
        (OdooMissing("res.partner 7"), 404, "odoo_missing", "res.partner 7"),
        (OdooRejected("x", reason="No due date."), 422, "odoo_rejected", "No due date."),
        (OdooRefused("wrong key"), 502, "odoo_refused", "wrong key"),
        (OdooBusy("wait", retry_after=6.2), 503, "odoo_unavailable", "wait"),
    ],
)
def test_each_kind_of_failure_has_its_status_and_code(exc, status, code, message):
    assert failure_of(exc) == (status, {"code": code, "message": message})


def test_how_long_to_wait_is_said_in_whole_seconds():
    assert exception_handler(OdooBusy("wait", retry_after=6.2), {})["Retry-After"] == "7"


def test_our_own_mistakes_are_left_to_the_500_page():
    assert exception_handler(KeyError("secret"), {}) is None
