"""The installed units under a real systemd: the timer's service renews and deploys inside of its sandbox."""
import json
import pathlib
import shutil
import tempfile

import pytest
from lab import BARE, WWW
from lab.container import CA_CONF, Container, Unavailable, cached_root

SCRIPT = """\
exec 2>&1
served() {
	openssl s_client -connect 127.0.0.1:443 -servername %(bare)s </dev/null 2>/dev/null | openssl x509 -noout -text |
		grep -o 'Public-Key: ([0-9]* bit)'
}
renew() { # NAME: one run of the timer's service, and how it went
	systemctl start certd-renew.service
	systemctl show certd-renew.service -p Result -p ExecMainStatus >/out/$1
	journalctl -o cat -u certd-renew.service >/out/$1.journal
}

# As certd(8) says.
systemd-sysusers certd.conf
systemd-tmpfiles --create certd.conf
getent passwd certd >/out/user
stat -c '%%n %%a %%U' %(state)s %(state)s/webroot %(run)s >/out/folders

%(start_ca)s
certd snippet --write %(bare)s
ln -s /srv/site.conf /etc/nginx/conf.d/
systemctl reload nginx
certd issue %(bare)s %(www)s >/out/issue 2>&1
served >/out/served.issued

journalctl --update-catalog
systemctl enable --now certd-renew.timer
systemctl is-active certd-renew.timer >/out/timer
systemctl show certd-renew.timer -p Persistent -p Unit >>/out/timer
busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/certd_2drenew_2etimer \\
	org.freedesktop.systemd1.Timer NextElapseUSecRealtime >/out/next
date +%%s >/out/now

renew idle
# Another type of key: due. The hook looks around from inside of the sandbox.
sed -i '1i key = "ecdsa-p384"' %(conf)s
install -m 755 /srv/look-around %(etc)s/hooks.d/deploy/look-around
renew renewed
served >/out/served.renewed
certd status >/out/status

journalctl -x -u certd-renew.service >/out/explained
journalctl -o json CERTD_CERTIFICATE=%(bare)s >/out/records

# NGINX may write there, the sandbox may not.
echo 'server { listen 81; access_log /srv/elsewhere.log; }' >/etc/nginx/conf.d/elsewhere.conf
sed -i 1d %(conf)s
renew elsewhere
served >/out/served.elsewhere

flock %(run)s/lock systemctl start certd-renew.service
systemctl show certd-renew.service -p Result -p ExecMainStatus >/out/locked
echo 'no-such-directive = 1' >>%(conf)s
renew broken
systemctl is-failed certd-renew.service >>/out/broken
"""

LOOK_AROUND = """\
#!/bin/sh
exec >%(state)s/seen 2>&1
grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status
for d in /etc /etc/nginx /usr /var/lib /var/log /run /root /home %(etc)s %(snippets)s %(state)s %(run)s /var/log/nginx; do
	if (: >"$d/seen.tmp") 2>/dev/null; then echo "writes $d"; rm -f "$d/seen.tmp"; fi
done
if unshare --mount true 2>/dev/null; then echo "makes namespaces"; fi
if chown www-data %(state)s/seen 2>/dev/null; then echo "gives away"; fi
systemctl is-active nginx.service
cp %(state)s/seen /var/log/nginx/
exit 0
"""


@pytest.fixture(scope="module")
def world(certd):
    """What the script found, by the name of its file."""
    if not (certd.parent / "Makefile").exists():
        pytest.skip(f"make install needs the build that {certd} is of")
    path = pathlib.Path(tempfile.mkdtemp(prefix="certd-machine-"))
    path.chmod(0o755)
    try:
        container = Container(path, cached_root())
        log = _run(container, certd.parent)
        found = {file.name: file.read_text(errors="replace") for file in container.out.iterdir()}
        seen = container.root / "var/log/nginx/seen"
        yield {**found, "log": log, "seen": seen.read_text() if seen.exists() else ""}
    except Unavailable as error:
        pytest.skip(str(error))
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _run(container, build):
    folders = container.folders(build)
    values = {"bare": BARE, "www": WWW, "start_ca": container.bring_ca(),
              "state": folders["localstatedir"] + "/lib/certd", "run": folders["runstatedir"] + "/certd",
              "etc": folders["sysconfdir"] + "/certd", "conf": folders["sysconfdir"] + "/certd/certd.conf",
              "snippets": folders["sysconfdir"] + "/nginx/snippets"}
    container.install(build)
    srv = container.root / "srv"
    (srv / "site.conf").write_text(
        f"server {{ listen 80; server_name {BARE} {WWW}; include {values['snippets']}/certd-acme-challenge.conf; }}\n"
        f"server {{ listen 443 ssl; server_name {BARE} {WWW}; include {values['snippets']}/certd/{BARE}.conf; }}\n")
    (srv / "look-around").write_text(LOOK_AROUND % values)
    (container.root / values["conf"].lstrip("/")).write_text(CA_CONF)
    # A leak check at exit traces the program, which the sandbox forbids; other builds take no notice of this.
    drop_in = container.root / "etc/systemd/system/certd-renew.service.d"
    drop_in.mkdir()
    (drop_in / "test.conf").write_text("[Service]\nEnvironment=ASAN_OPTIONS=detect_leaks=0\n")
    return container.run(SCRIPT % values)


def went(world, name):
    return dict(line.split("=", 1) for line in world[name].split("\n") if "=" in line)


def test_user_and_folders_are_made(world):
    assert world["user"].startswith("certd:"), world["log"]
    assert [line.split()[1:] for line in world["folders"].splitlines()] == [["755", "root"]] * 3, world["log"]


def test_the_timer_looks_every_half_hour(world):
    assert set(world["timer"].split()) == {"active", "Unit=certd-renew.service", "Persistent=yes"}, world["log"]
    assert 0 <= int(world["next"].split()[1]) / 1e6 - int(world["now"]) <= 3660


def test_nothing_due_is_no_failure(world):
    assert went(world, "idle") == {"Result": "success", "ExecMainStatus": "0"}, world["idle.journal"]


def test_a_whole_renewal_in_the_sandbox(world):
    assert "(256 bit)" in world["served.issued"], world["issue"] + world["log"]
    assert went(world, "renewed") == {"Result": "success", "ExecMainStatus": "0"}, world["renewed.journal"]
    assert "(384 bit)" in world["served.renewed"], world["renewed.journal"]
    assert "issued and served: generation 2" in world["renewed.journal"] and "valid" in world["status"]


def test_the_journal_explains(world):
    """Its records have fields, what happened has an entry in the catalog, and the lines that people read are there once."""
    records = [json.loads(line) for line in world["records"].splitlines()]
    done = [record for record in records if record.get("CERTD_RESULT") == "issued"]
    assert len(done) == 1 and "issued and served: generation 2" in done[0]["MESSAGE"], world["records"]
    assert done[0]["CERTD_GENERATION"] == "2" and done[0]["CERTD_SERVED"] == "yes" and len(done[0]["MESSAGE_ID"]) == 32
    assert done[0]["CERTD_CA"] and done[0]["SYSLOG_IDENTIFIER"] == "certd"
    assert {"order", "commit", "deploy", "prove"} <= {record.get("CERTD_STEP") for record in records}
    assert f"Subject: {BARE} has a new certificate" in world["explained"] and "Nothing needs to be done" in world["explained"]
    assert world["renewed.journal"].count("issued and served: generation 2") == 1


def test_the_sandbox_lets_out_only_what_it_says(world):
    seen = world["seen"].splitlines()
    writes = {line.split()[1] for line in seen if line.startswith("writes ")}
    own = {path for path in writes if path.endswith(("/lib/certd", "/run/certd", "/nginx/snippets"))}
    assert len(own) == 3 and writes - own == {"/var/log/nginx"}, seen
    assert "makes namespaces" not in seen and "gives away" not in seen and "active" in seen, seen
    status = dict(line.split() for line in seen if ":" in line)
    # DAC_OVERRIDE, KILL, SETGID, SETUID, NET_BIND_SERVICE
    assert int(status["CapEff:"], 16) == 1 << 1 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10
    assert status["NoNewPrivs:"] == "1" and status["Seccomp:"] == "2"


def test_a_log_out_of_reach_is_named_with_what_to_do(world):
    assert went(world, "elsewhere") == {"Result": "exit-code", "ExecMainStatus": "1"}, world["elsewhere.journal"]
    assert "/srv/elsewhere.log" in world["elsewhere.journal"] and "ReadWritePaths=" in world["elsewhere.journal"]
    assert "(384 bit)" in world["served.elsewhere"]


def test_another_certd_at_work_is_no_failure(world):
    assert went(world, "locked") == {"Result": "success", "ExecMainStatus": "4"}, world["log"]


def test_a_wrong_configuration_is_a_failure(world):
    assert went(world, "broken") == {"Result": "exit-code", "ExecMainStatus": "2"}, world["broken.journal"]
    assert "failed" in world["broken"] and "no-such-directive" in world["broken.journal"]
