"""Runs, issues and streams as the API spells them."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from odoo_bridge.api.strict import StrictBody
from odoo_bridge.models import SyncIssue, SyncRun
from odoo_bridge.odoo.remedies import remedy

MAX_IDS = 1000
_KINDS = {
    SyncRun.Kind.CHANGES: "what was written since the last run",
    SyncRun.Kind.RECONCILE: "compare every row's stamp with Odoo",
    SyncRun.Kind.FULL: "read every row again",
    SyncRun.Kind.RECORDS: "the records `ids`",
}
_COUNTS = (
    "inventoried_count",
    "planned_count",
    "read_count",
    "created_count",
    "updated_count",
    "unchanged_count",
    "gone_count",
    "restored_count",
    "issue_count",
)


class RunSerializer(serializers.ModelSerializer):
    """One run. While it runs its counts grow. ``read`` is created, updated, unchanged and issues."""

    requested_by = serializers.CharField(
        source="requested_by.username",
        read_only=True,
        default=None,
        allow_null=True,
        help_text="For operators.",
    )
    phase = serializers.ChoiceField(
        choices=SyncRun.Phase.choices,
        allow_blank=True,
        read_only=True,
        help_text="Empty before it begins, then the last one it was in.",
    )
    remedy = serializers.SerializerMethodField(help_text="What a person can do about the error.")

    # Names of people and machines, and what Odoo said, are for those who run the bridge.
    for_operators = ("requested_by", "holder", "error", "note")
    # What a run did tells of rows outside a scope: that they exist, how many, what changed.
    of_all_rows = (*_COUNTS, "odoo_calls", "odoo_seconds", "error", "note")

    class Meta:
        model = SyncRun
        fields = [
            "id",
            "stream",
            "kind",
            "trigger",
            "status",
            "requested_by",
            "holder",
            "queued_at",
            "started_at",
            "finished_at",
            "watermark_before",
            "watermark_after",
            *_COUNTS,
            "odoo_calls",
            "odoo_seconds",
            "phase",
            "error_code",
            "error",
            "note",
            "remedy",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "holder": {"allow_null": True, "help_text": "Host and process. For operators."},
            "error": {
                "allow_null": True,
                "help_text": "Why it failed, was skipped, or waits. For operators without a scope.",
            },
            **{
                name: {"allow_null": True, "help_text": "Null for an account with a scope."}
                for name in (*_COUNTS, "odoo_calls", "odoo_seconds")
            },
            "note": {
                "allow_null": True,
                "help_text": "What it noticed about Odoo: moved, or restored from a backup. "
                "For operators.",
            },
        }

    def get_remedy(self, run: SyncRun) -> str:
        return remedy(run.error_code)

    def to_representation(self, run: SyncRun) -> dict[str, Any]:
        said: dict[str, Any] = super().to_representation(run)
        if not self.context["operator"]:
            said |= dict.fromkeys(self.for_operators)
        if self.context["scoped"]:
            said |= dict.fromkeys(self.of_all_rows)
        return said


class IssueSerializer(serializers.ModelSerializer):
    """A record that could not be copied. Every run tries it again."""

    class Meta:
        model = SyncIssue
        fields = [
            "id",
            "stream",
            "odoo_id",
            "reason",
            "column",
            "attempts",
            "first_seen_at",
            "last_seen_at",
            "resolved_at",
        ]
        read_only_fields = fields


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            kind.value: {"type": "string", "format": "date-time"}
            for kind in SyncRun.Kind
            if kind != SyncRun.Kind.RECORDS
        },
    }
)
class NextRunsField(serializers.DictField):
    child = serializers.DateTimeField()


class StreamStatusSerializer(serializers.Serializer):
    stream = serializers.CharField()
    watermark = serializers.DateTimeField(
        allow_null=True,
        help_text="All that was written in Odoo up to here, on its clock, is in the mirror. Null "
        "before the first complete copy.",
    )
    lag_seconds = serializers.IntegerField(
        allow_null=True, help_text="How long ago the watermark is."
    )
    row_count = serializers.IntegerField(
        allow_null=True,
        help_text="Rows here when the watermark last moved. Null for an account with a scope.",
    )
    odoo_row_count = serializers.IntegerField(
        allow_null=True, help_text="Records in Odoo then. Null for an account with a scope."
    )
    odoo_version = serializers.CharField(allow_blank=True)
    unavailable_fields = serializers.ListField(
        child=serializers.CharField(),
        help_text="Fields that are empty: this Odoo lacks them, or they are not ours to read.",
    )
    left_out_fields = serializers.DictField(
        child=serializers.CharField(),
        help_text="ODOO_EXTRA_FIELDS that are not copied: field -> why.",
    )
    open_issues = serializers.IntegerField(
        help_text="Records that could not be copied; for an account with a scope, those in it."
    )
    current_run = RunSerializer(allow_null=True, help_text="The one at work.")
    last_run = RunSerializer(allow_null=True, help_text="The last one that did something.")
    next_runs = NextRunsField(
        help_text="By kind, when its schedule starts the next one; a paused schedule is left out."
    )


class SilenceSerializer(serializers.Serializer):
    code = serializers.ChoiceField(choices=["beat_silent", "worker_silent"])
    message = serializers.CharField()
    remedy = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)


class SyncSerializer(serializers.Serializer):
    streams = StreamStatusSerializer(many=True)
    silences = SilenceSerializer(
        many=True, help_text="Parts of the bridge that have not been heard of for minutes."
    )


class StartRunSerializer(StrictBody):
    kind = serializers.ChoiceField(
        choices=[(kind.value, said) for kind, said in _KINDS.items()],
        default=SyncRun.Kind.CHANGES,
    )
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1),
        required=False,
        min_length=1,
        max_length=MAX_IDS,
        help_text="Odoo's ids, for the kind `records` alone; with a scope, of rows in it.",
    )

    rules: ClassVar = {
        "oneOf": [
            {
                "properties": {"kind": {"enum": [SyncRun.Kind.RECORDS.value]}},
                "required": ["kind", "ids"],
            },
            {
                "properties": {
                    "kind": {"enum": [one.value for one in _KINDS if one != SyncRun.Kind.RECORDS]}
                },
                "not": {"required": ["ids"]},
            },
        ]
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["kind"] == SyncRun.Kind.RECORDS) != ("ids" in attrs):
            raise serializers.ValidationError(
                {"ids": "The kind records takes ids, and no other kind does."}, code="invalid"
            )
        visible = self.context["visible"]
        if visible is not None and "ids" in attrs:
            found = set(visible.filter(pk__in=attrs["ids"]).values_list("pk", flat=True))
            if found != set(attrs["ids"]):
                # How a run about other records ends would tell whether they exist.
                raise serializers.ValidationError(
                    {"ids": "With a scope, only ids of rows in it."}, code="does_not_exist"
                )
        return attrs
