"""From http:// to https:// and staying there: issue, renew, and when nothing is to be done."""
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lab import BARE, NAMES, WWW, pki, tls, wait_for


def test_takes_both_names_from_http_to_https(lab):
    assert lab.served() is None  # the placeholder refuses every handshake
    done = lab.issue()
    assert done.status == 0, done
    lab.assert_served()
    for name in NAMES:
        status, body = lab.https(name)
        assert (status, body) == (200, b"hello from the lab\n")
        status, headers, _ = lab.http(name, "/some/page?x=1")
        assert status == 301 and headers["Location"] == f"https://{name}/some/page?x=1"
    assert pki.names_of(lab.leaf()) == sorted(NAMES)
    assert lab.leaf().not_valid_after == lab.served().not_valid_after


def test_challenge_path_is_served_and_not_redirected(lab):
    lab.issued()
    folder = lab.webroot / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "someone-elses").write_text("kept")
    assert lab.http(BARE, "/.well-known/acme-challenge/someone-elses")[::2] == (200, b"kept")
    assert lab.http(BARE, "/.well-known/acme-challenge/absent")[0] == 404
    lab.certd("renew", "--force", BARE)
    assert lab.tokens() == ["someone-elses"]


def test_a_step_a_line_in_a_pipe_and_nothing_on_stdout_but_results(lab):
    done = lab.issued()
    assert "\x1b" not in done.err + done.out and "\r" not in done.err + done.out
    assert BARE in done.out + done.err
    warnings = [line for line in done.err.splitlines() if ": preflight: " in line and "looking up" not in line]
    assert not warnings, "nothing is wrong here, so nothing is found"


def test_a_reload_that_is_still_under_way_costs_no_attempt(lab):
    """As after `nginx -s reload && certd issue`: the port-80 server is there a moment after certd has begun to ask it."""
    lab.nginx.stop()
    running = lab.begin("issue", *NAMES)
    wait_for(lambda: "preflight: " in running.err(), "certd to ask port 80")
    lab.nginx.start()
    done = running.wait()
    assert done.status == 0 and "could not be fetched" not in done.err, done


def test_second_issue_is_not_due_and_asks_nobody(lab):
    lab.issued()
    asked, reloads, before = len(lab.ca.requests()), lab.nginx.reloads(), lab.leaf()
    done = lab.issue()
    assert done.status == 0, done
    assert len(lab.ca.requests()) == asked and lab.nginx.reloads() == reloads and lab.leaf() == before
    assert BARE in done.out + done.err  # it says so
    # the same set in another order and spelling is the same certificate
    done = lab.issue(names=(BARE + ".", WWW.upper()))
    assert done.status == 0 and len(lab.ca.requests()) == asked, done


def test_renew_that_is_not_due_runs_no_hook_and_no_reload(lab):
    lab.issued()
    marker = lab.path / "ran"
    for event in ("deploy", "post-renew", "failure"):
        lab.hook(event, f"#!/bin/sh\necho ran >> {marker}\n")
    reloads = lab.nginx.reloads()
    done = lab.certd("renew")
    assert done.status == 0, done
    assert not marker.exists() and lab.nginx.reloads() == reloads


def test_forced_renewal_is_a_new_certificate_and_a_new_key(lab):
    lab.issued()
    first, generation = lab.leaf(), lab.live().resolve()
    done = lab.certd("renew", "--force", BARE)
    assert done.status == 0, done
    second = lab.leaf()
    assert second.serial_number != first.serial_number
    assert pki.public_bytes(second.public_key()) != pki.public_bytes(first.public_key())
    assert lab.live().resolve() != generation and generation.is_dir()
    lab.assert_served()


def test_renewal_takes_over_account_and_says_what_it_replaces(lab):
    lab.issued()
    lab.certd("renew", "--force")
    paths = [path for _, path in lab.ca.requests()]
    assert paths.count("/sign-me-up") == 1, "an account is made once"
    assert paths.count("/order-plz") == 2


def test_other_names_are_a_new_certificate(lab):
    lab.issued(names=(BARE,))
    assert pki.names_of(lab.leaf()) == [BARE]
    lab.issued()
    assert pki.names_of(lab.leaf()) == sorted(NAMES)
    assert lab.ca.orders() == 2
    lab.assert_served()


@pytest.mark.parametrize("key", ["ecdsa-p256", "ecdsa-p384", "rsa-2048"])
def test_key_types(lab, key):
    lab.issued("--key", key)
    public = lab.leaf().public_key()
    if key.startswith("rsa"):
        assert isinstance(public, rsa.RSAPublicKey) and f"rsa-{public.key_size}" == key
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey) and f"ecdsa-p{public.key_size}" == key
    lab.assert_served()


def test_issue_remembers_its_options_for_renewal(lab):
    lab.issued("--key", "ecdsa-p384")
    done = lab.certd("renew", "--force")
    assert done.status == 0, done
    assert lab.leaf().public_key().key_size == 384


@pytest.mark.lab(nonce_reject=50)
def test_half_of_all_nonces_refused(lab):
    lab.issued()
    lab.assert_served()
    assert lab.certd("renew", "--force").status == 0
    lab.assert_served()


@pytest.mark.lab(authz_reuse=100)
def test_names_that_the_ca_knows_already_need_no_challenge(lab):
    lab.issued()
    challenged = sum("/chalZ/" in path for _, path in lab.ca.requests())
    assert lab.certd("renew", "--force").status == 0
    assert sum("/chalZ/" in path for _, path in lab.ca.requests()) == challenged == 2
    lab.assert_served()


@pytest.mark.lab(strict=True)
def test_strict_ca(lab):
    lab.issued()
    assert lab.certd("renew", "--force").status == 0
    lab.assert_served()


@pytest.mark.lab(address="127.0.0.1")
def test_directory_by_name(lab):
    """The CA's own host is a name: localhost, which no name server has to know."""
    lab.write_conf(ca=f"https://localhost:{lab.ca.port}/dir")
    lab.issued()
    lab.assert_served()


def test_dry_run_leaves_nothing(lab):
    before, challenge = lab.files(), lab.nginx.reloads()
    config = lab.files(".")
    done = lab.issue("--dry-run")
    assert done.status == 0, done
    assert not lab.live().exists() and lab.tokens() == []
    assert lab.nginx.reloads() == challenge and lab.served() is None
    # but the account, what the CA counts, and the lock of the state directory
    new = [path for path in lab.files() if path not in before and not path.startswith(("accounts", "cas", "webroot", "in-use"))]
    assert not [path for path in new if not (lab.state / path).is_dir()], new
    confs = [path for path in lab.files(".") if path not in config and path.startswith("conf.d/")]
    assert not [path for path in confs if path.endswith(".conf")], confs
    # and it is no obstacle to the real thing
    lab.issued()
    lab.assert_served()


def test_no_deploy_leaves_nginx_alone(lab):
    snippet = (lab.snippets / "certd" / f"{BARE}.conf").read_bytes()
    reloads = lab.nginx.reloads()
    lab.issued("--no-deploy")
    assert pki.pair_matches(lab.live())
    assert lab.nginx.reloads() == reloads and lab.served() is None
    assert (lab.snippets / "certd" / f"{BARE}.conf").read_bytes() == snippet


def test_deploy_none_runs_hooks_only(lab):
    lab.write_conf(deploy="none")
    marker = lab.path / "ran"
    lab.hook("deploy", f'#!/bin/sh\necho "$1 $2" > {marker}\n')
    reloads = lab.nginx.reloads()
    lab.issued()
    assert marker.read_text() == f"deploy {BARE}\n"
    assert lab.nginx.reloads() == reloads and lab.served() is None


def test_two_certificates_side_by_side(lab):
    lab.issued(names=(BARE,))
    lab.nginx.site(BARE, (BARE,))
    assert lab.certd("issue", "--no-deploy", WWW).status == 0
    assert pki.names_of(lab.leaf(BARE)) == [BARE] and pki.names_of(lab.leaf(WWW)) == [WWW]
    assert lab.ca.orders() == 2
    assert [path for _, path in lab.ca.requests()].count("/sign-me-up") == 1
    text = lab.certd("status").out
    assert re.search(rf"\b{re.escape(BARE)}\b", text) and WWW in text


def test_account_key_lost_is_told_and_not_replaced_in_silence(lab):
    lab.issued()
    files = [path for path in (lab.state / "accounts").rglob("*") if path.is_file()]
    keys = [path for path in files if b"PRIVATE KEY" in path.read_bytes()]
    assert len(keys) == 1
    keys[0].write_bytes(b"")
    accounts = [path for _, path in lab.ca.requests()].count("/sign-me-up")
    done = lab.certd("renew", "--force")
    assert done.status == 1 and str(keys[0]) in done.err, done
    assert [path for _, path in lab.ca.requests()].count("/sign-me-up") == accounts
    lab.assert_served()


def test_proof_of_every_name_is_tls_13(lab):
    lab.issued()
    assert tls.served_certificate(lab.address, lab.nginx.https_port, WWW) == lab.leaf()
