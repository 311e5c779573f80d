"""Addresses of pages in Odoo's web client, for people."""

import re

from django.conf import settings


def record_url(model: str, odoo_id: int, version: str) -> str:
    """The form of one record. ``version`` as Odoo spells it; unknown is read as the newest.

    Source: Odoo's web client, ``router.js``: ``/odoo/<model>/<id>`` from 18 on, before that a fragment.
    """
    found = re.search(r"\d+", version)
    if found and int(found[0]) < 18:
        return f"{settings.ODOO_WEB_URL}/web#id={odoo_id}&model={model}&view_type=form"
    return f"{settings.ODOO_WEB_URL}/odoo/{model}/{odoo_id}"
