"""The installed units under the systemd of Debian 13: what there is of them that a later systemd could see differently."""
import pathlib
import shutil
import tempfile

import pytest
from lab import BARE, WWW
from lab.container import CA_CONF, Container, Unavailable, cached_root
from lab.units import judge_sandbox, prepare, went

SUITE = "trixie"

pytestmark = pytest.mark.xdist_group(SUITE)  # one machine for all of them

KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
CONF = f'''{CA_CONF}eab-kid = "kid-1"
eab-hmac-file = "credential:ca.hmac"
certificate "{BARE}" {{ names = {{ "{BARE}", "{WWW}" }} }}
'''

SCRIPT = """\
exec 2>&1
served() {
	openssl s_client -connect 127.0.0.1:443 -servername %(bare)s </dev/null 2>/dev/null | openssl x509 -noout -text |
		grep -o 'Public-Key: ([0-9]* bit)'
}
state() { # NAME
	systemctl show certd.service -p ActiveState -p StatusText -p NRestarts -p Result >/out/$1
}
wait_until() { # COMMAND
	timeout 60 sh -c "until $1; do sleep 0.1; done"
}
wait_status() { # WORDS
	wait_until "systemctl show certd.service -p StatusText | grep -q '$1'"
}
systemctl --version >/out/version
systemd-sysusers certd.conf
systemd-tmpfiles --create certd.conf
systemd-analyze verify --man=no certd.service certd-renew.timer certd-job.socket certd-job@1.service >/out/verified 2>&1

%(start_ca)s
certd snippet --write %(bare)s
ln -s /srv/site.conf /etc/nginx/conf.d/
systemctl reload nginx
# The CA wants a key to make an account, which is the service's only.
certd renew >/out/by.hand 2>&1
echo "exit $?" >>/out/by.hand
printf '[Service]\\nLoadCredential=ca.hmac:/srv/ca.hmac\\n' >/etc/systemd/system/certd-renew.service.d/credential.conf
systemctl daemon-reload
systemctl start certd-renew.service
journalctl -o cat -u certd-renew.service >/out/issue
rm /srv/ca.hmac /etc/systemd/system/certd-renew.service.d/credential.conf
systemctl daemon-reload
served >/out/served.issued

journalctl --update-catalog
systemctl enable --now certd-renew.timer
systemctl show certd-renew.timer -p ActiveState -p NextElapseUSecRealtime >/out/timer
# Another type of key: due. The hook looks around from inside of the sandbox.
sed -i '1i key = "ecdsa-p384"' %(conf)s
install -m 755 /srv/look-around %(etc)s/hooks.d/deploy/look-around
systemctl start certd-renew.service
systemctl show certd-renew.service -p Result -p ExecMainStatus >/out/renewed
journalctl -x -u certd-renew.service >/out/explained
served >/out/served.renewed

# The daemon in place of the timer.
systemctl start certd.service
state started
systemctl is-active certd-renew.timer >/out/timer.then
pid=$(systemctl show certd.service -p MainPID --value)
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/$pid/status >/out/rights
echo 'no-such-directive = 1' >>%(conf)s
systemctl reload certd.service
wait_status 'not taken'
state refused
sed -i '$d' %(conf)s
sed -i '1s/.*/key = "rsa-2048"/' %(conf)s
systemctl reload certd.service
wait_until 'readlink %(state)s/live/%(bare)s | grep -q /3'
wait_status '^StatusText=1 certificate, next'
served >/out/served.daemon
journalctl -o cat -u certd.service -u 'certd-job@*' >/out/daemon.journal
mkdir -p /etc/systemd/system/certd.service.d
printf '[Service]\\nWatchdogSec=1\\nRestartSec=0\\n' >/etc/systemd/system/certd.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart certd.service
kill -STOP $(systemctl show certd.service -p MainPID --value)
wait_for certd.service 'Watchdog timeout'
wait_until '[ "$(systemctl show certd.service -p NRestarts --value)" = 1 ] && systemctl -q is-active certd.service'
wait_status '^StatusText=1 certificate, next'
state again
systemctl stop certd.service
state stopped
systemctl list-units --all --no-legend 'certd-job@*' >/out/left
"""


@pytest.fixture(scope="module")
def world(certd):
    """What the script found, by the name of its file."""
    if not (certd.parent / "Makefile").exists():
        pytest.skip(f"make install needs the build that {certd} is of")
    path = pathlib.Path(tempfile.mkdtemp(prefix="certd-trixie-"))
    path.chmod(0o755)
    try:
        container = Container(path, cached_root(SUITE))
        (container.root / "srv/ca.hmac").write_text(KEY + "\n")
        (container.root / "srv/ca.hmac").chmod(0o600)
        log = container.run(SCRIPT % prepare(container, certd.parent, CONF, {"kid-1": KEY}))
        found = {file.name: file.read_text(errors="replace") for file in container.out.iterdir()}
        seen = container.root / "var/log/nginx/seen"
        yield {**found, "log": log, "seen": seen.read_text() if seen.exists() else ""}
    except Unavailable as error:
        pytest.skip(f"no machine of {SUITE}: {error}")
    finally:
        shutil.rmtree(path, ignore_errors=True)


def test_the_units_are_understood(world):
    assert int(world["version"].split()[1]) >= 257, world["version"]
    about_certd = [line for line in world["verified"].splitlines() if "certd" in line]
    assert about_certd == [], world["verified"]


def test_a_secret_is_handed_over_by_the_manager(world):
    assert "the credential ca.hmac is not at hand" in world["by.hand"] and "LoadCredential=ca.hmac:FILE" in world["by.hand"], world["by.hand"]
    assert world["by.hand"].split()[-1] != "0"
    assert "(256 bit)" in world["served.issued"], world["issue"] + world["log"]
    assert KEY not in world["by.hand"] + world["issue"] + world["log"]


def test_the_timer_renews_in_the_sandbox(world):
    assert went(world, "timer")["ActiveState"] == "active" and went(world, "timer")["NextElapseUSecRealtime"], world["timer"]
    assert went(world, "renewed") == {"Result": "success", "ExecMainStatus": "0"}, world["explained"]
    assert "(384 bit)" in world["served.renewed"], world["explained"]
    assert f"Subject: {BARE} has a new certificate" in world["explained"] and "Nothing needs to be done" in world["explained"]
    judge_sandbox(world["seen"])


def test_the_daemon_has_jobs_renew(world):
    started = went(world, "started")
    assert started["ActiveState"] == "active", world["log"]
    assert started["StatusText"].startswith(f"1 certificate, next: {BARE} in "), started
    assert world["timer.then"].strip() == "inactive"
    rights = dict(line.split() for line in world["rights"].splitlines())
    assert int(rights["CapEff:"], 16) == int(rights["CapBnd:"], 16) == 0 and rights["NoNewPrivs:"] == "1" and rights["Seccomp:"] == "2"
    assert "not taken: " in went(world, "refused")["StatusText"], world["log"]
    assert "(2048 bit)" in world["served.daemon"] and "issued and served: generation 3" in world["daemon.journal"], world["daemon.journal"]


def test_a_stalled_daemon_is_started_anew_and_a_stopped_one_leaves_nothing(world):
    assert went(world, "again")["NRestarts"] == "1" and went(world, "again")["ActiveState"] == "active", world["log"]
    assert went(world, "stopped")["ActiveState"] == "inactive" and went(world, "stopped")["Result"] == "success"
    assert world["left"].strip() == ""
