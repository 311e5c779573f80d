"""Links to pages of Odoo's web client."""

import re

from django.conf import settings


def record_url(model: str, odoo_id: int, version: str) -> str:
    """The URL of one record's form. ``version`` is Odoo's version text; an unknown one counts as newest.

    Source: Odoo's web client, ``router.js``: ``/odoo/<model>/<id>`` from 18 on, before that a fragment.
    """
    found = re.search(r"\d+", version)
    if found and int(found[0]) < 18:
        return f"{settings.ODOO_WEB_URL}/web#id={odoo_id}&model={model}&view_type=form"
    return f"{settings.ODOO_WEB_URL}/odoo/{model}/{odoo_id}"
