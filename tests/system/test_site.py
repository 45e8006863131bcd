"""Sites as people have them: what certd says of one that cannot work, and that it says it before the CA does."""
import pytest
from lab import BARE, NAMES, WWW


def rewrite(lab, change):
    site = lab.nginx.prefix / "sites" / f"{BARE}.conf"
    text = change(site.read_text())
    assert text != site.read_text()
    site.write_text(text)
    assert lab.nginx.test_passes() is True
    lab.nginx.stop()
    lab.nginx.start()


def exception(lab):
    return f"include {lab.snippets}/certd-acme-challenge.conf;"


def findings(done):
    lines = done.err.splitlines()
    first = next((number for number, line in enumerate(lines) if "directory: asking" in line), len(lines))
    return [line for line in lines[:first] if "looking up" not in line]


SHADOWS = {
    "redirect of the whole server": ("return 301 https://$host$request_uri;", "301"),
    "login": ('location / {{ auth_basic "members"; auth_basic_user_file {prefix}/users; }}', "401"),
    "application that answers everything": ("location / {{ try_files $uri /index.html; }} root {prefix}/html;", "200"),
    "nothing there": ("location / {{ return 404; }}", "404"),
    "closed": ("location / {{ deny all; }}", "403"),
}


@pytest.mark.parametrize("name", SHADOWS)
def test_without_the_exception(lab, name):
    directive, status = SHADOWS[name]
    (lab.nginx.prefix / "users").write_text("x:y\n")
    if "{" in directive:
        directive = directive.format(prefix=lab.nginx.prefix)

    def change(text):
        head, _, tail = text.partition("server {")[2].partition("server {")
        head = head.replace(exception(lab), "").partition("location / {")[0] + directive + "\n}\n"
        return "server {" + head + "server {" + tail
    rewrite(lab, change)
    done = lab.issue()
    assert done.status == 1, done
    told = "\n".join(findings(done))
    assert status in told and BARE in told and WWW in told, f"the preflight says what was seen: {done}"
    assert "certd-acme-challenge.conf" in told, f"and which line is missing: {done}"
    assert lab.tokens() == [] and not lab.live().exists()


def test_exception_wins_against_a_rule_for_hidden_files(lab):
    """Many sites have `location ~ /\\. { deny all; }`."""
    rewrite(lab, lambda text: text.replace("location / {", "location ~ /\\. { deny all; }\n    location / {", 1))
    done = lab.issue()
    assert done.status == 0 and findings(done) == [], done
    lab.assert_served()


def test_no_server_for_https_yet(lab):
    """Issued, but nobody serves it: said, with the way out; and the certificate is kept for when somebody does."""
    lab.write_conf(deploy_timeout="2s")
    site = lab.nginx.prefix / "sites" / f"{BARE}.conf"
    whole = site.read_text()
    rewrite(lab, lambda text: "server {" + text.partition("server {")[2].partition("server {")[0])
    done = lab.issue()
    assert done.status == 1 and "443" in done.err and "snippet" in done.err, done
    orders = lab.ca.orders()
    site.write_text(whole)
    lab.nginx.stop()
    lab.nginx.start()
    done = lab.certd("renew")
    assert done.status == 0 and lab.ca.orders() == orders, done
    lab.assert_served()


def test_nobody_on_port_80(lab):
    lab.nginx.stop()
    done = lab.issue()
    assert done.status == 1, done
    told = "\n".join(findings(done))
    assert all(name in told for name in NAMES) and str(lab.nginx.http_port) in told, done


def test_address_of_another_machine(lab):
    """An AAAA record that leads nowhere, beside a good A record."""
    lab.write_conf(connect_timeout="2s")
    lab.dns.post("add-aaaa", host=WWW, addresses=["2001:db8::dead"])
    done = lab.issue()
    told = "\n".join(findings(done))
    assert "2001:db8::dead" in told and WWW in told, done
