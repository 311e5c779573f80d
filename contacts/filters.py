"""What contacts can be filtered by."""

import django_filters

from contacts.models import Contact
from odoo_bridge.filters import Code, MirrorFilters, OdooId, YesNo


class ContactFilters(MirrorFilters):
    search_fields = ("complete_name", "name", "email", "phone", "vat", "ref", "city")

    is_company = YesNo()
    active = YesNo(help_text="False: archived in Odoo.")
    parent = OdooId(field_name="parent_id")
    country_code = Code()
    email = django_filters.CharFilter(lookup_expr="iexact")
    vat = django_filters.CharFilter(lookup_expr="iexact")
    ref = django_filters.CharFilter()
    company = OdooId(field_name="company_id", help_text="Odoo's company, not the employer.")

    class Meta:
        model = Contact
        fields: list[str] = []


class ContactExportFilters(ContactFilters):
    """The same, where there are no pages."""

    also_known = frozenset({"format"})
