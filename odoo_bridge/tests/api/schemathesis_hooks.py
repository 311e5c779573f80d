"""For test_openapi_fuzz.py: requests that the schema allows and no client would send are made into such
as a client sends, and where the schema cannot say all, a refusal must name what it cannot say."""

import re

import schemathesis

# What may be wrong with a request that the schema allows: by address, the names in ``fields``.
BEYOND_THE_SCHEMA = {
    # Digits are counted, which JSON Schema cannot.
    r"^/api/(invoices|contacts)(/.odoo_id.)?(/invoices|/export|/summary|/ageing)?$": {
        *("amount_from", "amount_to"),
        # Which codes Odoo knows, and that a range does not end before it begins.
        *("currency", "country", "date_to", "due_to"),
        # That an expansion among the fields needs the parameter expand.
        "fields",
    },
    # A password must not be a common one, nor like the name.
    r"^/api/auth/register$": {"password"},
    # Nor is the current one, or a link, known to the schema.
    r"^/api/auth/password(/reset/confirm)?$": {"new_password", "current_password", "token"},
    # Which keys go together is said in a oneOf, which the fixed cases do not look at.
    r"^/api/auth/token$": {
        *("username", "email", "password", "refresh_token", "non_field_errors"),
    },
    # Which kinds of run take ids, likewise.
    r"^/api/sync/.stream./run$": {"ids", "kind"},
}


@schemathesis.hook
def map_case(context, case):
    if case.meta is None or not case.meta.generation.mode.is_positive or not case.query:
        return case
    # PostgreSQL stores no NUL character, so no text has one to search for.
    for name, value in case.query.items():
        if isinstance(value, str):
            case.query[name] = value.replace("\0", "0")
        elif isinstance(value, list):
            case.query[name] = [str(each).replace("\0", "0") for each in value]
    # A cursor is empty or what an answer said, and excludes a page.
    if "cursor" in case.query:
        case.query["cursor"] = ""
        case.query.pop("page", None)
    return case


@schemathesis.check
def refusals_are_beyond_the_schema(ctx, response, case):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code != 400 or case.operation.path.startswith("/api/utils/"):
        return
    known = set()
    for path, names in BEYOND_THE_SCHEMA.items():
        if re.search(path, case.operation.path):
            known |= names
    body = response.json()
    if body["error"] == "invalid_grant":  # OAuth2's word for wrong credentials
        return
    error = body["error"] if isinstance(body["error"], dict) else body
    said = set(error.get("fields", {"the request"}))
    assert said <= known, f"refused for {said - known}, of which the schema says nothing"
