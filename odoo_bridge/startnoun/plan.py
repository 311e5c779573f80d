"""What a noun's folder is made of, and what follows from the fields that were chosen."""

from dataclasses import dataclass

from odoo_bridge.startnoun.fields import Choice, Chosen

CALLED_BY = ("complete_name", "name", "acc_number", "reference", "ref", "default_code", "code")
SEARCHED = (
    *("complete_name", "name", "default_code", "code", "ref", "reference", "acc_number", "barcode"),
    *("email", "phone", "origin", "client_order_ref", "memo", "payment_reference"),
)
# Texts that are looked up whole, whatever their case.
CODES = ("default_code", "code", "ref", "reference", "acc_number", "barcode", "email", "vat")


@dataclass(frozen=True)
class Plan:
    """What a folder is made of. ``name``: products; ``model``: Product; ``streams``: our models that
    a column may point to -> their streams."""

    name: str
    model: str
    odoo_model: str
    choice: Choice
    streams: dict[str, str]

    @property
    def constant(self) -> str:
        return self.name.upper()

    @property
    def singular(self) -> str:
        words = "".join(f" {one.lower()}" if one.isupper() else one for one in self.model)
        return words.strip()

    @property
    def plural(self) -> str:
        return self.name.replace("_", " ")

    def of(self, *kinds: str) -> list[Chosen]:
        return [one for one in self.choice.fields if one.kind in kinds]

    @property
    def columns(self) -> set[str]:
        return {one.column for one in self.choice.fields}

    @property
    def called_by(self) -> str:
        """The column that a row is called by; empty if it has no text."""
        texts = [one.column for one in self.of("text") if not one.choices]
        return next((name for name in (*CALLED_BY, *texts) if name in texts), "")

    @property
    def searched(self) -> list[str]:
        texts = {one.column for one in self.of("text") if not one.choices}
        return [name for name in SEARCHED if name in texts] or [self.called_by][: bool(texts)]

    @property
    def codes(self) -> list[str]:
        texts = {one.column for one in self.of("text") if not one.choices}
        return [name for name in CODES if name in texts]

    @property
    def contact(self) -> Chosen | None:
        """The column with the contact of a row."""
        return next((one for one in self.of("noun") if one.target == "contacts.Contact"), None)
