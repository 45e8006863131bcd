"""The installed units under a real systemd: the timer's service renews and deploys inside of its sandbox."""
import json
import pathlib
import shutil
import tempfile

import pytest
from lab import BARE
from lab.container import Container, Unavailable, cached_root
from lab.units import judge_sandbox, prepare, went

pytestmark = pytest.mark.xdist_group("machine")  # one machine for all of them

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
# The daemon in place of the timer.
state() { # NAME
	systemctl show certd.service -p ActiveState -p StatusText -p NRestarts -p Result >/out/$1
}
wait_status() { # WORDS
	timeout 60 sh -c 'until systemctl show certd.service -p StatusText | grep -q "$1"; do sleep 0.1; done' sh "$1"
}
systemctl start certd.service
state daemon.started
systemctl is-active certd-renew.timer >/out/daemon.timer
systemctl show certd.service -p ExecMainStartTimestampMonotonic -p ActiveEnterTimestampMonotonic >/out/daemon.times
pid=$(systemctl show certd.service -p MainPID --value)
stat -c %%U /proc/$pid >/out/daemon.user
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/$pid/status >/out/daemon.rights
certd renew --dry-run >/out/daemon.locked 2>&1
echo $? >>/out/daemon.locked
echo 'no-such-directive = 1' >>%(conf)s
systemctl reload certd.service
wait_status 'not taken'
state daemon.refused
sed -i '$d' %(conf)s
sed -i '1s/.*/key = "rsa-2048"/' %(conf)s
systemctl reload certd.service
timeout 60 sh -c 'until readlink %(state)s/live/%(bare)s | grep -q /3; do sleep 0.1; done'
wait_status '^StatusText=1 certificate, next'
served >/out/served.daemon
certd renew --force %(bare)s >/out/daemon.asked 2>&1
echo $? >>/out/daemon.asked
certd reload >>/out/daemon.asked 2>&1
echo $? >>/out/daemon.asked
state daemon.renewed
journalctl -o cat -u certd.service -u 'certd-job@*' >/out/daemon.journal
mkdir -p /etc/systemd/system/certd.service.d
printf '[Service]\nWatchdogSec=1\nRestartSec=0\n' >/etc/systemd/system/certd.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart certd.service
kill -STOP $(systemctl show certd.service -p MainPID --value)
wait_for certd.service 'Watchdog timeout'
timeout 60 sh -c 'until [ "$(systemctl show certd.service -p NRestarts --value)" = 1 ] && systemctl -q is-active certd.service; do sleep 0.1; done'
wait_status '^StatusText=1 certificate, next'
state daemon.again
systemctl stop certd.service
state daemon.stopped
systemctl list-units --all --no-legend 'certd-job@*' >/out/daemon.left
sed -i '1s/.*/key = "ecdsa-p384"/' %(conf)s

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

@pytest.fixture(scope="module")
def world(certd):
    """What the script found, by the name of its file."""
    if not (certd.parent / "Makefile").exists():
        pytest.skip(f"make install needs the build that {certd} is of")
    path = pathlib.Path(tempfile.mkdtemp(prefix="certd-machine-"))
    path.chmod(0o755)
    try:
        container = Container(path, cached_root())
        log = container.run(SCRIPT % prepare(container, certd.parent))
        found = {file.name: file.read_text(errors="replace") for file in container.out.iterdir()}
        seen = container.root / "var/log/nginx/seen"
        yield {**found, "log": log, "seen": seen.read_text() if seen.exists() else ""}
    except Unavailable as error:
        pytest.skip(str(error))
    finally:
        shutil.rmtree(path, ignore_errors=True)


def test_user_and_folders_are_made(world):
    assert world["user"].startswith("certd:"), world["log"]
    assert [line.split()[1:] for line in world["folders"].splitlines()] == [["755", "root"]] * 2 + [["755", "certd"]], world["log"]


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
    judge_sandbox(world["seen"])


def test_the_daemon_takes_the_place_of_the_timer(world):
    assert went(world, "daemon.started")["ActiveState"] == "active", world["log"]
    assert went(world, "daemon.started")["StatusText"].startswith("1 certificate, next: togetherers.com in "), world["log"]
    assert world["daemon.timer"].strip() == "inactive" and world["daemon.user"].strip() == "certd"
    times = went(world, "daemon.times")
    assert int(times["ActiveEnterTimestampMonotonic"]) - int(times["ExecMainStartTimestampMonotonic"]) < 5e6
    assert "another certd (process" in world["daemon.locked"] and world["daemon.locked"].strip().endswith("4")
    rights = dict(line.split() for line in world["daemon.rights"].splitlines())
    assert int(rights["CapEff:"], 16) == int(rights["CapBnd:"], 16) == 0 and rights["NoNewPrivs:"] == "1" and rights["Seccomp:"] == "2"


def test_the_daemon_reloads_and_has_jobs_renew(world):
    assert "not taken: " in went(world, "daemon.refused")["StatusText"], world["log"]
    assert "(2048 bit)" in world["served.daemon"], world["daemon.journal"]
    assert "issued and served: generation 3" in world["daemon.journal"]
    # Asked by root, whose daemon it is, though it runs as another user.
    assert "issued and served: generation 4" in world["daemon.asked"] and world["daemon.asked"].split()[-1] == "0", world["daemon.asked"]
    assert went(world, "daemon.renewed")["NRestarts"] == "0"


def test_a_stalled_daemon_is_started_anew_and_a_stopped_one_leaves_nothing(world):
    assert went(world, "daemon.again")["NRestarts"] == "1" and went(world, "daemon.again")["ActiveState"] == "active", world["log"]
    assert went(world, "daemon.stopped")["ActiveState"] == "inactive" and went(world, "daemon.stopped")["Result"] == "success"
    assert world["daemon.left"].strip() == ""


def test_a_log_out_of_reach_is_named_with_what_to_do(world):
    assert went(world, "elsewhere") == {"Result": "exit-code", "ExecMainStatus": "1"}, world["elsewhere.journal"]
    assert "/srv/elsewhere.log" in world["elsewhere.journal"] and "ReadWritePaths=" in world["elsewhere.journal"]
    assert "(2048 bit)" in world["served.elsewhere"]


def test_another_certd_at_work_is_no_failure(world):
    assert went(world, "locked") == {"Result": "success", "ExecMainStatus": "4"}, world["log"]


def test_a_wrong_configuration_is_a_failure(world):
    assert went(world, "broken") == {"Result": "exit-code", "ExecMainStatus": "2"}, world["broken.journal"]
    assert "failed" in world["broken"] and "no-such-directive" in world["broken.journal"]
