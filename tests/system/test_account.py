"""certd account: what there is, and changing one at its CA and here."""
import base64
import shutil

import pytest
from lab import BARE

EMAIL = "admin@togetherers.com"


def folder(lab):
    """The directory of the only account."""
    found = [path.parent for path in (lab.state / "accounts").glob("*/*/key.pem") if ".deactivated" not in path.parent.name]
    assert len(found) == 1, found
    return found[0]


def shown(lab, *options):
    done = lab.certd("account", "show", "--json", *options)
    assert done.status == 0, done
    return done.json()["accounts"]


def asked(lab, path):
    return sum(1 for _, where in lab.ca.requests() if where.startswith(path))


def test_show(lab):
    assert shown(lab) == []
    lab.issued()
    one, = shown(lab)
    assert one["directory"] == lab.ca.url and one["email"] == EMAIL and one["status"] == "valid"
    assert one["url"].startswith(f"https://{lab.address}") and one["key"] == "ecdsa-p256"
    assert one["path"] == str(folder(lab)) and one["error"] is None
    assert len(base64.urlsafe_b64decode(one["thumbprint"] + "=")) == 32
    done = lab.certd("account", "show")
    assert done.status == 0 and one["url"] in done.out and "valid" in done.out, done
    assert shown(lab, "--email", "other@togetherers.com") == []
    assert shown(lab, "--ca", lab.ca.url) == [one]


def test_show_goes_on_where_one_cannot_be_shown(lab):
    lab.issued()
    (folder(lab) / "key.pem").write_text("no key")
    done = lab.certd("account", "show", "--json")
    assert done.status == 1, done
    one, = done.json()["accounts"]
    assert "key.pem" in one["error"]["message"] and one["error"]["advice"] and one["status"] is None


def test_a_url_that_was_lost_is_learned_again(lab):
    lab.issued()
    url = shown(lab)[0]["url"]
    home = folder(lab)
    text = (home / "account.json").read_text().replace(url, "")
    (home / "account.json").write_text(text.replace(',"url":""', ""))
    assert shown(lab)[0]["url"] == url
    # And without an account at the CA, none is made by looking.
    accounts = asked(lab, "/sign-me-up")
    lab.ca.stop()
    lab.ca.start()
    (home / "account.json").write_text(text.replace(',"url":""', ""))
    assert shown(lab)[0]["status"] == "unregistered"
    assert shown(lab)[0]["url"] is None
    done = lab.certd("account", "rollover")
    assert done.status == 2 and "does not know" in done.err, done
    assert asked(lab, "/sign-me-up") >= accounts


def test_update(lab):
    lab.issued()
    before = shown(lab)[0]
    done = lab.certd("account", "update", "--contact", "new@togetherers.com")
    assert done.status == 0 and 'email = "new@togetherers.com"' in done.err, done
    after, = shown(lab)
    assert after["url"] == before["url"] and after["email"] == "new@togetherers.com"
    assert after["contacts"] == ["mailto:new@togetherers.com"]
    # It is the account that this address finds.
    accounts = asked(lab, "/sign-me-up")
    lab.issued("--force", "--email", "new@togetherers.com")
    assert asked(lab, "/sign-me-up") == accounts
    assert len(shown(lab)) == 1
    done = lab.certd("account", "update", "--agree-tos")
    assert done.status == 0, done
    # Two accounts: which one has to be said, and none takes the place of the other.
    lab.issued("--force", "--email", EMAIL)
    assert len(shown(lab)) == 2
    done = lab.certd("account", "update", "--agree-tos")
    assert done.status == 2 and "which one" in done.err, done
    done = lab.certd("account", "update", "--email", EMAIL, "--contact", "new@togetherers.com")
    assert done.status == 2 and "already" in done.err, done


def test_rollover(lab):
    lab.issued()
    before = shown(lab)[0]
    old = (folder(lab) / "key.pem").read_bytes()
    done = lab.certd("account", "rollover")
    assert done.status == 0, done
    after, = shown(lab)
    assert after["url"] == before["url"] and after["thumbprint"] != before["thumbprint"]
    assert (folder(lab) / "key.pem").read_bytes() != old
    assert not (folder(lab) / "next.pem").exists()
    accounts = asked(lab, "/sign-me-up")
    lab.issued("--force")
    lab.assert_served()
    assert asked(lab, "/sign-me-up") == accounts


@pytest.mark.parametrize("verb", [["issue", "--force", BARE, f"www.{BARE}"], ["account", "show"], ["account", "rollover"]])
@pytest.mark.parametrize("done_at_ca", [True, False])
def test_a_rollover_that_was_cut_off(lab, verb, done_at_ca):
    lab.issued()
    home, url = folder(lab), shown(lab)[0]["url"]
    shutil.copytree(home, lab.path / "kept")
    done = lab.certd("account", "rollover")
    assert done.status == 0, done
    new = (home / "key.pem").read_bytes()
    if done_at_ca:  # the CA took it, and the new key did not get its name
        (home / "next.pem").write_bytes(new)
        (home / "key.pem").write_bytes((lab.path / "kept" / "key.pem").read_bytes())
    else:  # the CA never heard of it
        (home / "next.pem").write_bytes((lab.path / "kept" / "key.pem").read_bytes())
    (home / "next.pem").chmod(0o600)
    done = lab.certd(*verb)
    assert done.status == 0, done
    assert "was cut off" in done.err and ("new key" if done_at_ca else "old key") in done.err, done
    assert not (home / "next.pem").exists()
    if verb[-1] != "rollover":
        assert (home / "key.pem").read_bytes() == new
    one, = shown(lab)
    assert one["url"] == url and one["status"] == "valid"


def test_a_rollover_without_the_ca_keeps_both_keys(lab):
    lab.issued()
    home = folder(lab)
    old = (home / "key.pem").read_bytes()
    lab.ca.stop()
    done = lab.certd("account", "rollover")
    assert done.status == 1 and "both keys are in" in done.err, done
    assert (home / "key.pem").read_bytes() == old and (home / "next.pem").exists()


def test_deactivate(lab):
    lab.issued()
    before = shown(lab)[0]
    done = lab.certd("account", "deactivate")
    assert done.status == 2 and "--yes" in done.err, done
    done = lab.certd("account", "deactivate", "--yes")
    assert done.status == 0 and "is deactivated" in done.out and ".deactivated-1" in done.out, done
    assert shown(lab) == []
    # A new one is registered where the terms are agreed to.
    lab.issued("--force")
    after, = shown(lab)
    assert after["url"] != before["url"] and after["thumbprint"] != before["thumbprint"]


def test_an_account_that_was_deactivated_elsewhere_is_an_error(lab):
    """And never a new one."""
    lab.issued()
    home = folder(lab)
    shutil.copytree(home, lab.path / "kept")
    assert lab.certd("account", "deactivate", "--yes").status == 0
    shutil.copytree(lab.path / "kept", home)
    accounts, url = asked(lab, "/sign-me-up"), (home / "account.json").read_text()
    done = lab.issue("--force")
    assert done.status == 1, done
    assert "certd account show" in done.err, done
    assert asked(lab, "/sign-me-up") == accounts
    assert (home / "account.json").read_text() == url
    lab.assert_served()
    # Nor does a change of its key lead into a dead end.
    done = lab.certd("account", "rollover")
    assert done.status == 1 and "deactivated" in done.err, done
    assert not (home / "next.pem").exists()


def test_wrong_usage_asks_nobody(lab):
    lab.issued()
    requests = len(lab.ca.requests())
    for arguments in ([], ["shew"], ["update"], ["show", "--agree-tos"], ["rollover", "--json"], ["show", "rollover"],
                      ["rollover", "--ca", "nobody"], ["rollover", "--email", "x@y.example"], ["show", "--ca"],
                      ["update", "--contact", "two@a.example,b@c.example"], ["update", "--contact", "no address"]):
        done = lab.certd("account", *arguments)
        assert done.status == 2, done
    assert len(lab.ca.requests()) == requests
