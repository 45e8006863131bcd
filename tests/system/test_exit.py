"""Exit status and the line that a person reads."""
import os
import re
import signal
import subprocess

import pytest
from lab import BARE, NAMES, WWW, Knot, wait_for
from lab.fakes import FakeServer


def test_no_command_and_wrong_command(lab):
    for arguments in ((), ("isue", BARE), ("issue",), ("issue", "--frobnicate", BARE), ("status", "unknown.example")):
        done = lab.certd(*arguments)
        assert done.status == 2, done
        assert done.err.strip() and done.out == "", done
    assert lab.ca.requests() == []
    for arguments in (("issue", "-dry-run", BARE), ("issue", "--json", "-dry-run"), ("status", "-jx"), ("renew", "-x")):
        done = lab.certd(*arguments)
        assert done.status == 2 and f"there is no option {[a for a in arguments if re.match('-[^-]', a)][0]}\n" in done.err, done


@pytest.mark.parametrize("command", ["issue", "renew", "status", "snippet", "rollback", "check-config"])
def test_every_command_has_help(lab, command):
    done = lab.certd(command, "--help")
    assert done.status == 0 and command in done.out, done
    assert max(map(len, done.out.splitlines())) <= 110


def test_help_and_version(lab):
    assert "issue" in lab.certd("--help").out
    done = lab.certd("--version")
    assert done.status == 0 and re.search(r"\d+\.\d+", done.out), done


def test_lock_held_names_the_holder(lab):
    silent = FakeServer("tls-silent", lab).start()
    holder = lab.begin("issue", "--ca", silent.url, "--ca-bundle", silent.trust, *NAMES)
    wait_for(lambda: silent.connections > 0, "the first certd to ask its CA")
    done = lab.issue()
    assert done.status == 4 and str(holder.pid) in done.err, done
    # status needs no lock
    assert lab.certd("status").status in (0, 1)
    holder.kill()
    # The kernel freed the lock; and what was killed is remembered, its CA too.
    assert lab.issue("--ca", lab.ca.url, "--ca-bundle", lab.ca.trust).status == 0
    silent.stop()


def test_two_containers_share_a_state(lab):
    """Each has a runtime directory of its own, so a lock there keeps nobody out."""
    silent = FakeServer("tls-silent", lab).start()
    holder = lab.begin("issue", "--ca", silent.url, "--ca-bundle", silent.trust, *NAMES)
    wait_for(lambda: silent.connections > 0, "the first certd to ask its CA")
    lab.write_conf(runtime_dir=lab.path / "run2")
    done = lab.certd("renew")
    assert done.status == 4 and str(holder.pid) in done.err, done
    holder.kill()
    silent.stop()


def test_terminated_ends_soon_and_cleans_up(lab):
    silent = FakeServer("tls-silent", lab).start()
    running = lab.begin("issue", "--ca", silent.url, "--ca-bundle", silent.trust, *NAMES)
    wait_for(lambda: silent.connections > 0, "certd to ask its CA")
    os.kill(running.pid, signal.SIGTERM)
    done = running.wait(10)
    assert done.status != 0
    assert lab.tokens() == [] and lab.stray() == []
    silent.stop()


def test_ca_down(lab):
    lab.issued()
    before = lab.leaf()
    lab.ca.stop()
    done = lab.certd("renew", "--force", timeout_s=150)
    assert done.status in (1, 3), done
    assert lab.ca.address in done.err and "directive ca" in done.err, done
    assert lab.leaf() == before
    lab.assert_served()
    entry = lab.status()
    assert entry["last_attempt"]["result"] == "failed" and entry["last_attempt"]["error"]["message"], entry
    assert entry["last_attempt"]["next_at"], entry


def test_ca_says_come_back_later(lab):
    busy = FakeServer("busy", lab).start()
    done = lab.certd("issue", "--ca", busy.url, "--ca-bundle", busy.trust, *NAMES)
    assert done.status == 3, done
    assert re.search(r"\d{4}-\d{2}-\d{2}", done.err), f"the time stands in the message: {done}"
    asked = busy.connections
    done = lab.certd("issue", "--ca", busy.url, "--ca-bundle", busy.trust, *NAMES)
    assert done.status == 3 and busy.connections == asked, f"asked again before its time: {done}"
    busy.stop()


@pytest.mark.skipif(not Knot.available(), reason="needs knot")
def test_bare_name_without_address(make_lab):
    """The usual mistake: www has an A record, the bare name none."""
    lab = make_lab(dns=lambda path, address: Knot(path, address, [f"{WWW}. A {address}"]))
    done = lab.issue()
    assert done.status == 1, done
    line = [line for line in done.err.splitlines() if re.search(rf"(?<!www\.){re.escape(BARE)}", line)]
    assert line and re.search(r"address|\bA\b|resolve", " ".join(line)), done
    assert not [line for line in done.err.splitlines() if WWW in line and "preflight" in line], done
    assert not lab.live().exists() and lab.tokens() == []


@pytest.mark.skipif(not Knot.available(), reason="needs knot")
def test_name_that_does_not_exist(make_lab):
    lab = make_lab(dns=lambda path, address: Knot(path, address, [f"{BARE}. A {address}"]))
    done = lab.certd("issue", BARE, "nothing-here.example")
    assert done.status == 1 and "nothing-here.example" in done.err, done
    assert re.search(r"NXDOMAIN|not exist|no such", done.err), done
    assert f"preflight: {BARE}" not in done.err, done


def test_name_server_that_fails(lab):
    lab.dns.post("set-servfail", host=WWW)
    done = lab.issue()
    assert done.status in (1, 3) and WWW in done.err, done
    lab.dns.post("clear-servfail", host=WWW)
    lab.issued("--force")


def test_name_points_elsewhere(lab):
    """The CA's own words reach the reader: which name, and what it saw."""
    lab.write_conf(preflight=False)
    lab.dns.post("add-a", host=WWW, addresses=["127.0.0.99"])
    done = lab.issue()
    assert done.status == 1 and WWW in done.err, done
    assert re.search(r"refused|connect", done.err, re.IGNORECASE), done
    assert not lab.live().exists() and lab.tokens() == []


@pytest.mark.parametrize("name", [
    "two..dots.example", "-leading.example", "trailing-.example", "under_score.example", "a" * 64 + ".example",
    ".".join(["a" * 60] * 5), "xn--a.example", "a b.example", ";rm -rf x.example", "$(id).example", "`id`.example",
    "x\ny.example", "../../etc/passwd", "/etc/passwd", "*", "*.*.example", "a.*.example", "", "."])
def test_wrong_names_are_refused_before_anybody_is_asked(lab, name):
    before = lab.files(".")
    done = lab.certd("issue", "--", name)
    assert done.status == 2, done
    assert lab.ca.requests() == []
    grown = [path for path in lab.files(".") if path not in before]
    assert not [path for path in grown if path.endswith(".conf")], grown


def test_wildcard_needs_a_dns_challenge(lab):
    done = lab.certd("issue", f"*.{BARE}")
    assert done.status == 2 and f"*.{BARE}" in done.err and "http-01" in done.err, done
    assert lab.ca.requests() == []


def test_names_are_brought_into_one_form(lab):
    lab.issued(names=("Togetherers.COM.", "www.togetherers.com"))
    assert lab.live(BARE).is_dir()
    lab.assert_served()


def test_a_name_twice_is_a_mistake(lab):
    done = lab.certd("issue", BARE, WWW, "TOGETHERERS.com")
    assert done.status == 2 and BARE in done.err and "twice" in done.err, done
    assert lab.ca.requests() == []


def test_international_name(lab):
    done = lab.certd("issue", "--no-deploy", "bücher.example")
    if done.status == 2:
        assert "xn--bcher-kva.example" in done.err or "bücher" in done.err, done
    else:
        assert done.status == 0 and lab.live("xn--bcher-kva.example").is_dir(), done


def test_name_that_the_ca_refuses(lab):
    done = lab.certd("issue", "--no-deploy", "shop.blocked-domain.example")
    assert done.status == 1, done
    assert "shop.blocked-domain.example" in done.err, done


def test_terms_not_agreed(lab):
    lab.write_conf(agree_tos=None)
    done = lab.issue()
    assert done.status in (1, 2) and "agree-tos" in done.err, done
    assert lab.ca.orders() == 0
    lab.issued("--agree-tos", "--force")


EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W" + "A" * 32  # 72 octets: HS512 wants 64 at least


@pytest.mark.lab(eab={"kid-1": EAB_KEY})
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_external_account_binding(lab, algorithm):
    done = lab.issue()
    assert done.status in (1, 2) and "eab" in done.err, done
    secret = lab.path / "eab"
    secret.write_text(EAB_KEY + "\n")
    secret.chmod(0o600)
    options = ("--eab-kid", "kid-1", "--eab-hmac-file", secret, "--eab-algorithm", algorithm)
    done = lab.certd("-v", "-v", "issue", "--force", *options, *NAMES)
    assert done.status == 0, done
    lab.assert_served()
    # Nothing secret is said at any level.
    keys = [path.read_text().splitlines()[1:-1] for path in lab.state.rglob("*.pem") if "PRIVATE KEY" in path.read_text()]
    assert len(keys) >= 2
    for word in (EAB_KEY, "signature", "PRIVATE", *(line for key in keys for line in key)):
        assert word not in done.out + done.err, word


def test_quiet_says_nothing_when_nothing_is_wrong(lab):
    """cron sends mail for every line."""
    for arguments in (("renew",), ("issue", *NAMES), ("renew",), ("renew", "--force")):
        done = lab.certd("-q", *arguments)
        assert (done.status, done.out, done.err) == (0, "", ""), done
    lab.assert_served()


def shell(lab, redirections, *arguments):
    """What a shell makes of certd with its descriptors changed: the status and what came on stderr, where it was left open."""
    command = f'exec "$@" {redirections}'
    done = subprocess.run(["/bin/sh", "-c", command, "sh", *lab.argv(*arguments)], capture_output=True, text=True, timeout=90)
    return done.returncode, done.stderr


def test_output_that_does_not_arrive_is_an_error(lab):
    lab.issued()
    for arguments in (("status",), ("status", "--json"), ("renew",), ("--help",), ("snippet", BARE), ("check-config",)):
        for redirection in (">/dev/full", ">&-"):
            status, err = shell(lab, redirection, *arguments)
            assert status == 1 and "writ" in err, (arguments, redirection, status, err)


def test_started_without_descriptors(lab):
    """Files that are opened must not get the numbers of standard input, output and error."""
    status, _ = shell(lab, "<&- >&- 2>&-", "issue", *NAMES)
    assert status in (0, 1)
    lab.assert_served()
    lab.hook("deploy", f"#!/bin/sh\nls -l /proc/self/fd | grep -c {lab.path} >{lab.path}/count\nexit 0\n")
    assert shell(lab, "<&-", "renew", "--force")[0] == 0
    assert (lab.path / "count").read_text().strip() == "0"
    lab.assert_served()


def test_wrong_command_line_names_no_file(lab):
    done = lab.certd("issue", f"*.{BARE}")
    assert done.status == 2 and "conf.d" not in done.err and "wildcard" in done.err, done
    done = lab.certd("-c")
    assert done.status == 2
