"""Whose request it is, behind any number of proxies, whatever they and the client write."""

import logging
from ipaddress import IPv6Address, ip_address

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from accounts.tests.factories import UserFactory
from odoo_bridge.runtime.client_address import (
    UNKNOWN,
    ProxyWatch,
    client_address,
    client_network,
    parse,
    proxy_mismatch,
)

PEER = "10.0.0.1"


def asked(forwarded=None, peer=PEER):
    extra = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().get("/", REMOTE_ADDR=peer, **extra)


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("  203.0.113.7\t", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("203.0.113.7:", "203.0.113.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ('"[2001:db8::7]:4711"', "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:80", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        *((junk, None) for junk in ("", " ", "unknown", "_hidden", "_x:80", "unix:", "localhost")),
        *(
            (junk, None)
            for junk in ("203.0.113", "203.0.113.700", "1.2.3.4.5", "010.1.1.1", "[", "]")
        ),
        *(
            (junk, None)
            for junk in ("[]", "[]:80", ":80", "%", "%eth0", "\uff11.2.3.4", "\x00", None)
        ),
        ("1" * 10_000, None),
    ],
)
def test_an_entry_is_an_address_or_nothing(entry, address):
    found = parse(entry)
    assert (str(found) if found else None) == address


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "6.6.6.6", PEER),
        (0, None, PEER),
        (1, "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        (1, "6.6.6.6,203.0.113.7:80", "203.0.113.7"),
        (2, "6.6.6.6, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        # One proxy fewer than there should be: the one that is there wrote what is there.
        (2, "203.0.113.7", "203.0.113.7"),
        (3, "203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (1, None, PEER),
        (1, "", PEER),
        (1, " , ", PEER),
        # Not the entry before it: the client wrote that one.
        (1, "6.6.6.6, unknown", PEER),
        (1, "6.6.6.6,", PEER),
        (2, "6.6.6.6, _hidden, 10.0.0.2", PEER),
    ],
)
def test_the_entry_that_our_outermost_proxy_wrote_counts(settings, proxies, forwarded, address):
    settings.NUM_PROXIES = proxies
    assert client_address(asked(forwarded)) == address


@pytest.mark.parametrize("peer", ["", "unix:", "/run/bridge.sock", "@"])
def test_a_connection_without_an_address_has_one_all_the_same(settings, peer):
    settings.NUM_PROXIES = 0
    assert client_address(asked(peer=peer)) == UNKNOWN


def test_limits_take_a_network_of_ipv6_for_one_client(settings):
    settings.NUM_PROXIES = 0
    assert client_network(asked(peer="2001:db8:0:1:a:b:c:d")) == "2001:db8:0:1::"
    assert client_network(asked(peer="::ffff:203.0.113.7")) == "203.0.113.7"
    assert client_address(asked(peer="2001:db8:0:1:a:b:c:d")) == "2001:db8:0:1:a:b:c:d"


_numbers = st.ip_addresses().map(str)
_entries = st.one_of(
    _numbers,
    st.builds("{}:{}".format, _numbers, st.integers(-1, 70_000)),
    st.builds("[{}]:{}".format, _numbers, st.integers(0, 65_535)),
    st.builds("{}%{}".format, _numbers, st.text(max_size=5)),
    st.sampled_from(["unknown", "_hidden", "unix:", "", " ", "[", "::", ":", "%"]),
    st.text(max_size=30),
)


@given(
    entries=st.lists(_entries, max_size=6),
    comma=st.sampled_from([",", ", ", " , ", ",,"]),
    peer=_entries,
    proxies=st.integers(0, 4),
)
def test_whatever_is_sent_the_answer_is_an_address(entries, comma, peer, proxies):
    from django.test import override_settings

    request = asked(comma.join(entries), peer)
    with override_settings(NUM_PROXIES=proxies):
        address = ip_address(client_address(request))
        network = ip_address(client_network(request))
    if isinstance(address, IPv6Address):
        assert int(network) == int(address) >> 64 << 64
    else:
        assert network == address


# NUM_PROXIES does not fit -----------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_notes():
    cache.delete_many(["proxy-mismatch:0", "proxy-mismatch:1"])
    yield
    cache.delete_many(["proxy-mismatch:0", "proxy-mismatch:1"])


def watched(caplog, *requests):
    """The warnings of a fresh process that gets ``requests``."""
    caplog.clear()
    watch = ProxyWatch(lambda request: None)
    with caplog.at_level(logging.WARNING, "odoo_bridge.runtime.client_address"):
        for request in requests:
            watch(request)
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "says"),
    [(0, "203.0.113.7", "set NUM_PROXIES to the number"), (1, None, "NUM_PROXIES is 1, but")],
)
def test_a_number_of_proxies_that_does_not_fit_is_noticed_once(
    settings, caplog, proxies, forwarded, says
):
    settings.NUM_PROXIES = proxies
    assert proxy_mismatch() is None
    [warning] = watched(caplog, *[asked(forwarded)] * 5)
    assert says in warning
    assert says in " ".join(proxy_mismatch())
    # What was noticed before the setting was corrected is no longer said.
    settings.NUM_PROXIES = 1 - proxies
    assert proxy_mismatch() is None


@pytest.mark.parametrize(("proxies", "forwarded"), [(0, None), (1, "203.0.113.7")])
def test_a_number_of_proxies_that_fits_is_no_news(settings, caplog, proxies, forwarded):
    settings.NUM_PROXIES = proxies
    assert watched(caplog, *[asked(forwarded)] * 5) == []
    assert proxy_mismatch() is None


def test_a_health_check_may_come_past_the_proxy(settings, caplog):
    settings.NUM_PROXIES = 1
    assert watched(caplog, RequestFactory().get("/api/health/live")) == []


@pytest.mark.django_db
def test_the_overview_says_that_the_number_of_proxies_does_not_fit(settings, client):
    settings.NUM_PROXIES = 0
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    assert "NUM_PROXIES" not in client.get("/admin/").content.decode()
    # A handler of its own: that of ``client`` may have noticed in another test.
    Client().get("/api/health/live", headers={"X-Forwarded-For": "203.0.113.7"})
    assert "NUM_PROXIES is 0" in client.get("/admin/").content.decode()
