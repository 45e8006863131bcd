"""Several certificates in one deployment; and what answers in the place of NGINX, or of its new configuration."""
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import threading

import pytest
from lab import BARE, NAMES, pki, wait_for
from lab.web import Nginx

SHOP = "shop.togetherers.com"
SHOPS = (SHOP, f"www.{SHOP}")

SITE = """\
server {{ listen {address}:{http_port}; {more_http} server_name {names}; include {snippets}/certd-acme-challenge.conf; }}
server {{ listen {address}:{https_port} ssl; {more_https} server_name {names}; {certificate} root {prefix}/html; }}
"""


def shop_site(lab, certificate=None, more_https=""):
    included = f"include {lab.snippets}/certd/{SHOP}.conf;"
    (lab.nginx.prefix / "sites" / f"{SHOP}.conf").write_text(SITE.format(
        address=lab.address, http_port=lab.nginx.http_port, https_port=lab.nginx.https_port, names=" ".join(SHOPS),
        snippets=lab.snippets, certificate=certificate or included, prefix=lab.nginx.prefix, more_http="", more_https=more_https))


@pytest.fixture
def lab(lab):
    """Two sites, with a certificate each."""
    lab.write_conf(deploy_timeout="5s", hook_timeout="5s")
    lab.prepare_site(SHOP)
    shop_site(lab)
    lab.nginx.reload()
    lab.issued()
    lab.issued(names=SHOPS)
    return lab


def renew(lab, *options):
    done = lab.certd("renew", "--json", *options)
    return done, {entry["name"]: entry for entry in done.json()["certificates"]}


def test_one_reload_for_all(lab):
    seen = lab.path / "seen"
    lab.hook("deploy", f'#!/bin/sh\necho "$2" >> {seen}\n')
    reloads, old = lab.nginx.reloads(), [lab.leaf(BARE), lab.leaf(SHOP)]
    done, entries = renew(lab, "--force")
    assert done.status == 0, done
    assert lab.nginx.reloads() == reloads + 1
    assert all(entry["result"] == "issued" and entry["served"] for entry in entries.values()), entries
    assert lab.leaf(BARE) not in old and lab.leaf(SHOP) not in old
    lab.assert_served(BARE, NAMES)
    lab.assert_served(SHOP, SHOPS)
    assert sorted(seen.read_text().split()) == [SHOP, BARE], "deploy hooks are told of each"


def test_one_of_two_at_fault(lab):
    """A certificate that NGINX does not take with what the site says: found, undone, told; the other one is served."""
    key = lab.path / "copied.pem"
    shutil.copy(lab.live(SHOP) / "privkey.pem", key)
    shop_site(lab, f"ssl_certificate {lab.live(SHOP)}/fullchain.pem; ssl_certificate_key {key};")
    lab.nginx.reload()
    old, reloads = lab.leaf(SHOP), lab.nginx.reloads()
    told = lab.path / "told"
    lab.hook("failure", f'#!/bin/sh\necho "$2" >> {told}\n')
    done, entries = renew(lab, "--force")
    assert done.status == 1, done
    assert entries[BARE]["result"] == "issued" and entries[BARE]["served"], entries
    assert entries[SHOP]["result"] == "failed" and entries[SHOP]["issued"] and not entries[SHOP]["served"], entries
    message = entries[SHOP]["error"]["message"]
    assert "issued, but not deployed" in message and "key values mismatch" in message, message
    assert lab.nginx.reloads() == reloads + 1
    lab.assert_served(BARE, NAMES)
    assert lab.leaf(SHOP) == old == lab.served(SHOP)
    assert lab.status(SHOP)["last_attempt"]["error"]["kind"] == "deploy"
    # Each run tries again; nobody is told again, and nothing is ordered.
    orders = lab.ca.orders()
    assert renew(lab)[0].status == 1
    assert told.read_text().split() == [SHOP]
    shop_site(lab)
    done, entries = renew(lab, SHOP)
    assert done.status == 0 and entries[SHOP]["result"] == "deployed" and not entries[SHOP]["issued"], done
    assert lab.ca.orders() == orders and lab.leaf(SHOP) != old
    lab.assert_served(SHOP, SHOPS)


def test_one_of_two_is_not_served(lab):
    """The proof fails for one: it goes back, and is seen to be served again."""
    _, certificate, key = pki.write_server_certificate(lab.path, "other", SHOPS)
    old = lab.leaf(SHOP)
    shop_site(lab, f"ssl_certificate {certificate}; ssl_certificate_key {key};")
    lab.nginx.reload()
    done, entries = renew(lab, "--force")
    assert done.status == 1 and entries[BARE]["result"] == "issued" and entries[SHOP]["result"] == "failed", done
    message = entries[SHOP]["error"]["message"]
    assert "issued, but not served" in message and "another certificate is served" in message, message
    assert "the previous certificate is not served again" in message, message
    assert lab.leaf(SHOP) == old
    lab.assert_served(BARE, NAMES)


def test_killed_in_the_middle(lab):
    """Between the reload and the proof: the next run deploys all of them again, and orders nothing."""
    begun, old = lab.path / "begun", [lab.leaf(BARE), lab.leaf(SHOP)]
    hook = lab.hook("deploy", f"#!/bin/sh\ntouch {begun}\nsleep 100\n")
    running = lab.begin("renew", "--force")
    wait_for(begun.exists, "the deploy hook")
    running.kill()
    hook.unlink()
    orders = lab.ca.orders()
    done, entries = renew(lab)
    assert done.status == 0 and lab.ca.orders() == orders, done
    assert all(entry["result"] == "deployed" and entry["served"] and not entry["issued"] for entry in entries.values()), entries
    assert lab.leaf(BARE) not in old and lab.leaf(SHOP) not in old
    lab.assert_served(BARE, NAMES)
    lab.assert_served(SHOP, SHOPS)


def test_a_fault_is_told_once(lab):
    (lab.nginx.prefix / "sites" / "zz-broken.conf").write_text("server { this_is_no_directive on; }\n")
    done = lab.certd("renew", "--force", BARE)
    assert done.status == 1, done
    lines = [line for line in done.err.splitlines() if line.startswith("certd: nginx: ") and "[emerg]" in line]
    assert len(lines) == 1, done


def test_the_port_is_another_ones_when_nginx_loads(lab):
    """`nginx -t` passes and `nginx -s reload` exits 0, and the master stays with what it has."""
    with socket.create_server((lab.address, 0)) as taken:
        port = taken.getsockname()[1]
        (lab.nginx.prefix / "sites" / "zz-port.conf").write_text(f"server {{ listen {lab.address}:{port}; }}\n")
        assert lab.nginx.test_passes() is True
        old = lab.leaf()
        done = lab.certd("renew", "--force", BARE)
        assert done.status == 1, done
        assert "goes on with the one it had" in done.err and "bind()" in done.err and str(port) in done.err, done
        assert f"(process {os.getpid()}: " in done.err, done
        assert lab.leaf() == old == lab.served(BARE)


def test_a_master_that_does_not_hear(lab):
    master = int((lab.nginx.prefix / "nginx.pid").read_text())
    old = lab.leaf()
    os.kill(master, signal.SIGSTOP)
    try:
        done = lab.certd("renew", "--force", BARE)
    finally:
        os.kill(master, signal.SIGCONT)
    assert done.status == 1 and f"master process {master}" in done.err and "no new worker" in done.err, done
    assert lab.leaf() == old
    wait_for(lambda: lab.served(BARE) == old, "what is live to be served")


def test_a_worker_that_stays(lab):
    """One that is stuck keeps its sockets; the others serve. It is told, and undoes nothing that is served."""
    worker = int(sorted(lab.nginx._workers())[0])  # pylint: disable=protected-access
    os.kill(worker, signal.SIGSTOP)
    try:
        done = lab.certd("renew", "--force", BARE)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert f"({worker})" in done.err and "still take connections" in done.err, done


def test_another_nginx_has_the_port(lab):
    _, certificate, key = pki.write_server_certificate(lab.path, "other", NAMES)
    old = lab.leaf()
    other = Nginx(lab.path / "second", lab.address, lab.snippets)
    (other.prefix / "sites" / "site.conf").write_text(
        f"server {{ listen {lab.address}:{other.http_port}; }}\n"
        f"server {{ listen {lab.address}:{other.https_port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; }}\n")
    other.start()
    try:
        wait_for(lambda: (other.prefix / "nginx.pid").read_text().strip(), "the number of the other NGINX")
        master = (other.prefix / "nginx.pid").read_text().strip()
        ours = (lab.nginx.prefix / "nginx.pid").read_text().strip()
        lab.write_conf(https_port=other.https_port)
        done = lab.certd("renew", "--force", BARE)
    finally:
        other.stop()
    assert done.status == 1 and "another NGINX" in done.err, done
    assert f"process {master}: nginx: master process" in done.err and f"process {ours}" in done.err, done
    assert lab.leaf() == old


def test_another_program_has_the_port(lab, root_only):
    _, certificate, key = pki.write_server_certificate(lab.path, "other", NAMES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = socket.create_server((lab.address, 0))

    def serve():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(peer, server_side=True) as spoken:
                    if spoken.recv(4096):
                        spoken.sendall(b"HTTP/1.1 200 OK\r\nServer: Apache/2.4.62\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    lab.write_conf(https_port=server.getsockname()[1])
    done = lab.certd("renew", "--force", BARE)
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    assert done.status == 1, done
    assert re.search(rf"listens \S+ \(process {os.getpid()}: .*which is not NGINX", done.err), done


@pytest.mark.skipif("00000000000000000000000000000001" not in pathlib.Path("/proc/net/if_inet6").read_text(encoding="ascii")
                    if pathlib.Path("/proc/net/if_inet6").exists() else True, reason="no IPv6 on loopback here")
def test_both_families(lab):
    lab.write_conf(serve_address=None)
    lab.extra = f'serve-address = {{ "{lab.address}", "::1" }}\n'
    lab.write_conf()
    # NGINX listens on IPv4 only: that is asked only.
    done = renew(lab, "--force", SHOP)[0]
    assert done.status == 0 and f"{SHOP}: not asked for at ::1 port" in done.err, done
    port = lab.nginx.https_port
    _, certificate, key = pki.write_server_certificate(lab.path, "other", SHOPS)
    wrong = lab.nginx.prefix / "sites" / "zz-v6.conf"
    wrong.write_text(f"server {{ listen [::1]:{port} ssl; server_name {' '.join(SHOPS)};\n"
                     f"ssl_certificate {certificate}; ssl_certificate_key {key}; }}\n")
    lab.nginx.reload()
    done, entries = renew(lab, "--force", SHOP)
    assert done.status == 1, done
    message = entries[SHOP]["error"]["message"]
    assert f"{SHOP} at ::1 port {port}: another certificate is served" in message, message
    assert f"at {lab.address} port" not in message, message
    # The other site has no server of its name there: it is not asked for there.
    done = lab.certd("renew", "--force", BARE)
    assert done.status == 0, done
    wrong.unlink()
    shop_site(lab, more_https=f"listen [::1]:{port} ssl;")
    done, entries = renew(lab, SHOP)
    assert done.status == 0 and entries[SHOP]["result"] == "deployed" and entries[SHOP]["served"], done
