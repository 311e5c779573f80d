"""What a person can do about each kind of error: the one place that says it.

The admin, the commands and the API all quote it from here, by the error's ``code``.
"""

_LOGIN = (
    "Check ODOO_DB, ODOO_USERNAME and ODOO_PASSWORD, or ODOO_API_KEY, then try once with "
    "check_odoo: after five refused logins Odoo locks our address out for a minute."
)

REMEDIES = {
    "odoo_unavailable": (
        "Nothing, if Odoo is being restarted: the next run catches up. If it lasts, check "
        "ODOO_URL, and that Odoo is running and reachable from here."
    ),
    "odoo_timeout": (
        "Odoo is slow: the next run tries again with smaller pages. If it lasts, lower "
        "ODOO_PAGE_SIZE, or raise ODOO_TIMEOUT_SECONDS."
    ),
    "odoo_too_large": (
        "Lower ODOO_PAGE_SIZE. If it is one record, look in Odoo which of its texts is so large, or "
        "leave a field out of ODOO_EXTRA_FIELDS."
    ),
    "odoo_busy": (
        "Nothing, the next run tries again. If it lasts, lower ODOO_CONNECTIONS or lengthen the "
        "intervals under Schedules."
    ),
    "odoo_refused": _LOGIN,
    "odoo_tls": (
        "Check whether ODOO_URL must begin with http:// or https://, and that Odoo's certificate is "
        "valid for this host name and trusted on this machine."
    ),
    "not_odoo": (
        "Check ODOO_URL: another web server answers there, or a proxy in front of Odoo. If Odoo is "
        "served below a path, ODOO_URL needs that path."
    ),
    "odoo_moved": "Set ODOO_URL to the address of the redirect, without the page that follows it.",
    "odoo_too_old": "Use Odoo 14 or later.",
    "no_rpc": (
        "In Odoo 19 and later set ODOO_API_KEY, or install the module rpc. In older versions let the "
        "proxy in front of Odoo pass /jsonrpc on."
    ),
    "wrong_database": "Set ODOO_DB to the name of a database of this Odoo.",
    "wrong_company": (
        "Correct ODOO_COMPANY_IDS, or give the user of the bridge these companies in Odoo."
    ),
    "odoo_portal": (
        "In Odoo make an internal user for the bridge, with Invoicing: Read-only (or Billing)."
    ),
    "other_odoo": (
        "If the settings are wrong, correct ODOO_URL and ODOO_DB. If your Odoo moved, or you want to "
        "go on from this copy of it, run adopt_odoo, which shows what differs. For any other Odoo "
        "use a new mirror database (DATABASE_URL)."
    ),
    "odoo_forbidden": (
        "The login is good, its rights are not enough. In Odoo, give the user of the bridge "
        "Invoicing: Read-only (or Billing); any internal user reads contacts. Check its allowed "
        "companies too."
    ),
    "odoo_rejected": (
        "Odoo's own code said no, in the words quoted here. Open the record in Odoo; if that works "
        "there, show the message to whoever looks after your Odoo."
    ),
    "odoo_missing": (
        "Odoo does not know the record, model or method any more. Check that Contacts and "
        "Invoicing are installed in this database (ODOO_DB)."
    ),
    "record_rejected": (
        "Open the record in Odoo and mend the field that is named; the next run copies it. If the "
        "value is right there, retry it."
    ),
    "needs_confirmation": (
        "Look at the rows that vanished. If they were really deleted in Odoo, confirm; if not, "
        "reject, and give the user of the bridge its rights back."
    ),
    "gone_rejected": (
        "Give the Odoo user of the bridge the rights and companies it had; the next run then sees "
        "the rows again. If they are gone after all, confirm the question."
    ),
    "lease_held": "Nothing: the run that holds the stream does the same work.",
    "lease_lost": (
        "Nothing, the next run goes on. If it happens often, the machine of the worker stands "
        "still for minutes: check its memory and its clock."
    ),
    "cancelled": "Nothing, the next run goes on from what is stored. Pause the schedule to prevent it.",
    "interrupted": (
        "Nothing, the next run goes on from what is stored. If it happens often, look into the "
        "worker's log: it is killed, or out of memory."
    ),
    "stopped": (
        "Nothing: what it stored stays, and the next run reads what is missing. It happens whenever "
        "a worker is stopped, as by a deployment."
    ),
    "database": (
        "Check that PostgreSQL is up and its disk is not full. The next run goes on from what is "
        "stored."
    ),
    "key_expires": (
        "In Odoo make a new API key for the user of the bridge (Preferences, Account Security), set "
        "ODOO_API_KEY (or ODOO_PASSWORD) to it, restart, and delete the old one."
    ),
    "idempotency_key_reused": (
        "Give every new request an Idempotency-Key of its own; repeat a key only with the very same "
        "request."
    ),
    "in_progress": "Send the same request with the same Idempotency-Key again in a few seconds.",
    "outcome_unknown": (
        "Send the same request with the same Idempotency-Key again: the bridge looks into Odoo "
        "before it sends anything twice."
    ),
    "unfinished": (
        "Send the same request with the same Idempotency-Key again: what is missing is completed."
    ),
    "beat_silent": (
        "Start the beat process, or look into its log. If the schedule of the sweep was paused or "
        "deleted, resume it: it runs every minute and tells that beat and workers are alive. If the "
        "last tick lies in the future, correct the clock of beat's machine and restart beat."
    ),
    "worker_silent": (
        "Start a worker, or look into its log; check that Redis (REDIS_URL) can be reached. If all "
        "workers are busy with long runs, cancel one or add a worker."
    ),
    "internal": (
        "An error of the bridge itself. The worker's log has the traceback under the run's number: "
        "report it with that."
    ),
}


def remedy(code: str) -> str:
    return REMEDIES.get(code, "")
