"""The same things against ACME servers of another make and of other years: Caddy's, with its internal CA, and the Pebbles of other releases
of Debian.

What they lack, and so is not asked of them here: Caddy's terms of service, external account binding, profiles, renewal information,
alternate chains and a change of an account's key; the older Pebbles' profiles, renewal information in its final form, and newer types of problems.
"""
import pytest
from cryptography import x509
from lab import BARE, Caddy, releases, wait_for


@pytest.fixture(params=["caddy", *(f"pebble-{suite}" for suite in releases.PEBBLE)])
def lab(make_lab, request):
    make, _, suite = request.param.partition("-")
    if make == "caddy":
        why = Caddy.lacking()
        if why:
            pytest.skip(f"Caddy as a CA: {why}")
        return make_lab(ca=Caddy)
    try:
        return make_lab(program=releases.pebble(suite))
    except releases.Unavailable as error:
        pytest.skip(str(error))


def issuers(lab):
    """The subjects of the CA's certificates."""
    if isinstance(lab.ca, Caddy):
        path = lab.ca.home / "pki" / "authorities" / "local" / "intermediate.crt"
        return [x509.load_pem_x509_certificate(path.read_bytes()).subject]
    return [x509.load_pem_x509_certificate(lab.ca.management_get("intermediates/0")).subject]


def test_issue_renew_and_nothing_more(lab):
    lab.issued()
    lab.assert_served()
    first = lab.leaf()
    assert first.issuer in issuers(lab)
    # Caddy's live for twelve hours: due at half of it.
    status = lab.status()
    assert status["state"] == "valid" and status["renew_reason"] in ("lifetime", "ari"), status
    orders = lab.ca.orders()
    assert orders == 1
    assert lab.certd("renew").status == 0
    assert lab.ca.orders() == orders
    assert lab.certd("renew", "--force").status == 0
    assert lab.leaf() != first
    lab.assert_served()
    assert lab.tokens() == [] and lab.stray() == []


def test_a_name_that_does_not_lead_here(lab):
    if not isinstance(lab.ca, Caddy):  # which asks the system, where the name does not exist
        lab.dns.post("add-a", host="elsewhere.example", addresses=["127.0.0.99"])
    done = lab.issue(names=(BARE, "elsewhere.example"))
    assert done.status == 1, done
    assert "elsewhere.example" in done.err, done
    assert lab.tokens() == []


@pytest.mark.parametrize("key", ["ecdsa-p384", "rsa-2048"])
def test_other_keys(lab, key):
    lab.issued("--key", key)
    lab.assert_served()
    assert lab.status()["key"] == key


def test_revoke(lab):
    lab.issued()
    first = lab.leaf()
    done = lab.certd("revoke", BARE)
    assert done.status == 0, done
    assert lab.status()["renew_reason"] == "revoked"
    assert lab.certd("renew").status == 0
    assert lab.leaf() != first
    lab.assert_served()


def test_the_account(lab):
    lab.issued()
    done = lab.certd("account", "show", "--json")
    assert done.status == 0, done
    one, = done.json()["accounts"]
    assert one["status"] == "valid" and one["contacts"] == ["mailto:admin@togetherers.com"], one
    done = lab.certd("account", "update", "--contact", "new@togetherers.com")
    assert done.status == 0, done
    done = lab.certd("account", "show", "--json")
    assert done.json()["accounts"][0]["contacts"] == ["mailto:new@togetherers.com"], done
    # Caddy has no change of keys worth the name; whatever it says, the account goes on.
    done = lab.certd("account", "rollover")
    assert done.status in (0, 1), done
    lab.issued("--force", "--email", "new@togetherers.com")
    assert lab.certd("account", "deactivate", "--yes").status == 0


def test_an_order_that_was_cut_off(lab):
    run = lab.begin("issue", BARE, f"www.{BARE}")
    wait_for(lambda: lab.ca.orders() == 1, "the order", 30)
    run.kill()
    lab.issued()
    lab.assert_served()
    assert lab.ca.orders() <= 2
