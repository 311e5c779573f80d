"""manage.py demo_odoo"""

import urllib.request
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from odoo_bridge.management.commands import demo_odoo


@pytest.fixture
def ctrl_c(monkeypatch):
    """Press Ctrl-C as soon as the server waits; ``seen`` runs just before."""
    seen = []

    def wait(command):
        for each in seen:
            each()
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_odoo.Command, "wait", wait)
    return seen


def run(*args, **options):
    out = StringIO()
    call_command("demo_odoo", *args, port=0, contacts=5, invoices=5, stdout=out, **options)
    return out


def settings_of(text):
    return dict(line.split("=", 1) for line in text.splitlines() if line.startswith("ODOO_"))


def test_it_prints_what_to_put_into_env_and_ends_with_ctrl_c(ctrl_c):
    out = StringIO()
    answers = []

    def look():
        url = settings_of(out.getvalue())["ODOO_URL"]
        answers.append(urllib.request.urlopen(f"{url}/web/version").read())

    ctrl_c.append(look)
    call_command("demo_odoo", port=0, contacts=5, invoices=5, stdout=out)
    assert b'"19.0"' in answers[0]
    printed = settings_of(out.getvalue())
    url = printed.pop("ODOO_URL")
    assert printed == {
        "ODOO_DB": "demo",
        "ODOO_USERNAME": "admin",
        "ODOO_PASSWORD": "admin",
        "ODOO_API_KEY": "demo-api-key",
    }
    assert "7 contacts, 5 invoices" in out.getvalue()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{url}/web/version")


def test_an_odoo_without_json_2_has_no_key(ctrl_c):
    assert "ODOO_API_KEY" not in settings_of(run(odoo_version="14.0").getvalue())


@pytest.mark.parametrize(
    ("args", "rate"), [([], None), (["--churn"], 1.0), (["--churn", "40"], 40.0)]
)
def test_churn_runs_at_the_rate_given(ctrl_c, monkeypatch, args, rate):
    rates = []
    monkeypatch.setattr(demo_odoo.Churn, "start", lambda churn: rates.append(churn.per_second))
    run(*args)
    assert rates == ([] if rate is None else [rate])


@pytest.mark.parametrize("options", [{"odoo_version": "9.0"}, {"churn": -1.0}])
def test_impossible_options_are_refused_in_words(ctrl_c, options):
    with pytest.raises(CommandError, match=r"no demo Odoo|--churn"):
        run(**options)


def test_a_taken_port_is_said(ctrl_c):
    with (
        demo_odoo.DemoOdoo().serve() as taken,
        pytest.raises(CommandError, match="is not available"),
    ):
        call_command("demo_odoo", port=taken.port, contacts=0, invoices=0, stdout=StringIO())
