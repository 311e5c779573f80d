"""The API's runs, issues and stream statuses."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from odoo_bridge.api.strict import StrictBody
from odoo_bridge.models import SyncIssue, SyncRun
from odoo_bridge.odoo.remedies import remedy

MAX_IDS = 1000
_KINDS = {
    SyncRun.Kind.CHANGES: "copy what changed since the last run",
    SyncRun.Kind.RECONCILE: "compare the timestamp of every row with Odoo",
    SyncRun.Kind.FULL: "read every row again",
    SyncRun.Kind.RECORDS: "read the records in `ids`",
}


class RunSerializer(serializers.ModelSerializer):
    """One run. Its counts increase while it runs. ``read`` = created + updated + unchanged + issues."""

    requested_by = serializers.CharField(
        source="requested_by.username",
        read_only=True,
        default=None,
        allow_null=True,
        help_text="The user who requested the run. Only for operators.",
    )
    phase = serializers.ChoiceField(
        choices=SyncRun.Phase.choices,
        allow_blank=True,
        read_only=True,
        help_text="The current or last phase; empty before the run starts.",
    )
    remedy = serializers.SerializerMethodField(help_text="What a person can do about the error.")

    # Only operators may see names of people and machines, and Odoo's messages.
    for_operators = ("requested_by", "holder", "error", "note")
    # What a run did would reveal rows outside a scope: that they exist, how many, what changed.
    of_all_rows = (*SyncRun.COUNTS, "odoo_calls", "odoo_seconds", "error", "note")

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
            *SyncRun.COUNTS,
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
            "holder": {"allow_null": True, "help_text": "Host and process. Only for operators."},
            "error": {
                "allow_null": True,
                "help_text": "Why the run failed, was skipped, or waits. Only for operators without a "
                "scope.",
            },
            **{
                name: {"allow_null": True, "help_text": "Null for an account with a scope."}
                for name in (*SyncRun.COUNTS, "odoo_calls", "odoo_seconds")
            },
            "note": {
                "allow_null": True,
                "help_text": "A finding about Odoo: it moved, or was restored from a backup. "
                "Only for operators.",
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
        help_text="Everything written in Odoo up to this time, on Odoo's clock, is in the mirror. Null "
        "before the first complete copy.",
    )
    lag_seconds = serializers.IntegerField(
        allow_null=True, help_text="The age of the watermark in seconds."
    )
    row_count = serializers.IntegerField(
        allow_null=True,
        help_text="Rows here when the watermark last moved. Null for an account with a scope.",
    )
    odoo_row_count = serializers.IntegerField(
        allow_null=True,
        help_text="Records in Odoo when the watermark last moved. Null for an account with a scope.",
    )
    odoo_version = serializers.CharField(allow_blank=True)
    unavailable_fields = serializers.ListField(
        child=serializers.CharField(),
        help_text="Odoo fields that stay empty, because this Odoo lacks them or the bridge's user may "
        "not read them.",
    )
    left_out_fields = serializers.DictField(
        child=serializers.CharField(),
        help_text="Fields in ODOO_EXTRA_FIELDS that are not copied, each with the reason.",
    )
    open_issues = serializers.IntegerField(
        help_text="The number of records that could not be copied; for an account with a scope, only "
        "those in the scope."
    )
    current_run = RunSerializer(allow_null=True, help_text="The run that is in progress.")
    last_run = RunSerializer(
        allow_null=True, help_text="The last run of the whole stream that was not skipped."
    )
    next_runs = NextRunsField(
        help_text="When schedules start the next run of each kind; paused schedules are absent."
    )


class SilenceSerializer(serializers.Serializer):
    code = serializers.ChoiceField(choices=["beat_silent", "worker_silent"])
    message = serializers.CharField()
    remedy = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)


class SyncSerializer(serializers.Serializer):
    streams = StreamStatusSerializer(many=True)
    silences = SilenceSerializer(
        many=True, help_text="Parts of the bridge whose heartbeat is missing for minutes."
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
        help_text="Odoo's ids, only for the kind `records`; with a scope, ids of rows in it.",
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
                {"ids": "Required for the kind records, and not allowed for other kinds."},
                code="invalid",
            )
        visible = self.context["visible"]
        if visible is not None and "ids" in attrs:
            found = set(visible.filter(pk__in=attrs["ids"]).values_list("pk", flat=True))
            if found != set(attrs["ids"]):
                # The outcome of a run for other records would reveal whether they exist.
                raise serializers.ValidationError(
                    {"ids": "Some ids are not in your scope."}, code="does_not_exist"
                )
        return attrs
