"""preferred-chain: which of the chains that the CA offers is taken."""
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from lab import BARE
from lab.pki import certificates_of


def common_name(name):
    return name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value


def root(lab, number):
    return x509.load_pem_x509_certificate(lab.ca.management_get(f"roots/{number}"))


def last(lab):
    return certificates_of(lab.live() / "fullchain.pem")[-1]


@pytest.mark.lab(alternate_roots=2)
def test_by_the_name_of_its_root(lab):
    default, other = (common_name(root(lab, number).subject) for number in (0, 2))
    lab.issued()
    assert common_name(last(lab).issuer) == default
    asked = len(lab.ca.requests())
    lab.issued("--force", "--preferred-chain", other)
    assert common_name(last(lab).issuer) == other
    lab.assert_served()
    assert f'preferred-chain = "{other}"' in (lab.path / "conf.d" / f"{BARE}.conf").read_text()
    # It is remembered for renewals, and what is there already is not asked for.
    assert lab.certd("renew", "--force").status == 0
    assert common_name(last(lab).issuer) == other
    first = len(lab.ca.requests()) - asked
    asked = len(lab.ca.requests())
    lab.issued("--force", "--preferred-chain", default)
    assert common_name(last(lab).issuer) == default
    assert len(lab.ca.requests()) - asked < first


@pytest.mark.lab(alternate_roots=1)
def test_by_a_fingerprint(lab):
    intermediate = x509.load_pem_x509_certificate(lab.ca.management_get("intermediates/1"))
    lab.issued("--preferred-chain", intermediate.fingerprint(hashes.SHA256()).hex(":"))
    assert last(lab) == intermediate
    lab.assert_served()


@pytest.mark.lab(alternate_roots=1)
def test_one_that_is_not_offered_is_a_warning(lab):
    done = lab.issued("--preferred-chain", "Nobody's Root")
    assert "does not offer the preferred chain" in done.err and "Nobody's Root" in done.err, done
    assert common_name(last(lab).issuer) == common_name(root(lab, 0).subject)
    lab.assert_served()


def test_a_ca_that_offers_one_chain_only(lab):
    done = lab.issued("--preferred-chain", "Nobody's Root")
    assert "does not offer the preferred chain" in done.err, done


def test_a_wish_that_can_be_none(lab):
    for wish in ("   ", "two\nlines", "x" * 300):
        assert lab.issue("--preferred-chain", wish).status == 2
    assert lab.ca.orders() == 0
