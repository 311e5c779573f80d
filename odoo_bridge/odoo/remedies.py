"""What a person can do about each kind of error.

The admin, the commands and the API all take the text from here, by the error's ``code``.
"""

_LOGIN = (
    "Check ODOO_DB, ODOO_USERNAME and ODOO_PASSWORD, or ODOO_API_KEY. Then try once with check_odoo: "
    "Odoo blocks our address for a minute after five failed logins."
)

REMEDIES = {
    "odoo_unavailable": (
        "If Odoo is restarting, do nothing: the next run catches up. If the error persists, check "
        "ODOO_URL, and that Odoo is running and can be reached from this machine."
    ),
    "odoo_timeout": (
        "Odoo is slow. The next run tries again with smaller pages. If the error persists, lower "
        "ODOO_PAGE_SIZE or raise ODOO_TIMEOUT_SECONDS."
    ),
    "odoo_too_large": (
        "Lower ODOO_PAGE_SIZE. If a single record is too large, shorten its longest text in Odoo, or "
        "remove a field from ODOO_EXTRA_FIELDS."
    ),
    "odoo_busy": (
        "Do nothing: the next run tries again. If the error persists, lower ODOO_CONNECTIONS or "
        "lengthen the intervals under Schedules."
    ),
    "odoo_refused": _LOGIN,
    "odoo_tls": (
        "Check whether ODOO_URL must start with http:// or https://, and whether Odoo's certificate is "
        "valid for this host name and trusted on this machine."
    ),
    "not_odoo": (
        "Check ODOO_URL: it leads to another web server or to a proxy in front of Odoo. If Odoo is "
        "served under a path, include the path in ODOO_URL."
    ),
    "odoo_moved": "Set ODOO_URL to the redirect's target, without the path of the page.",
    "odoo_too_old": "Upgrade Odoo to version 14 or later.",
    "no_rpc": (
        "For Odoo 19 and later, set ODOO_API_KEY or install Odoo's module rpc. For older versions, "
        "allow /jsonrpc in the proxy in front of Odoo."
    ),
    "wrong_database": "Set ODOO_DB to the name of a database that exists in this Odoo.",
    "wrong_company": (
        "Correct ODOO_COMPANY_IDS, or allow the bridge's user these companies in Odoo."
    ),
    "odoo_portal": (
        "In Odoo, create an internal user for the bridge with the right Invoicing: Read-only (or "
        "Billing)."
    ),
    "other_odoo": (
        "If the settings are wrong, correct ODOO_URL and ODOO_DB. If your Odoo moved, or this copy "
        "replaces it, run adopt_odoo, which shows the differences. For a different Odoo, use a new "
        "mirror database (DATABASE_URL)."
    ),
    "odoo_forbidden": (
        "The login works but lacks rights. In Odoo, give the bridge's user Invoicing: Read-only (or "
        "Billing); every internal user may read contacts. Also check the user's allowed companies."
    ),
    "odoo_rejected": (
        "Odoo itself raised this error. Open the record in Odoo. If that works, show the message to "
        "your Odoo administrator."
    ),
    "odoo_missing": (
        "The record, model or method no longer exists in Odoo. Check that Contacts and Invoicing are "
        "installed in this database (ODOO_DB)."
    ),
    "record_rejected": (
        "Open the record in Odoo and correct the field named above; the next run copies it. If the "
        "value in Odoo is correct, retry the record."
    ),
    "needs_confirmation": (
        "Review the vanished rows. If they were deleted in Odoo, confirm. If not, reject, and give the "
        "bridge's user its rights in Odoo back."
    ),
    "gone_rejected": (
        "Give the bridge's Odoo user back the rights and companies that it had; the next run then sees "
        "the rows again. If they were deleted after all, confirm."
    ),
    "lease_held": "Do nothing: the run that is syncing this stream does the same work.",
    "lease_lost": (
        "Do nothing: the next run continues. If this happens often, the worker's machine freezes for "
        "minutes: check its memory and its clock."
    ),
    "cancelled": (
        "Do nothing: the next run continues from the stored rows. To prevent that, pause the schedule."
    ),
    "interrupted": (
        "Do nothing: the next run continues from the stored rows. If this happens often, check the "
        "worker's log: the worker was killed or ran out of memory."
    ),
    "stopped": (
        "Do nothing: stored rows stay, and the next run reads what is missing. This happens whenever a "
        "worker is stopped, for example by a deployment."
    ),
    "database": (
        "Check that PostgreSQL is running and its disk is not full. The next run continues from the "
        "stored rows."
    ),
    "key_expires": (
        "In Odoo, create a new API key for the bridge's user (Preferences, Account Security). Set "
        "ODOO_API_KEY (or ODOO_PASSWORD) to it, restart the bridge, and delete the old key."
    ),
    "idempotency_key_reused": (
        "Send every new request with its own Idempotency-Key; use a key again only to repeat the "
        "identical request."
    ),
    "in_progress": "Send the same request with the same Idempotency-Key again in a few seconds.",
    "outcome_unknown": (
        "Send the same request with the same Idempotency-Key again: the bridge checks Odoo before it "
        "sends anything twice."
    ),
    "unfinished": (
        "Send the same request with the same Idempotency-Key again: the bridge completes the missing "
        "steps."
    ),
    "beat_silent": (
        "Start the beat process, or check its log. If the schedule of the sweep was paused or deleted, "
        "restore it: it runs every minute and shows that beat and workers are running. If the last "
        "tick is in the future, correct the clock of beat's machine and restart beat."
    ),
    "worker_silent": (
        "Start a worker, or check its log, and check that Redis (REDIS_URL) can be reached. If all "
        "workers are busy with long runs, cancel a run or add a worker."
    ),
    "internal": (
        "This is a bug in the bridge. Report it with the traceback, which is in the worker's log under "
        "the run's number."
    ),
}


def remedy(code: str) -> str:
    return REMEDIES.get(code, "")
