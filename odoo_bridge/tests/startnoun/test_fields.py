"""Which fields a new noun copies, and why not the others."""

import pytest

from odoo_bridge.startnoun.fields import choose, inherits

NOUNS = {"res.partner": "contacts.Contact"}


def field(kind, **more):
    return {"type": kind, "store": True, "string": "Label", **more}


def chosen(about, parents=None, nouns=NOUNS):
    return choose({"write_date": field("datetime"), **about}, parents or {}, nouns)


def kinds(about, **more):
    return {one.column: one.kind for one in chosen(about, **more).fields}


def test_each_type_has_its_kind_of_column():
    types = ("char", "text", "html", "selection", "boolean", "integer", "float", "date", "datetime")
    assert kinds({f"x_{kind}": field(kind) for kind in types}) == {
        **{f"x_{kind}": "text" for kind in ("char", "text", "html", "selection")},
        **{"x_boolean": "boolean", "x_integer": "integer", "x_float": "decimal"},
        **{"x_date": "day", "x_datetime": "moment"},
    }


def test_an_id_points_to_a_noun_to_a_reference_or_stays_an_id():
    about = {
        "partner_id": field("many2one", relation="res.partner"),
        "company_id": field("many2one", relation="res.company"),
        "categ_id": field("many2one", relation="product.category"),
        "owner": field("many2one", relation="res.users"),
        "tax_ids": field("many2many", relation="account.tax"),
    }
    assert kinds(about) == {
        "partner_id": "noun",
        "company_id": "reference",
        "categ_id": "id",
        "owner_id": "reference",
        "tax_ids": "ids",
    }
    # Its relation would be called as another field is.
    assert kinds({**about, "partner": field("char")})["partner_id"] == "id"
    assert kinds(about, nouns={})["partner_id"] == "id"


def test_an_amount_is_money_where_the_row_says_in_which_currency():
    amount = field("monetary", currency_field="currency_id")
    signed = field("monetary", currency_field="company_currency_id")
    currency = field("many2one", relation="res.currency")
    company = field("many2one", relation="res.company")
    known = {"amount": amount, "signed": signed, "currency_id": currency, "company_id": company}
    assert (kinds(known)["amount"], kinds(known)["signed"]) == ("money", "company money")
    assert kinds({"amount": amount, "signed": signed}) == {"amount": "decimal", "signed": "decimal"}


@pytest.mark.parametrize(
    ("about", "why"),
    [
        (field("binary"), "file"),
        (field("one2many"), "other records"),
        (field("properties"), "another record"),
        (field("reference"), "type reference"),
        (field("char", store=False), "calculated"),
        (field("float", company_dependent=True), "in each company"),
        (field("float", company_dependent=True, store=False), "in each company"),
        # A field of another record, which is not inherited: the names differ.
        (field("char", store=False, related="bank_id.name"), "calculated"),
    ],
)
def test_what_cannot_be_copied_is_left_out_with_the_reason(about, why):
    choice = chosen({"x_field": about, "bank_id": field("many2one", relation="res.bank")})
    assert [one.source for one in choice.fields] == ["bank_id"]
    assert why in choice.left_out["x_field"]


@pytest.mark.parametrize("name", ["create_uid", "message_ids", "activity_state", "display_name"])
def test_housekeeping_is_left_out(name):
    assert "housekeeping" in chosen({name: field("char")}).left_out[name]


# Inherited records -----------------------------------------------------------------------------------
PARENT = {
    "name": field("char", translate=True),
    "list_price": field("float"),
    "cost": field("float", company_dependent=True),
    "summary": field("char", store=False),
}


def variant(*, follows, spelled=lambda path: path):
    """The fields of a variant, whose stamp ``follows`` its template's or does not."""
    stamp = field("datetime", depends=["product_tmpl_id.write_date"] if follows else [])
    inherited = {
        name: field("char", store=False, related=spelled(f"product_tmpl_id.{name}"))
        for name in PARENT
    }
    template = field("many2one", relation="product.template", required=True)
    return {"product_tmpl_id": template, "write_date": stamp, **inherited}


@pytest.mark.parametrize("spelled", [lambda path: path, lambda path: path.split(".")])
def test_a_parent_is_recognised_in_every_version(spelled):
    assert inherits(variant(follows=True, spelled=spelled)) == {
        "product_tmpl_id": "product.template"
    }


def test_a_parents_fields_are_copied_where_its_changes_move_the_stamp():
    choice = chosen(variant(follows=True), parents={"product_tmpl_id": PARENT})
    assert {one.source for one in choice.fields} == {"product_tmpl_id", "name", "list_price"}
    assert "each company" in choice.left_out["cost"]
    assert "calculated" in choice.left_out["summary"]


def test_a_parents_fields_are_left_out_where_its_changes_do_not_move_the_stamp():
    choice = chosen(variant(follows=False), parents={"product_tmpl_id": PARENT})
    assert [one.source for one in choice.fields] == ["product_tmpl_id"]
    assert "does not move the stamp" in choice.left_out["name"]


# Names -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("x_studio__plan", "x_studio_plan"),
        ("check", "odoo_check"),
        ("class", "odoo_class"),
        ("gone_at", "odoo_gone_at"),
        ("extra", "odoo_extra"),
        ("name_", "name"),
    ],
)
def test_a_column_has_a_name_that_a_table_can_have(name, column):
    assert kinds({name: field("char")}) == {column: "text"}


def test_two_fields_do_not_share_a_column():
    choice = chosen({"plan": field("char"), "plan_": field("char")})
    assert [one.source for one in choice.fields] == ["plan"]
    assert "called plan" in choice.left_out["plan_"]
