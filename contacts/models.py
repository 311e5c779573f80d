"""Mirrored contacts: Odoo's ``res.partner``, archived ones and addresses included."""

from django.db import models

from odoo_bridge.models import MirroredModel, created_here, made_here_index


class Contact(MirroredModel):
    """One ``res.partner``. Fields keep Odoo's names; ``*_id`` without a relation are Odoo's ids."""

    name = models.TextField(blank=True)
    complete_name = models.TextField(blank=True, help_text="With the parent: 'Acme, Jane Doe'.")
    email = models.TextField(blank=True)
    phone = models.TextField(blank=True)
    mobile = models.TextField(blank=True, help_text="Up to Odoo 18.")
    is_company = models.BooleanField(default=False)
    type = models.TextField(blank=True, help_text="contact, invoice, delivery, other ...")
    # A child may arrive before its parent and outlive it here; keep Odoo's id either way.
    parent = models.ForeignKey(
        "self", null=True, db_constraint=False, on_delete=models.DO_NOTHING, related_name="children"
    )
    commercial_contact = models.ForeignKey(
        "self",
        null=True,
        db_constraint=False,
        on_delete=models.DO_NOTHING,
        related_name="commercial_children",
        help_text="The company that invoices are owed by: the contact itself if it has none.",
    )
    company_name = models.TextField(blank=True, help_text="Odoo's commercial_company_name.")
    function = models.TextField(blank=True, help_text="Job position.")
    vat = models.TextField(blank=True)
    ref = models.TextField(blank=True)
    company_registry = models.TextField(blank=True)
    website = models.TextField(blank=True)
    street = models.TextField(blank=True)
    street2 = models.TextField(blank=True)
    city = models.TextField(blank=True)
    zip = models.TextField(blank=True)
    state_id = models.BigIntegerField(null=True)
    country_id = models.BigIntegerField(null=True)
    country_code = models.TextField(blank=True, help_text="ISO 3166-1, two letters.")
    lang = models.TextField(blank=True)
    tz = models.TextField(blank=True)
    active = models.BooleanField(default=True, help_text="False: archived in Odoo.")
    company_id = models.BigIntegerField(null=True, help_text="Empty: shared by all companies.")
    tag_ids = models.JSONField(default=list, blank=True)
    salesperson_id = models.BigIntegerField(null=True)
    customer_rank = models.IntegerField(default=0)
    supplier_rank = models.IntegerField(default=0)
    created_by = created_here()

    class Meta:
        ordering = ["odoo_id"]
        # Most contacts have no VAT number and no reference; leaving the empty ones out keeps the
        # first copy fast, and a search for a value still uses the index.
        indexes = [
            models.Index(fields=["name"], name="contact_name"),
            models.Index(fields=["email"], name="contact_email", condition=~models.Q(email="")),
            models.Index(fields=["vat"], name="contact_vat", condition=~models.Q(vat="")),
            models.Index(fields=["ref"], name="contact_ref", condition=~models.Q(ref="")),
            models.Index(fields=["country_code"], name="contact_country"),
            models.Index(fields=["write_date"], name="contact_write_date"),
            made_here_index("contact_created_by"),
        ]

    def __str__(self) -> str:
        return self.complete_name or self.name or f"contact {self.odoo_id}"
