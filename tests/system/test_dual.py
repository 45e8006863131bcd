"""Two types of key for one name set: each client gets the certificate that it can use; both live and die together."""
import json
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lab import BARE, WWW, pki, wait_for

CLIENTS = {
    "ecdsa": (["-sigalgs", "ECDSA+SHA256", "-tls1_3"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
    "rsa": (["-sigalgs", "rsa_pss_rsae_sha256", "-tls1_3"], ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]),
}


def shown(lab, name, options):
    """The leaf that `openssl s_client` with these options is shown; the name and the chain verified."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"{lab.address}:{lab.nginx.https_port}", "-servername", name,
                           "-verify_hostname", name, "-CAfile", str(lab.ca.root), "-verify_return_error", *options],
                          input="", capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----\n"
    pem = done.stdout[done.stdout.index(begin):done.stdout.index(end) + len(end)]
    return x509.load_pem_x509_certificate(pem.encode())


def leaves(lab):
    live = lab.live()
    return {"ecdsa": pki.certificates_of(live / "cert.pem")[0], "rsa": pki.certificates_of(live / "cert-rsa.pem")[0]}


def assert_each_its_own(lab):
    """Each of both on disk is what clients of its kind get, in TLS 1.3 and in TLS 1.2."""
    live = leaves(lab)
    assert isinstance(live["ecdsa"].public_key(), ec.EllipticCurvePublicKey)
    assert isinstance(live["rsa"].public_key(), rsa.RSAPublicKey) and live["rsa"].public_key().key_size == 2048
    assert pki.pair_matches(lab.live()) and lab.nginx.test_passes() is True
    for kind, clients in CLIENTS.items():
        for options in clients:
            for name in (BARE, WWW):
                # A worker of before the reload may take one connection more.
                wait_for(lambda n=name, o=options, k=kind: shown(lab, n, o) == live[k], f"{kind} of {name} with {options}")


def revocation(lab, certificate):
    return json.loads(lab.ca.management_get(f"cert-status-by-serial/{certificate.serial_number:x}"))["Status"]


def test_each_client_gets_the_one_it_can_use(lab):
    lab.issued("--key", "ecdsa-p256,rsa-2048")
    assert lab.ca.orders() == 2
    assert_each_its_own(lab)
    first = leaves(lab)
    status = lab.status()
    assert (status["key"], status["keys"], status["state"]) == ("ecdsa-p256", ["ecdsa-p256", "rsa-2048"], "valid")
    assert int(status["serial"], 16) == first["ecdsa"].serial_number
    assert (status["second"]["key"], int(status["second"]["serial"], 16)) == ("rsa-2048", first["rsa"].serial_number)
    assert status["second"]["paths"]["fullchain"] == f"{lab.live()}/fullchain-rsa.pem"
    assert status["served"]["verified"] is True
    assert status["suggested"] and status["second"]["suggested"], "each has a window of its own"
    table = lab.certd("status").out
    assert "ecdsa-p256 until" in table and "rsa-2048 until" in table, table
    # Nothing is due, and the same wish is no other one.
    assert lab.issue("--key", "ecdsa-p256,rsa-2048").status == 0
    assert lab.ca.orders() == 2

    lab.hook("deploy", f'#!/bin/sh\necho "$CERTD_KEY_TYPE $CERTD_KEY_TYPE_2 $CERTD_PRIVKEY_2" > {lab.path}/told\n')
    assert lab.certd("renew", "--force").status == 0
    assert (lab.path / "told").read_text() == f"ecdsa-p256 rsa-2048 {lab.live()}/privkey-rsa.pem\n"
    assert_each_its_own(lab)
    assert all(leaves(lab)[kind] != first[kind] for kind in first)
    assert lab.certd("rollback", BARE).status == 0
    assert leaves(lab) == first
    assert_each_its_own(lab)

    done = lab.certd("revoke", BARE)
    assert done.status == 0 and done.out.count("is revoked") == 2 and "(rsa-2048, serial" in done.out, done
    assert [revocation(lab, first[kind]) for kind in ("ecdsa", "rsa")] == ["Revoked", "Revoked"]
    done = lab.certd("check", BARE, WWW)
    assert "the live" in done.out, done

    # Back to one: what waits for nothing any more is gone from NGINX too.
    lab.issued("--key", "rsa-2048")
    assert not (lab.live() / "cert-rsa.pem").exists() and (lab.live() / "cert.pem").exists()
    snippet = (lab.snippets / "certd" / f"{BARE}.conf").read_text()
    assert snippet.count("ssl_certificate_key") == 1
    lab.assert_served()
    assert isinstance(lab.leaf().public_key(), rsa.RSAPublicKey)


def test_one_of_both_is_not_served(lab):
    """NGINX has the first certificate and not the second: that is told, and which."""
    site = lab.nginx.prefix / "sites"
    lab.issued("--key", "ecdsa-p256")
    for path in site.iterdir():
        text = path.read_text()
        path.write_text(text.replace(f"include {lab.snippets}/certd/{BARE}.conf;",
                                     f"ssl_certificate {lab.live()}/fullchain.pem; ssl_certificate_key {lab.live()}/privkey.pem;"))
    lab.nginx.reload()
    lab.write_conf(deploy_timeout="3s")
    done = lab.issue("--key", "ecdsa-p256,rsa-2048")
    assert done.status == 1 and "for RSA" in done.err, done
    assert not (lab.live() / "cert-rsa.pem").exists()
