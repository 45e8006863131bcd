"""certd revoke: by the account's key, by the certificate's key; what is revoked is due at once."""
import json

from lab import BARE


def revocation(lab, serial):
    """What the CA says of that certificate: (status, reason), by its management interface."""
    answer = json.loads(lab.ca.management_get(f"cert-status-by-serial/{serial:x}"))
    return answer["Status"], answer.get("Reason")


def test_it_is_revoked_and_due_at_once(lab):
    lab.issued()
    first = lab.leaf().serial_number
    assert lab.certd("renew").status == 0
    assert lab.leaf().serial_number == first
    done = lab.certd("revoke", "--reason", "superseded", BARE)
    assert done.status == 0, done
    assert "is revoked" in done.out and f"certd renew {BARE}" in done.out
    assert revocation(lab, first) == ("Revoked", 4)
    status = lab.status()
    assert (status["state"], status["renew_reason"]) == ("due", "revoked")
    # What is there goes on being served until another one is there.
    lab.assert_served()
    done = lab.certd("renew")
    assert done.status == 0, done
    assert lab.leaf().serial_number != first
    lab.assert_served()
    assert lab.status()["state"] == "valid"
    # And nothing more of it.
    orders = lab.ca.orders()
    assert lab.certd("renew").status == 0
    assert lab.ca.orders() == orders
    # Nobody goes back to it.
    done = lab.certd("rollback", BARE)
    assert done.status == 2 and "was revoked" in done.err, done
    lab.assert_served()


def test_twice_is_as_good_as_once(lab):
    lab.issued()
    assert lab.certd("revoke", BARE).status == 0
    done = lab.certd("revoke", BARE)
    assert done.status == 0 and "was already revoked" in done.out, done


def test_a_generation_that_is_not_live(lab):
    lab.issued()
    first = lab.leaf().serial_number
    lab.issued("--force")
    done = lab.certd("revoke", "--generation", "1", BARE)
    assert done.status == 0 and "is due" not in done.out, done
    assert revocation(lab, first)[0] == "Revoked"
    assert revocation(lab, lab.leaf().serial_number)[0] == "Valid"
    assert lab.status()["state"] == "valid"
    done = lab.certd("revoke", "--generation", "7", BARE)
    assert done.status == 2 and "generation 7" in done.err, done


def test_a_compromised_key_signs_itself(lab):
    lab.issued()
    done = lab.certd("revoke", "--reason", "keycompromise", BARE)
    assert done.status == 0 and "by the certificate's key" in done.err, done
    assert revocation(lab, lab.leaf().serial_number) == ("Revoked", 1)


def test_without_the_account_the_certificates_key_does(lab):
    lab.issued()
    for key in (lab.state / "accounts").rglob("key.pem"):
        key.write_text("")
    done = lab.certd("revoke", BARE)
    assert done.status == 0 and "the account cannot be used" in done.err, done
    assert revocation(lab, lab.leaf().serial_number)[0] == "Revoked"
    # The account is as it was: an error, and no new one.
    done = lab.certd("renew")
    assert done.status == 1 and "key.pem is empty" in done.err, done


def test_without_the_certificates_key_the_account_does(lab):
    lab.issued()
    (lab.live() / "privkey.pem").unlink()
    done = lab.certd("revoke", "--reason", "keyCompromise", BARE)
    assert done.status == 0 and "by the account's key" in done.err, done
    assert revocation(lab, lab.leaf().serial_number) == ("Revoked", 1)


def test_wrong_usage_asks_nobody(lab):
    asked = len(lab.ca.requests())
    for arguments in ([], ["--reason", "keyCompromize", BARE], ["--reason"], ["--generation", "0", BARE], [BARE, "x"],
                      ["other.example"], ["--why", BARE], [BARE]):
        done = lab.certd("revoke", *arguments)
        assert done.status == 2, done
    assert "did you mean keyCompromise" in lab.certd("revoke", "--reason", "keyCompromize", BARE).err
    assert len(lab.ca.requests()) == asked


def test_the_ca_that_issued_it_is_asked(make_lab):
    """Also when the configuration names another one by now."""
    lab = make_lab()
    lab.issued()
    serial = lab.leaf().serial_number
    (lab.path / "conf.d" / f"{BARE}.conf").write_text(
        f'certificate "{BARE}" {{ names = {{ "{BARE}" }} ca = "https://{lab.address}:9/dir" }}\n')
    done = lab.certd("revoke", BARE)
    assert done.status == 0, done
    assert revocation(lab, serial)[0] == "Revoked"
