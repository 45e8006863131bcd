"""What a CA said is kept to, by all whom it concerns and in all later runs; and certd stops before a CA that it knows does."""
import json
import os
import re
import signal

import pytest
from lab import BARE, NAMES, WWW, wait_for
from lab.gate import Gate

ORDER = "/order-plz"
PORTAL = "https://portal.example/unpause?jwt=eyJ.a-b_c.d"


def limited(detail, **headers):
    body = json.dumps({"type": "urn:ietf:params:acme:error:rateLimited", "detail": detail})
    return 429, {"Content-Type": "application/problem+json", **headers}, body


@pytest.fixture
def gate(lab):
    gate = Gate(lab, lab.ca).start()
    lab.extra = f'ca "gate" {{ directory = "{gate.url}" certificates-per-names = "2/7d" }}'
    lab.write_conf(ca="gate", ca_bundle=gate.trust)
    yield gate
    gate.stop()


def cas(lab):
    return json.loads(lab.certd("status", "--json").out).get("cas", [])


def test_a_limit_of_the_account(lab, gate):
    lab.issued()
    gate.refusals[ORDER] = limited("too many new orders (300) from this account in the last 3h0m0s",
                                   **{"Retry-After": "7200"})
    done = lab.certd("renew", "--force")
    assert done.status == 3 and "too many new orders" in done.err, done
    asked = len(gate.asked)
    for command in (("renew", "--force"), ("issue", "--dry-run", *NAMES), ("issue", "--no-deploy", WWW)):
        done = lab.certd(*command)
        assert done.status == 3 and re.search(r"not asked for .* before \d{4}-\d\d-\d\dT", done.err), done
    daemon = lab.begin("run")
    wait_for(lambda: lab.certd("reload").status == 0, "the daemon")
    done = lab.certd("renew", "--force", BARE)
    assert done.status == 3 and re.search(r"not asked for .* before \d{4}-\d\d-\d\dT", done.err), done
    os.kill(daemon.pid, signal.SIGTERM)
    assert daemon.wait(15).status == 0
    # All that was asked was what the CA suggests for the renewal of what there is.
    assert [path for path in gate.asked[asked:] if "order" in path or "sign" in path] == []
    assert lab.certd("renew", BARE).status == 0, "what is not due has nothing to wait for"

    hold = cas(lab)[0]["holds"][0]
    assert (hold["scope"], hold["endpoint"], hold["paused"]) == ("account", "newOrder", False), hold
    entry = lab.status(WWW)
    assert entry["held"]["until"] == hold["until"] and entry["held"]["error"]["kind"] == "later", entry
    assert hold["until"] in lab.certd("status").out

    # A fleet that waits for it fills no journal.
    limits = lab.extra
    lab.extra += "".join(f'\ncertificate "c{i}.example" {{ names = {{ "c{i}.example" }} deploy = "none" }}' for i in range(20))
    lab.write_conf()
    done = lab.certd("renew")
    assert done.status == 3 and done.err.count("is not asked for") == 5 and "16 certificates more wait" in done.err, done
    lab.extra = limits
    lab.write_conf()

    # A memory that cannot be read is told, and costs no more than itself.
    memory = next((lab.state / "cas").glob("*.json"))
    memory.write_text("{")
    gate.refusals.clear()
    done = lab.certd("issue", "--no-deploy", WWW)
    assert done.status == 0 and "moved aside" in done.err, done
    assert memory.exists() and memory.with_name(memory.name + ".damaged").read_text() == "{"
    assert cas(lab) == []


def test_a_pause_and_a_limit_that_is_known(lab, gate):
    gate.refusals[ORDER] = limited(f"Your account is temporarily prevented from requesting certificates for {BARE} and "
                                   f"possibly others. Please visit: {PORTAL}")
    done = lab.issue()
    assert done.status == 1 and PORTAL in done.err, done
    entry = lab.status()
    assert entry["held"]["paused"] and entry["held"]["url"] == PORTAL and PORTAL in entry["held"]["error"]["advice"], entry
    assert PORTAL in lab.certd("status").out
    for _ in range(2):
        done = lab.certd("renew")
        assert done.status == 1 and PORTAL in done.err, done
    assert gate.count(ORDER) == 1
    gate.refusals.clear()
    done = lab.certd("renew", BARE)
    assert done.status == 0, f"somebody lifted it, and says so: {done}"
    assert lab.certd("renew", "--force").status == 0
    done = lab.certd("renew", "--force")
    assert done.status == 3 and "2 certificates for exactly the same names" in done.err and "--force" in done.err, done
    assert gate.count(ORDER) == 3 and lab.status()["state"] == "valid"
    lab.assert_served()


def test_another_time_than_the_ca_has(lab, gate):
    gate.date = "Mon, 17 Nov 2036 12:00:00 GMT"
    done = lab.issue()
    assert done.status == 1 and "clock" in done.err and "2036-11-17" in done.err, done
    assert gate.count(ORDER) == 0
    gate.date = None
    lab.issued()
    # What both agreed upon cannot be undone by a clock that goes back.
    memory = next((lab.state / "cas").glob("*.json"))
    text = memory.read_text()
    assert '"seen_at":"20' in text
    memory.write_text(re.sub(r'"seen_at":"\d{4}', '"seen_at":"2099', text))
    asked = len(gate.asked)
    done = lab.certd("renew", "--force")
    assert done.status == 1 and "clock" in done.err and len(gate.asked) == asked, done
    done = lab.certd("status", "--json")
    assert done.status == 1 and json.loads(done.out)["clock"]["kind"] == "clock", done
