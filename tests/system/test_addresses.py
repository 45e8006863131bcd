"""Certificates for IP addresses (RFC 8738): alone and beside names."""
import json
import socket

import pytest
from cryptography import x509
from lab import BARE, tls
from lab.debian import adopt

V6 = "::1"


def has_ipv6():
    try:
        with socket.create_server((V6, 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def names_of(leaf):
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.DNSName)), set(map(str, names.get_values_for_type(x509.IPAddress)))


def test_an_address_alone(make_lab):
    lab = make_lab(start=False)
    address = lab.address
    lab.start(certificate=address, names=[address])
    environment = lab.path / "environment"
    lab.hook("post-renew", f"#!/bin/sh\nenv >{environment}\n")
    done = lab.issue(names=[address])
    assert done.status == 0 and "preflight:" not in done.err.replace("preflight: looking up", ""), done
    assert names_of(lab.leaf(address)) == (set(), {address})
    lab.assert_served(certificate=address, names=[address])
    assert f"CERTD_NAMES={address}\n" in environment.read_text()
    assert lab.status(address)["names"] == [address] and lab.status(address)["served"]["verified"] is True
    done = lab.certd("check", "--json", address)
    subjects = {found["subject"]: found for found in done.json()["names"][0]["findings"]}
    assert "dns" not in subjects and "caa" not in subjects, done
    assert "loopback" in subjects["address"]["seen"] and subjects["port-80"]["level"] == "ok", done
    assert {found["level"] for found in done.json()["names"][0]["findings"] if found["subject"] == "nginx"} == {"ok"}, done


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on the loopback of this machine")
def test_both_families_and_a_name_from_nothing(make_lab):
    lab = make_lab(start=False)
    lab.dns.start()
    lab.ca.start()
    folder = adopt(lab)
    www = lab.path / "www"
    www.mkdir()
    (www / "index.html").write_text("the real site\n")
    lab.nginx.start()
    done = lab.issue("--site", "--root", www, names=[V6, lab.address, BARE])
    assert done.status == 0, done
    assert names_of(lab.leaf("__1")) == ({BARE}, {V6, lab.address})
    text = (folder / "sites-available" / "__1.conf").read_text()
    assert f"server_name [::1] {lab.address} {BARE};" in text
    # Who connects to an address names nobody: the default server shows the certificate, and no other site.
    leaf, port = lab.leaf("__1"), lab.nginx.https_port
    assert tls.served_certificate(V6, port, None) == leaf and tls.served_certificate(lab.address, port, None) == leaf
    assert tls.fetch_https(V6, port, V6, lab.ca.root) == (200, b"the real site\n")
    assert lab.https(lab.address) == lab.https(BARE) == (200, b"the real site\n")
    assert lab.http(lab.address)[1]["Location"] == f"https://{lab.address}:{port}/"
    # It is found by its address.
    done = lab.certd("status", "--json", V6)
    assert done.json()["certificates"][0]["name"] == "__1", done
    assert lab.certd("renew", "--force", "0:0::1").status == 0
    findings = lab.certd("check", "--json", V6).json()["names"][0]["findings"]
    assert "failure" not in {found["level"] for found in findings if found["subject"] in ("nginx", "port-80", "port-443")}, findings


def test_the_default_server_of_others(make_lab):
    """It shows its own certificate to whoever connects to an address: the proof says so, and check names it."""
    lab = make_lab(start=False)
    address = lab.address
    lab.start(certificate=address, names=[address], nginx=False)
    site = lab.nginx.prefix / "sites" / f"{address}.conf"
    site.write_text(site.read_text().replace("ssl default_server", "ssl") + f"""
server {{
    listen {address}:{lab.nginx.https_port} ssl default_server;
    server_name other.example;
    ssl_reject_handshake on;
}}
""")
    lab.write_conf(deploy_timeout="2s")
    lab.prepare_site(address)
    lab.nginx.start()
    done = lab.issue(names=[address])
    assert done.status == 1 and "default server" in done.err and address in done.err, done
    findings = lab.certd("check", "--json", address).json()["names"][0]["findings"]
    told = [found for found in findings if found["subject"] == "nginx" and found["level"] == "failure"]
    assert len(told) == 1 and f"{site}:16: " in told[0]["seen"] and f"{address}.conf" in told[0]["do"], json.dumps(told)
