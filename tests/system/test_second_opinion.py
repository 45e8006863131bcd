"""The same things against an ACME server of another make: Caddy's, with its internal CA.

What it lacks, and so is not asked of it here: terms of service, external account binding, profiles, renewal information, alternate
chains, and a change of an account's key.
"""
import pytest
from cryptography import x509
from lab import BARE, Caddy, wait_for

pytestmark = pytest.mark.lab(ca=Caddy)


@pytest.fixture(autouse=True)
def caddy():
    why = Caddy.lacking()
    if why:
        pytest.skip(f"Caddy as a CA: {why}")


def test_issue_renew_and_nothing_more(lab):
    lab.issued()
    lab.assert_served()
    first = lab.leaf()
    assert first.issuer == x509.load_pem_x509_certificate(
        (lab.ca.home / "pki" / "authorities" / "local" / "intermediate.crt").read_bytes()).subject
    # Twelve hours of lifetime: due at half of it.
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
    # It has no change of keys worth the name; whatever it says, the account goes on.
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
