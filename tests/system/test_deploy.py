"""Issued is not served: NGINX that refuses, does not run, or serves something else, and the way back."""
import re

import pytest
from lab import BARE, WWW, pki, wait_for
from lab.processes import group_members

BROKEN = "server { this_is_no_directive on; }\n"


@pytest.fixture
def lab(lab):
    lab.write_conf(deploy_timeout="3s", hook_timeout="5s")
    return lab


def snippet_of(lab):
    return lab.snippets / "certd" / f"{BARE}.conf"


def test_nginx_refuses_its_configuration_at_the_first_issue(lab):
    broken = lab.nginx.prefix / "sites" / "zz-broken.conf"
    broken.write_text(BROKEN)
    done = lab.issue()
    assert done.status == 1, done
    assert "this_is_no_directive" in done.err and str(broken) in done.err, done
    orders, reloads = lab.ca.orders(), lab.nginx.reloads()
    assert pki.pair_matches(lab.live()), "what was paid for is kept"
    broken.unlink()
    assert lab.nginx.test_passes() is True
    done = lab.certd("renew")
    assert done.status == 0, done
    assert lab.ca.orders() == orders, "a deployment that is pending needs no new certificate"
    assert lab.nginx.reloads() > reloads
    lab.assert_served()


def test_nginx_refuses_its_configuration_at_a_renewal(lab):
    lab.issued()
    old, old_files = lab.leaf(), {path.name: path.read_bytes() for path in lab.live().iterdir()}
    broken = lab.nginx.prefix / "sites" / "zz-broken.conf"
    broken.write_text(BROKEN)
    reloads = lab.nginx.reloads()
    done = lab.certd("renew", "--force")
    assert done.status == 1 and "this_is_no_directive" in done.err, done
    assert lab.leaf() == old and lab.served() == old and lab.nginx.reloads() == reloads
    assert {path.name: path.read_bytes() for path in lab.live().iterdir()} == old_files
    entry = lab.status()
    assert entry["last_attempt"]["result"] != "ok" and entry["last_attempt"]["error"]["kind"] == "deploy", entry
    orders = lab.ca.orders()
    broken.unlink()
    done = lab.certd("renew")
    assert done.status == 0, done
    assert lab.ca.orders() == orders and lab.leaf() != old
    lab.assert_served()


@pytest.mark.lab(authz_reuse=100)
def test_nginx_not_running(lab):
    lab.issued()
    old = lab.leaf()
    lab.write_conf(preflight=False)
    lab.nginx.stop()
    (lab.nginx.prefix / "nginx.pid").unlink(missing_ok=True)
    done = lab.certd("renew", "--force")
    assert done.status == 1 and re.search("nginx", done.err, re.IGNORECASE), done
    assert pki.pair_matches(lab.live())
    assert not lab.nginx.running(), "certd starts no NGINX"
    orders = lab.ca.orders()
    lab.nginx.start()
    done = lab.certd("renew")
    assert done.status == 0, done
    assert lab.ca.orders() == orders and lab.leaf() != old
    lab.assert_served()


def test_another_certificate_is_served(lab):
    """The reload works, and the site shows some other file: found by asking, not by believing."""
    _, certificate, key = pki.write_server_certificate(lab.path, "other", [BARE, WWW])
    site = lab.nginx.prefix / "sites" / f"{BARE}.conf"
    wrong = site.read_text().replace(f"include {snippet_of(lab)};",
                                     f"ssl_certificate {certificate}; ssl_certificate_key {key};")
    right = site.read_text()
    assert wrong != right
    site.write_text(wrong)
    lab.nginx.reload()
    done = lab.issue()
    assert done.status == 1, done
    shown = pki.certificates_of(certificate)[0]
    assert BARE in done.err and f"{lab.address}" in done.err and "serve" in done.err, done
    assert f"{shown.serial_number:x}" in done.err.lower().replace(":", ""), f"the serial that was seen is named: {done}"
    orders = lab.ca.orders()
    site.write_text(right)
    done = lab.certd("renew")
    assert done.status == 0 and lab.ca.orders() == orders, done
    lab.assert_served()


def test_reload_that_nobody_heard(lab):
    """The deploy hook says 0 and NGINX keeps the old certificate."""
    lab.issued()
    old = lab.leaf()
    lab.nginx_hook = "/bin/true"
    lab.write_conf()
    done = lab.certd("renew", "--force")
    assert done.status == 1, done
    assert lab.leaf() == old and lab.served() == old
    lab.nginx_hook = None
    lab.write_conf()
    assert lab.certd("renew").status == 0
    lab.assert_served()


def test_one_name_of_two_is_served_by_another_server_block(lab):
    _, certificate, key = pki.write_server_certificate(lab.path, "other", [WWW])
    (lab.nginx.prefix / "sites" / "00-www.conf").write_text(
        f"server {{ listen {lab.address}:{lab.nginx.https_port} ssl; server_name {WWW};\n"
        f"ssl_certificate {certificate}; ssl_certificate_key {key}; }}\n")
    lab.nginx.reload()
    done = lab.issue()
    assert done.status == 1 and WWW in done.err, done


def test_failing_deploy_hook_undoes_the_deployment(lab):
    lab.issued()
    old = lab.leaf()
    hook = lab.hook("deploy", "#!/bin/sh\necho the postmaster is out >&2\nexit 3\n")
    done = lab.certd("renew", "--force")
    assert done.status == 1, done
    assert str(hook) in done.err and "3" in done.err and "the postmaster is out" in done.err, done
    assert lab.leaf() == old and pki.pair_matches(lab.live())
    wait_for(lambda: lab.served() == old, "the old certificate to be served again: a reload takes its time")
    orders = lab.ca.orders()
    hook.unlink()
    assert lab.certd("renew").status == 0
    assert lab.ca.orders() == orders
    lab.assert_served()


def test_hanging_deploy_hook_ends_at_its_time(lab):
    lab.issued()
    old = lab.leaf()
    pids = lab.path / "pids"
    lab.hook("deploy", "#!/bin/sh\ntrap '' TERM\n"
                       f"echo $$ > {pids}\nsleep 1000 &\necho $! >> {pids}\nwait; sleep 1000\n")
    lab.write_conf(hook_timeout="2s")
    done = lab.certd("renew", "--force", timeout_s=60)
    assert done.status == 1 and re.search("2 s|time", done.err), done
    alive = [pid for pid in map(int, pids.read_text().split()) if group_members_of(pid)]
    assert not alive, "TERM, then KILL, to all of its group"
    assert lab.leaf() == old
    wait_for(lambda: lab.served() == old, "the old certificate to be served again")


def group_members_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return bool(group_members(pid))


def test_hook_that_never_stops_talking(lab):
    lab.hook("deploy", "#!/bin/sh\nhead -c 100000000 /dev/zero | tr '\\0' 'x'\nexit 0\n")
    done = lab.issue()
    assert done.status == 0, done.status
    assert len(done.out) + len(done.err) < 1 << 20


def test_failing_post_renew_hook_costs_no_certificate(lab):
    marker = lab.path / "tried"
    hook = lab.hook("post-renew", f"#!/bin/sh\necho x >> {marker}\nexit 1\n")
    done = lab.issue()
    assert str(hook) in done.err, done
    lab.assert_served()
    orders, leaf = lab.ca.orders(), lab.leaf()
    hook.write_text(f"#!/bin/sh\necho ok >> {marker}\n")
    lab.certd("renew")
    assert marker.read_text().split()[-1] == "ok", "tried again"
    assert lab.ca.orders() == orders and lab.leaf() == leaf
    tries = marker.read_text()
    lab.certd("renew")
    assert marker.read_text() == tries, "and once it went well, not again"


def test_unsafe_hook_is_refused(lab, root_only):
    marker = lab.path / "ran"
    hook = lab.hook("deploy", f"#!/bin/sh\ntouch {marker}\n", mode=0o777)
    done = lab.issue()
    assert not marker.exists() and str(hook) in done.err, done


def test_failure_hook_runs_with_the_reason(lab):
    seen = lab.path / "seen"
    lab.hook("failure", f'#!/bin/sh\nprintf "%s|%s|%s\\n" "$1" "$CERTD_NAMES" "$CERTD_ERROR" >> {seen}\n')
    lab.write_conf(preflight=False)
    lab.dns.post("add-a", host=WWW, addresses=["127.0.0.99"])
    assert lab.issue().status == 1
    lines = seen.read_text().splitlines()
    assert len(lines) == 1, lines
    event, names, error = lines[0].split("|", 2)
    assert event == "failure" and names == f"{BARE} {WWW}" and WWW in error


def test_rollback(lab):
    lab.issued()
    first = lab.leaf()
    assert lab.certd("renew", "--force").status == 0
    second = lab.leaf()
    done = lab.certd("rollback", BARE)
    assert done.status == 0, done
    assert lab.leaf() == first != second
    lab.assert_served()


def test_rollback_without_a_previous_generation(lab):
    lab.issued()
    leaf = lab.leaf()
    done = lab.certd("rollback", BARE)
    assert done.status in (1, 2) and BARE in done.err, done
    assert lab.leaf() == leaf
    lab.assert_served()


def test_rollback_that_fails_leaves_what_waits_for_deployment(lab):
    lab.issued()
    first = lab.leaf()
    hook = lab.hook("deploy", "#!/bin/sh\necho one\necho the last line >&2\nexit 3\n")
    done = lab.certd("renew", "--force")
    assert done.status == 1 and lab.leaf() == first, done
    for message in (done.err, lab.status()["last_attempt"]["error"]["message"], lab.certd("status").out):
        assert str(hook) in message and "status 3" in message and "the last line" in message, message
    assert lab.certd("rollback", BARE).status == 2  # there is none before the first
    hook.unlink()
    done = lab.certd("renew")
    assert done.status == 0 and lab.leaf() != first, done
    assert lab.status()["generation"] == 2, "deployed, not issued again"
    # One that was tried and undone: the same.
    hook = lab.hook("deploy", "#!/bin/sh\nexit 1\n")
    second = lab.leaf()
    assert lab.certd("renew", "--force").status == 1
    assert lab.certd("rollback", BARE).status == 1
    assert lab.leaf() == second
    wait_for(lambda: lab.served() == second, "NGINX to be back at the second")
    hook.unlink()
    assert lab.certd("renew").status == 0
    assert lab.status()["generation"] == 3
    lab.assert_served()


def test_rollback_to_what_cannot_be_used(lab):
    lab.issued()
    lab.certd("renew", "--force")
    second = lab.leaf()
    (lab.state / "certificates" / BARE / "1" / "fullchain.pem").write_text("")
    done = lab.certd("rollback", BARE)
    assert done.status == 1 and "generation 1 cannot be used: " in done.err and "empty" in done.err, done
    assert lab.leaf() == second
    assert lab.status()["state"] == "valid"
    lab.assert_served()


def test_snippet_printed_is_the_snippet_written(lab):
    placeholder = snippet_of(lab).read_text()
    assert "ssl_reject_handshake" in placeholder
    lab.issued()
    done = lab.certd("snippet", BARE)
    assert done.status == 0 and done.out == snippet_of(lab).read_text() != placeholder, done
    assert f"ssl_certificate_key {lab.live()}/privkey.pem;" in re.sub(r" +", " ", done.out).replace('"', "")
    for protocol in ("TLSv1 ", "TLSv1;", "TLSv1.1", "SSLv3"):
        assert protocol not in done.out
    lab.nginx.stop()
    lab.nginx.start()  # the site starts from the disk with it
    lab.assert_served()


def test_snippet_survives_a_foreign_hand(lab):
    """The SSL snippet is generated: what somebody broke in it is mended by the next deployment."""
    lab.issued()
    snippet_of(lab).write_text("garbage\n")
    done = lab.certd("renew", "--force")
    assert done.status == 0, done
    lab.assert_served()
