"""certd check: why HTTPS for a name works or does not, each time with a real server that has the fault."""
import json
import os
import pathlib
import subprocess
import sys

import pytest
from lab import BARE, NAMES, WWW, Knot, free_port, pki, wait_for
from lab.debian import adopt
from lab.websocket import WebsocketServer

needs_knot = pytest.mark.skipif(not Knot.available(), reason="knot is not installed")
needs_websockets = pytest.mark.skipif(not WebsocketServer.available(), reason="python3-websockets is not installed")


def check(lab, *arguments, status=None, **how):
    """Runs it, and gives the findings as {name: [finding]}."""
    done = lab.certd("check", "--json", *arguments, **how)
    if status is not None:
        assert done.status == status, done
    return {entry["name"]: entry["findings"] for entry in done.json()["names"]}


def of(findings, subject, level=None):
    return [f for f in findings if f["subject"] == subject and level in (None, f["level"])]


def one(findings, subject, level):
    found = of(findings, subject, level)
    assert len(found) == 1, (subject, level, findings)
    return found[0]


def words(finding):
    return " | ".join(finding[key] for key in ("asked", "seen", "means", "do"))


def failures(findings):
    return [f for f in findings if f["level"] == "failure"]


SITE_HEAD = """\
server {{
    listen {address}:{http_port};
    server_name {names};
    include {snippets}/certd-acme-challenge.conf;
    location / {{ {port80} }}
}}
server {{
    listen {address}:{https_port}{ssl};
    server_name {names};
    {certificate}
    root {prefix}/html;
    {more}
}}
"""


def write_site(lab, names=NAMES, port80="return 301 https://$host$request_uri;", certificate=None, more="", ssl=" ssl",
               file=BARE, reload=True):
    include = f"include {lab.snippets}/certd/{BARE}.conf;"
    n = lab.nginx
    (n.prefix / "sites" / f"{file}.conf").write_text(SITE_HEAD.format(
        address=n.address, http_port=n.http_port, https_port=n.https_port, names=" ".join(names), snippets=lab.snippets,
        prefix=n.prefix, port80=port80, certificate=include if certificate is None else certificate, more=more, ssl=ssl))
    if reload:
        lab.nginx.reload()


def test_nothing_is_wrong(lab):
    lab.issued()
    done = lab.certd("check")
    assert done.status == 0, done
    lines = done.out.splitlines()
    assert lines[0] == BARE and WWW in lines
    assert lines[-1].startswith("2 names: ") and lines[-1].endswith(", 0 failures")
    assert "\x1b" not in done.out  # colours are for terminals
    findings = check(lab, status=0)
    assert list(findings) == [BARE, WWW]
    for name in NAMES:
        mine = findings[name]
        assert not failures(mine)
        assert "A " + lab.address in one(mine, "dns", "ok")["seen"]
        assert "every CA may issue" in one(mine, "caa", "ok")["seen"]
        assert [f["seen"] for f in of(mine, "port-80", "ok")][0] == "it came"
        assert "https://" + name + "/" in one(mine, "redirect", "ok")["seen"]
        assert any("TLSv1.3" in f["seen"] for f in of(mine, "port-443", "ok"))
        # a CA of the lab, which no browser knows: of the live certificate that is a warning
        assert "the live one" in words(one(mine, "certificate", "warning"))
        # the wrong ports, in the browser's word
        assert any("ERR_SSL_PROTOCOL_ERROR" in f["means"] for f in of(mine, "port-80", "ok"))
        assert any("names no port" in f["means"] or "name no port" in f["means"] for f in of(mine, "port-443", "ok"))
        assert [f["subject"] for f in mine] == sorted((f["subject"] for f in mine), key=[
            "dns", "caa", "port-80", "redirect", "nginx", "port-443", "certificate", "websocket"].index)
    assert lab.tokens() == []


def test_one_name_or_a_certificate(lab):
    lab.issued()
    assert list(check(lab, WWW)) == [WWW]
    assert list(check(lab, BARE)) == [BARE]
    assert lab.certd("check", "bad..name").status == 2
    assert lab.certd("check", "--websocket", "no-slash").status == 2
    assert lab.certd("check", "--nonsense").status == 2


def test_without_certificate_and_state(lab, tmp_path):
    """Any name can be looked at, and to look makes nothing."""
    lab.write_conf(state_dir=tmp_path / "none", webroot=tmp_path / "none" / "webroot")
    findings = check(lab, BARE, status=1)[BARE]
    assert any("unrecognized name" in f["seen"] for f in of(findings, "port-443", "failure"))
    assert not (tmp_path / "none").exists()


def test_managed_and_not_issued(lab):
    lab.extra = f'certificate "{BARE}" {{ names = {{ "{BARE}" }} }}'
    lab.write_conf()
    findings = check(lab, status=1)[BARE]
    assert "no certificate yet" in one(findings, "certificate", "failure")["seen"]


def test_renewals_fail(lab):
    lab.issued()
    lab.ca.stop()
    assert lab.certd("renew", "--force", BARE).status == 1
    found = of(check(lab, BARE, status=0)[BARE], "certificate", "warning")
    assert any("the last attempt to renew it failed" in f["seen"] for f in found), found


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_without_root(lab):
    """What only root may read is said not to have been looked at; the rest is looked at."""
    lab.issued()
    lab.path.chmod(0o755)
    done = lab.certd("check", "--json", BARE, user="nobody", env={"HOME": "/"})
    findings = done.json()["names"][0]["findings"]
    unseen = [f for f in findings if f["level"] == "warning" and "run this as root" in f["do"]]
    assert {f["subject"] for f in unseen} >= {"certificate", "port-80"}, done
    assert any("TLSv1.3" in f["seen"] for f in of(findings, "port-443", "ok"))


@needs_knot
@pytest.mark.parametrize("records, level, seen, means, advice", [
    ([f"{BARE}. A {{address}}"], "failure", "NXDOMAIN", "DNS_PROBE_FINISHED_NXDOMAIN", "add an A record"),
    ([f"{BARE}. A {{address}}", f"{WWW}. TXT \"x\""], "failure", "neither A nor AAAA", "could not be found", "add an A record"),
    ([f"{BARE}. A {{address}}", f"{WWW}. CNAME gone.example."], "failure", "CNAME to gone.example, which does not exist",
     "DNS_PROBE_FINISHED_NXDOMAIN", "mend the CNAME"),
    ([f"{BARE}. A {{address}}", f"{WWW}. CNAME {BARE}."], "ok", f"CNAME to {BARE}; A ", "", ""),
])
def test_one_of_two_names_is_not_in_dns(make_lab, records, level, seen, means, advice):
    lab = make_lab(dns=lambda path, address: Knot(path, address, [r.format(address=address) for r in records]))
    findings = check(lab, *NAMES, status=1)
    assert not of(findings[BARE], "dns", "failure")
    found = one(findings[WWW], "dns", level)
    assert seen in found["seen"] and means in found["means"] and advice in found["do"]


@needs_knot
def test_cname_at_the_apex(make_lab):
    lab = make_lab(dns=lambda path, address: Knot(path, address, [f"{BARE}. CNAME host.example.", f"host.example. A {address}"]))
    found = one(check(lab, BARE, status=1)[BARE], "dns", "failure")
    assert "host.example" in found["seen"] and "RFC 1034" in found["means"] and "ALIAS" in found["do"]


@needs_knot
@pytest.mark.parametrize("records, level, part", [
    ([f'{BARE}. CAA 0 issue "other.example"'], "failure", "it permits another CA only"),
    (['com. CAA 0 issue ";"'], "failure", "it permits nobody"),
    ([f'{BARE}. CAA 0 issue "pebble.letsencrypt.org"', 'com. CAA 0 issue ";"'], "ok", "permitted"),
    ([f'{BARE}. CAA 0 issue "pebble.letsencrypt.org; validationmethods=dns-01"'], "failure", "other challenges only"),
    ([f'{BARE}. CAA 0 issue "pebble.letsencrypt.org; accounturi=https://elsewhere.example/1"'], "warning", "not known yet"),
    ([f'{BARE}. CAA 0 iodef "mailto:x@example.com"'], "ok", "restricts no such certificate"),
    ([f'{BARE}. CAA 128 tbs "unknown"'], "failure", "a critical property"),
])
def test_caa(make_lab, records, level, part):
    lab = make_lab(dns=lambda path, address: Knot(path, address, [f"{name}. A {address}" for name in NAMES] + records))
    # an older Pebble does not tell its name in its directory
    lab.extra = f'ca "pebble" {{ directory = "{lab.ca.url}" }}'
    findings = check(lab, WWW, status=1)[WWW]
    found = of(findings, "caa")
    if "does not say it" in found[0]["seen"]:
        pytest.skip("this Pebble does not tell its CAA identity")
    assert len(found) == 1 and found[0]["level"] == level and part in found[0]["seen"], found


@needs_knot
def test_caa_of_several_cas(make_lab):
    """Each is judged by its own name, one that only helps out more leniently; and so is one that lacks external account binding."""
    lab = make_lab(dns=lambda path, address: Knot(path, address, [f"{name}. A {address}" for name in NAMES] + [
        f'{BARE}. CAA 0 issue "pebble.letsencrypt.org"']))
    lab.extra = f"""ca = {{ "pebble", "letsencrypt", "zerossl" }}
ca "pebble" {{ directory = "{lab.ca.url}" ca-bundle = "{lab.ca.trust}" }}
ca "letsencrypt" {{ directory = "https://{lab.address}:1/directory" }}
ca "zerossl" {{ directory = "https://{lab.address}:1/dir" }}"""
    lab.write_conf(ca=None, ca_bundle=None)
    findings = check(lab, WWW, status=1)[WWW]
    found = of(findings, "caa")
    if "does not say it" in found[0]["seen"]:
        pytest.skip("this Pebble does not tell its CAA identity")
    assert [one["level"] for one in found] == ["ok", "warning", "warning"], found
    assert found[0]["asked"].endswith("for pebble"), found
    assert "letsencrypt may not issue" in found[1]["means"] and "letsencrypt.org" in found[1]["do"], found
    assert "zerossl may not issue" in found[2]["means"] and "sectigo.com" in found[2]["do"], found
    assert any("zerossl makes no account without external account binding" in one["seen"]
               for one in of(findings, "certificate", "warning")), findings


@needs_knot
def test_caa_names_another_account(make_lab):
    lab = make_lab(dns=lambda path, address: Knot(path, address, [f"{name}. A {address}" for name in NAMES] + [
        f'{BARE}. CAA 0 issue "pebble.letsencrypt.org; accounturi=https://elsewhere.example/1"']))
    lab.issued()
    found = of(check(lab, BARE)[BARE], "caa")[0]
    if "does not say it" in found["seen"]:
        pytest.skip("this Pebble does not tell its CAA identity")
    assert found["level"] == "failure" and "another account" in found["seen"]


def test_redirect_at_server_level_defeats_the_exception(lab):
    lab.issued()
    site = lab.nginx.prefix / "sites" / f"{BARE}.conf"
    site.write_text(site.read_text().replace(f"    include {lab.snippets}/certd-acme-challenge.conf;\n    location / {{\n"
                                             "        return 301 https://$host$request_uri;\n    }\n",
                                             f"    include {lab.snippets}/certd-acme-challenge.conf;\n"
                                             "    return 301 https://$host$request_uri;\n"))
    lab.nginx.reload()
    found = one(check(lab, BARE, status=1)[BARE], "port-80", "failure")
    assert "status 301, to https://" in found["seen"] and "defeated" in found["means"] and "location /" in found["do"]


@pytest.mark.parametrize("port80, level, part", [
    ("root {prefix}/html;", "warning", "over http too"),
    ("return 302 https://$host$request_uri;", "warning", "temporary"),
    ("return 301 https://elsewhere.example/;", "warning", "elsewhere.example"),
    ("return 301 http://$host/x;", "warning", "does not lead to https"),
    ("return 301 https://$host:80$request_uri;", "failure", "ERR_SSL_PROTOCOL_ERROR"),
    ("return 403;", "warning", "sees an error"),
    ("return 308 https://www.togetherers.com$request_uri;", "ok", ""),
])
def test_redirects(lab, port80, level, part):
    lab.issued()
    write_site(lab, port80=port80.format(prefix=lab.nginx.prefix))
    found = of(check(lab, *NAMES)[BARE], "redirect")
    assert len(found) == 1 and found[0]["level"] == level and part in found[0]["means"], found


def test_wrong_port_for_tls(lab):
    """443 without `ssl`, and a certificate's name on it: a browser shows ERR_SSL_PROTOCOL_ERROR."""
    lab.issued()
    write_site(lab, ssl="", certificate="")
    found = one(check(lab, BARE, status=1)[BARE], "port-443", "failure")
    assert "plain http, not TLS" in found["seen"] and "ERR_SSL_PROTOCOL_ERROR" in found["means"] and "`ssl`" in found["do"]


def certificate_of_ours(lab, name, names, **how):
    _, certificate, key = pki.write_server_certificate(lab.path, name, names, **how)
    return f"ssl_certificate {certificate}; ssl_certificate_key {key};"


def test_expired(lab):
    lab.certd("snippet", "--write", BARE)
    write_site(lab, certificate=certificate_of_ours(lab, "old", [BARE, WWW], expired=True))
    found = one(check(lab, BARE, status=1)[BARE], "certificate", "failure")
    assert "expired" in found["means"] and "ERR_CERT_DATE_INVALID" in found["means"]


def test_another_name(lab):
    write_site(lab, certificate=certificate_of_ours(lab, "other", ["other.example"]))
    found = one(check(lab, BARE, status=1)[BARE], "certificate", "failure")
    assert "other.example" in found["means"] and "ERR_CERT_COMMON_NAME_INVALID" in found["means"]


def test_another_certificate_than_the_live_one(lab):
    lab.issued()
    write_site(lab, certificate=certificate_of_ours(lab, "stale", [BARE, WWW]))
    found = one(check(lab, BARE, status=1)[BARE], "certificate", "failure")
    assert "not the live certificate" in found["means"] and "reload NGINX" in found["do"]


def test_unknown_issuer(lab):
    write_site(lab, certificate=certificate_of_ours(lab, "private", [BARE, WWW]))
    found = one(check(lab, BARE, status=1)[BARE], "certificate", "failure")
    assert "ERR_CERT_AUTHORITY_INVALID" in found["means"]


def test_leaf_without_chain(lab):
    lab.issued()
    live = lab.live()
    write_site(lab, certificate=f"ssl_certificate {live}/cert.pem; ssl_certificate_key {live}/privkey.pem;")
    found = one(check(lab, BARE, status=1)[BARE], "certificate", "failure")
    assert "not the whole chain" in found["means"] and "fullchain.pem" in found["do"]


def test_a_second_key_type_is_looked_at_too(lab):
    lab.issued()
    key, certificate = lab.path / "rsa.key", lab.path / "rsa.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "1",
                    "-subj", "/CN=x", "-addext", "subjectAltName=DNS:other.example"], check=True, capture_output=True)
    write_site(lab, more=f"ssl_certificate {certificate}; ssl_certificate_key {key};")
    findings = check(lab, BARE, status=1)[BARE]
    assert "ecdsa" in one(findings, "certificate", "warning")["asked"]
    assert "rsa" in one(findings, "certificate", "failure")["asked"]


def test_nobody_listens(make_lab):
    lab = make_lab(nginx=False)
    findings = check(lab, BARE, status=1)[BARE]
    assert "refused" in one(findings, "port-80", "failure")["seen"].lower() or "connect" in one(findings, "port-80", "failure")["seen"]
    assert "Connection refused" in one(findings, "port-443", "failure")["seen"]


def test_nginx_configuration_with_file_and_line(lab):
    lab.issued()
    site = lab.nginx.prefix / "sites" / f"{BARE}.conf"
    write_site(lab, names=(BARE + ",", WWW), more="ssl_protocols TLSv1 TLSv1.2;")
    findings = check(lab, status=1)
    line = [number for number, text in enumerate(site.read_text().splitlines(), 1) if "," in text][0]
    comma = [f for f in of(findings[BARE], "nginx", "failure") + of(findings[BARE], "nginx", "warning")
             if f"{site}:{line}: " in f["seen"] and "comma" in f["seen"]]
    assert comma, findings[BARE]
    assert (comma[0]["code"], comma[0]["file"], comma[0]["line"]) == ("comma", str(site), line), comma
    assert any("TLSv1" in words(f) and str(site) in f["seen"] for name in NAMES for f in of(findings[name], "nginx", "warning"))


def test_nginx_is_not_there(lab):
    lab.issued()
    lab.conf.write_text(lab.conf.read_text().replace(f'binary = "{lab.nginx.binary}"', 'binary = "/nonexistent/nginx"')
                        .replace(f'config = "{lab.nginx.config}"', 'config = "/nonexistent/nginx.conf"'))
    found = one(check(lab, BARE, status=0)[BARE], "nginx", "warning")
    assert "/nonexistent/nginx" in found["seen"] and "could not be looked at" in found["means"]


PROXY = """location {path} {{
        proxy_pass http://{address}:{port};
        {headers}
    }}"""
HEADERS = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";"


@needs_websockets
def test_websocket(lab):
    lab.issued()
    server = WebsocketServer(lab.address).start()
    try:
        address, port = lab.address, server.port
        write_site(lab, more=PROXY.format(path="/ws", address=address, port=port, headers=HEADERS)
                   + PROXY.format(path="/bare", address=address, port=port, headers="")
                   + PROXY.format(path="/dead", address=address, port=free_port(address), headers=HEADERS)
                   + "location /moved { return 301 https://$host/ws; }")
        paths = ("/ws?room=1", "/bare", "/dead", "/moved", "/nowhere")
        done = check(lab, *(argument for path in paths for argument in ("--websocket", path)), BARE, status=1)[BARE]
        found = {path: f for path, f in zip(paths, of(done, "websocket"))}
        assert all(path in f["asked"] for path, f in found.items())
        assert found["/ws?room=1"]["level"] == "ok" and found["/ws?room=1"]["seen"].startswith("101 ")
        assert server.paths == ["/ws?room=1"]
        nginx = " ".join(words(f) for f in of(done, "nginx", "failure"))
        assert f"{lab.nginx.prefix}/sites/{BARE}.conf:" in nginx and "/bare" in nginx and "Upgrade" in nginx
        assert found["/bare"]["level"] == "failure" and "proxy_set_header Upgrade" in found["/bare"]["do"]
        assert found["/dead"]["level"] == "failure" and "502" in found["/dead"]["seen"]
        assert "reaches no websocket server" in found["/dead"]["means"]
        assert "do not follow a redirect" in found["/moved"]["do"] and found["/moved"]["level"] == "warning"
        assert found["/nowhere"]["level"] == "failure" and "404" in found["/nowhere"]["seen"]
    finally:
        server.stop()


@needs_websockets
def test_websocket_of_the_site_block(lab):
    """What `certd issue --site` makes is well in the eyes of `certd check`, without a word of the websocket."""
    server = WebsocketServer(lab.address).start()
    try:
        lab.issued()
        lab.conf.write_text(lab.conf.read_text() + f'''
certificate "{BARE}" {{
    names = {{ "{BARE}", "{WWW}" }}
    site {{ websocket "/ws" {{ to = "http://{lab.address}:{server.port}" }} }}
}}
''')
        (lab.path / "conf.d" / f"{BARE}.conf").unlink()
        write_site(lab, more=PROXY.format(path="/ws", address=lab.address, port=server.port, headers=HEADERS))
        findings = check(lab, status=0)
        for name in NAMES:
            assert f"wss://{name}/ws" in one(findings[name], "websocket", "ok")["asked"]
    finally:
        server.stop()


@needs_websockets
def test_the_site_that_certd_writes_is_well(make_lab):
    """Debian's own NGINX, `certd issue --site`, and nothing to find; the canonical name's websocket works."""
    lab = make_lab(start=False)
    lab.dns.start()
    lab.ca.start()
    adopt(lab)
    server = WebsocketServer(lab.address).start()
    try:
        (lab.path / "www").mkdir()
        (lab.path / "www" / "index.html").write_text("well\n")
        lab.nginx.start()
        lab.issued("--site", "--root", lab.path / "www", "--websocket", f"/ws=http://{lab.address}:{server.port}")
        findings = check(lab, status=0)
        for name in NAMES:
            assert one(findings[name], "websocket", "ok")["seen"].startswith("101 ")
            assert not of(findings[name], "nginx", "warning"), findings[name]
    finally:
        server.stop()


def test_address_literal_and_wildcard(lab):
    findings = check(lab, lab.address, f"*.{BARE}", status=1)
    assert not of(findings[lab.address], "caa")
    assert of(findings[lab.address], "port-80")
    wildcard = findings[f"*.{BARE}"]
    assert {f["subject"] for f in wildcard} == {"dns", "caa", "nginx"} and not [f for f in failures(wildcard) if f["subject"] != "nginx"]


def can_have_a_world():
    anchors = os.path.isdir("/usr/share/dns")
    return anchors and os.geteuid() == 0 and subprocess.run(["unshare", "-nm", "ip", "link", "set", "lo", "up"],
                                                            check=False, capture_output=True).returncode == 0


@needs_knot
@pytest.mark.skipif(not can_have_a_world(), reason="needs root, ip, namespaces, and the package dns-root-data")
@pytest.mark.parametrize("signed, level, words_of_bare", [
    ("yes", "ok", "proven by DNSSEC"), ("no", "ok", ""), ("bogus", "failure", "fails DNSSEC validation"),
])
def test_authoritative_servers_from_the_root_on(certd, tmp_path, signed, level, words_of_bare):
    """Without a resolver the root's servers are asked, and what they name: here a Knot on their addresses, in a world of its own."""
    tmp_path.chmod(0o755)
    (tmp_path / "knot").mkdir()
    conf = tmp_path / "certd.conf"
    conf.write_text(f'state-dir = "{tmp_path}/state"\nruntime-dir = "{tmp_path}/run"\nconnect-timeout = 5s\n')
    done = subprocess.run(["unshare", "-nm", sys.executable, pathlib.Path(__file__).parent / "lab" / "world.py", tmp_path / "knot", signed,
                           certd, "-c", conf, "check", "--json", *NAMES, "here." + BARE, "elsewhere." + BARE],
                          capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done
    findings = {entry["name"]: entry["findings"] for entry in json.loads(done.stdout)["names"]}
    found = of(findings[BARE], "dns")[0]
    assert "the authoritative servers" in found["asked"], found
    assert found["level"] == level and words_of_bare in words(found), found
    if signed != "bogus":
        assert "A 127.0.0.1" in found["seen"]
        assert "neither A nor AAAA" in one(findings[WWW], "dns", "failure")["seen"]
        assert "none of this host's" in one(findings["elsewhere." + BARE], "dns", "warning")["seen"]
        assert len(of(findings["here." + BARE], "dns")) == 1
        # the CA's directory is not in that world: what is built in of it serves
        assert "every CA may issue" in one(findings[BARE], "caa", "ok")["seen"]


@pytest.mark.skipif(not can_have_a_world(), reason="needs root, ip and namespaces")
def test_no_network_at_all(certd, tmp_path):
    conf = tmp_path / "certd.conf"
    conf.write_text(f'state-dir = "{tmp_path}/state"\nruntime-dir = "{tmp_path}/run"\nconnect-timeout = 3s\n')
    done = subprocess.run(["unshare", "-n", certd, "-c", conf, "check", "--json", BARE], capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.returncode == 1, done
    findings = json.loads(done.stdout)["names"][0]["findings"]
    assert "this host has no DNS" in one(findings, "dns", "failure")["means"]
    assert not of(findings, "caa")


@needs_knot
def test_each_family_on_its_own(make_lab):
    """An AAAA that leads nowhere is a failure, though the A is well."""
    lab = make_lab(dns=lambda path, address: Knot(path, address, [f"{BARE}. A {address}", f"{BARE}. AAAA ::1"]), names=(BARE,))
    findings = check(lab, BARE, status=1)[BARE]
    refused = one(findings, "port-80", "failure")
    assert "[::1]" in words(refused) and "listen [::]:80" in refused["do"]
    assert any(lab.address in f["asked"] for f in of(findings, "port-80", "ok"))
    assert any("[::1]" in f["asked"] for f in of(findings, "port-443", "failure"))
