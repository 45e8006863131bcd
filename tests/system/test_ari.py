"""The windows that a CA suggests for renewals (RFC 9773), against Pebble and its management interface."""
import datetime
import json

import pytest

from lab import Pebble

pytestmark = pytest.mark.skipif(not Pebble.modern(), reason="this Pebble has no renewal information")


def text(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def days(count):
    return datetime.timedelta(days=count)


def moment(value):
    return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))


def window(start, end, **more):
    return json.dumps({"suggestedWindow": {"start": text(start), "end": text(end)}, **more})


def leaf_pem(lab):
    return (lab.live() / "cert.pem").read_text()


def forget_check(lab):
    """The time of the next question comes."""
    path = lab.state / "certificates" / "togetherers.com" / "state.json"
    state = json.loads(path.read_text())
    state["ari"]["next_check_at"] = "2020-01-01T00:00:00Z"
    path.write_text(json.dumps(state))


def test_asked_once_after_the_issue(lab):
    lab.issued()
    status = lab.status()
    assert status["renew_reason"] == "ari"
    assert moment(status["suggested"]["start"]) <= moment(status["renew_at"]) < moment(status["suggested"]["end"])
    asked = lab.ca.renewal_questions()
    assert asked == 1
    # Not again before the CA wants it (Retry-After: six hours), and the chosen instant stays.
    for _ in range(2):
        done = lab.certd("renew")
        assert done.status == 0, done
        assert lab.ca.renewal_questions() == 1
    assert lab.status()["renew_at"] == status["renew_at"]
    before = len(lab.ca.requests())
    lab.certd("renew")
    assert len(lab.ca.requests()) == before, "a run with nothing due asks nobody"


def test_the_same_window_keeps_the_instant(lab):
    lab.issued()
    first = lab.status()
    forget_check(lab)
    assert lab.certd("renew").status == 0
    second = lab.status()
    assert lab.ca.renewal_questions() == 2
    assert second["renew_at"] == first["renew_at"]


def test_moved_to_the_past_renews_and_explains(lab):
    lab.issued()
    old = lab.leaf()
    lab.ca.suggest(leaf_pem(lab), window(now() - days(2), now() - days(1), explanationURL="https://ca.example/incident"))
    forget_check(lab)
    done = lab.certd("renew", "--json")
    assert done.status == 0, done
    assert done.json()["certificates"][0]["result"] == "issued", done
    assert done.json()["certificates"][0]["reason"] == "ari"
    assert "https://ca.example/incident" in done.err
    assert lab.leaf() != old
    lab.assert_served()
    # One renewal of one certificate: nothing more is due.
    again = lab.certd("renew", "--json")
    assert again.json()["certificates"][0]["result"] == "not-due", again
    assert lab.ca.orders() == 2


def test_each_window_in_the_past_is_no_storm(lab):
    lab.issued()
    for _ in range(4):
        lab.ca.suggest(leaf_pem(lab), window(now() - days(2), now() - days(1)))
        forget_check(lab)
        assert lab.certd("renew").status == 0
    assert lab.ca.orders() == 2, "one order a day at most because of windows"


@pytest.mark.parametrize("answer", [
    "", "no JSON", "[]", "{}", '{"suggestedWindow": 5}',
    '{"suggestedWindow": {"start": "2030-01-02T00:00:00Z", "end": "2030-01-01T00:00:00Z"}}',
    '{"suggestedWindow": {"start": "0000-01-01T00:00:00Z", "end": "9999-12-31T23:59:59Z"}}',
    '{"suggestedWindow": {"start": 1, "end": 2}}',
    '{"suggestedWindow": {"start": "9998-01-01T00:00:00Z", "end": "9999-01-01T00:00:00Z"}}',
    '{"suggestedWindow": {"start": "soon", "end": "later"}, "explanationURL": 7}',
])
def test_nonsense_changes_nothing(lab, answer):
    lab.issued()
    before = lab.status()
    lab.ca.suggest(leaf_pem(lab), answer)
    forget_check(lab)
    done = lab.certd("renew")
    assert done.status == 0, done
    after = lab.status()
    assert after["renew_at"] == before["renew_at"] and after["state"] == "valid"
    assert lab.ca.renewal_questions() == 2
    # Asked again after six hours, not at once.
    assert lab.certd("renew").status == 0
    assert lab.ca.renewal_questions() == 2


def test_a_terminal_is_not_written_on(lab):
    lab.issued()
    lab.ca.suggest(leaf_pem(lab), window(now() + days(2), now() + days(3), explanationURL="https://a.example/\x1b[31m\u202e"))
    forget_check(lab)
    done = lab.certd("renew")
    assert "\x1b" not in done.err and "\u202e" not in done.err
    shown = lab.certd("status")
    assert "\x1b" not in shown.out and "https://a.example/?[31m" in shown.out


def test_safety_point(lab):
    lab.issued()
    status = lab.status()
    end = moment(status["not_after"])
    lab.ca.suggest(leaf_pem(lab), window(end - days(2), end - days(1)))
    forget_check(lab)
    assert lab.certd("renew").status == 0
    after = lab.status()
    assert moment(after["suggested"]["start"]) == (end - days(2)).replace(microsecond=0)
    assert moment(after["renew_at"]) <= end - days(14)


def test_the_successor_names_what_it_replaces(lab):
    lab.issued()
    lab.issued("--force")
    assert lab.ca.orders() == 2
    # Put back, it has a successor already: an order that names it is refused (alreadyReplaced), and made without.
    assert lab.certd("rollback", "togetherers.com").status == 0
    done = lab.issued("--force")
    assert lab.ca.orders() == 4, done
    lab.assert_served()


def test_no_question_without_a_ca_that_answers(lab):
    lab.issued()
    forget_check(lab)
    lab.ca.stop()
    before = lab.status()
    done = lab.certd("renew")
    assert done.status == 0, done
    assert lab.status()["renew_at"] == before["renew_at"]


def test_a_dry_run_names_no_predecessor(lab):
    lab.issued()
    assert lab.certd("issue", "--dry-run", "togetherers.com", "www.togetherers.com").status == 0
    lab.issued("--force")
    assert lab.ca.orders() == 3, "the dry run's order would have counted as the replacement"
