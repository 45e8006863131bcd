"""Told to stop: by Ctrl-C, by a service manager, by a terminal that closes. Soon, with nothing left behind, and the next run goes on."""
import os
import signal

import pytest
from lab import BARE, NAMES, wait_for
from lab.fakes import FakeServer


def interrupt(running, *signals, within_s=10):
    for number in signals:
        os.kill(running.pid, number)
    return running.wait(within_s)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_while_the_ca_is_silent(lab, number):
    lab.issued()
    before = lab.leaf(), lab.status()
    silent = FakeServer("tls-silent", lab).start()
    running = lab.begin("issue", "--ca", silent.url, "--ca-bundle", silent.trust, *NAMES)
    wait_for(lambda: silent.connections > 0, "certd to ask its CA")
    done = interrupt(running, number, number)
    assert done.status == 1 and signal.Signals(number).name in done.err, done
    assert lab.tokens() == [] and lab.stray() == []
    assert (lab.leaf(), lab.status()) == before, "an interruption counts as no failure"
    lab.assert_served()
    silent.stop()


def test_first_issue_that_is_interrupted_is_not_remembered(lab):
    silent = FakeServer("tls-silent", lab).start()
    running = lab.begin("issue", "--ca", silent.url, "--ca-bundle", silent.trust, *NAMES)
    wait_for(lambda: silent.connections > 0, "certd to ask its CA")
    assert (lab.path / "conf.d" / f"{BARE}.conf").exists(), "a kill would leave a certificate that nothing renews"
    interrupt(running, signal.SIGINT)
    assert not (lab.path / "conf.d" / f"{BARE}.conf").exists()
    silent.stop()
    lab.issued()
    lab.assert_served()


def test_first_issue_that_is_killed_is_ended_by_renew(lab):
    lab.hook("deploy", f"#!/bin/sh\ntouch {lab.state}/begun; sleep 60\n")
    running = lab.begin("issue", *NAMES)
    wait_for((lab.state / "begun").exists, "the deploy hook")
    running.kill()
    lab.hook("deploy", "#!/bin/sh\nexit 0\n")
    done = lab.certd("renew")
    assert done.status == 0, done
    lab.assert_served()
    assert lab.status()["generation"] == 1


def test_while_a_hook_hangs(lab):
    lab.issued()
    before = lab.leaf()
    lab.hook("deploy", f"#!/bin/sh\ntrap '' TERM\ntouch {lab.state}/begun\nsleep 60; sleep 60\n")
    failures = lab.state / "failures"
    lab.hook("failure", f"#!/bin/sh\necho >>{failures}\n")
    running = lab.begin("renew", "--force")
    wait_for((lab.state / "begun").exists, "the deploy hook")
    done = interrupt(running, signal.SIGINT, within_s=14)
    assert done.status == 1 and "SIGINT" in done.err, done
    assert lab.leaf() == before and not failures.exists()
    lab.assert_served()
    lab.hook("deploy", "#!/bin/sh\nexit 0\n")
    done = lab.certd("renew")
    assert done.status == 0 and lab.leaf() != before, done
    lab.assert_served()
    assert lab.status()["generation"] == 2, "deployed, not issued again"


def test_between_two_certificates(lab):
    for name in (BARE, "one.togetherers.com", "two.togetherers.com"):
        lab.issued("--no-deploy", names=(name,))
    lab.hook("deploy", f"#!/bin/sh\ntouch {lab.state}/begun; sleep 1\n")
    lab.write_conf(deploy="none")
    running = lab.begin("renew", "--force", "--json")
    wait_for((lab.state / "begun").exists, "the deploy hook")
    done = interrupt(running, signal.SIGTERM)
    assert done.status == 1 and "of 3 certificates" in done.err, done
    results = {entry["name"]: entry["result"] for entry in done.json()["certificates"]}
    assert sorted(results.values()) == ["failed", "failed", "issued"], results
    orders = lab.ca.orders()
    done = lab.certd("renew", "--json")
    after = {entry["name"]: entry["result"] for entry in done.json()["certificates"]}
    assert after == {name: "not-due" if result == "issued" else "deployed" for name, result in results.items()}, after
    assert done.status == 0 and lab.ca.orders() == orders, "what waits for its deployment is not ordered again"
