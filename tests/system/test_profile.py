"""Profiles, and what becomes of the key at a renewal."""
import datetime

import pytest

from lab import BARE, Pebble

pytestmark = pytest.mark.skipif(not Pebble.modern(), reason="this Pebble has no profiles")

PROFILES = {"long": {"description": "ninety days", "validityPeriod": 90 * 86400},
            "short": {"description": "six days", "validityPeriod": 6 * 86400}}
two_profiles = pytest.mark.lab(profiles=PROFILES)


def lifetime_days(lab):
    status = lab.status()
    start, end = (datetime.datetime.fromisoformat(status[name].replace("Z", "+00:00")) for name in ("not_before", "not_after"))
    return round((end - start).total_seconds() / 86400)


def key(lab):
    return (lab.live() / "privkey.pem").read_text()


@two_profiles
def test_the_profile_that_is_asked_for(lab):
    lab.issued("--profile", "short")
    assert lifetime_days(lab) == 6
    assert lab.status()["profile"] == "short"


@two_profiles
def test_another_profile_makes_it_due(lab):
    lab.issued("--profile", "short")
    done = lab.issued("--profile", "long", "--json")
    assert done.json()["certificates"][0]["reason"] == "profile"
    assert lifetime_days(lab) == 90
    again = lab.issued("--profile", "long", "--json")
    assert again.json()["certificates"][0]["result"] == "not-due"


@two_profiles
def test_preferred_and_not_offered(lab):
    done = lab.issued("--profile", "tiny")
    assert "tiny" in done.err and "long" in done.err and "short" in done.err
    lab.assert_served()
    # It was asked for, and is not asked for again each day.
    again = lab.issued("--profile", "tiny", "--json")
    assert again.json()["certificates"][0]["result"] == "not-due"


@two_profiles
def test_required_and_not_offered(lab):
    done = lab.issue("--profile", "tiny", "--require-profile")
    assert done.status == 1, done
    assert "long" in done.err and "short" in done.err
    assert lab.ca.orders() == 0, "no order is spent on it"


def test_the_key_is_kept_when_asked_for(lab):
    lab.issued("--reuse-key")
    first = key(lab)
    lab.issued("--reuse-key", "--force")
    assert key(lab) == first
    lab.assert_served()
    # Another kind of key is another key; and without the directive each has its own.
    lab.issued("--reuse-key", "--key", "ecdsa-p384")
    second = key(lab)
    assert second != first
    (lab.path / "conf.d" / f"{BARE}.conf").write_text(
        (lab.path / "conf.d" / f"{BARE}.conf").read_text().replace("reuse-key = true", "reuse-key = false"))
    lab.issued("--force", "--key", "ecdsa-p384")
    assert key(lab) != second
