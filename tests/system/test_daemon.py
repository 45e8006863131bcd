"""`certd run` against a real CA and NGINX: it renews at the second, and comes through signals, crashes and wrong configurations."""
import datetime
import json
import os
import pathlib
import signal
import socket

import pytest
from lab import BARE, wait_for


class Manager:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, lab):
        self.path = lab.path / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)
        self.said = []

    def hear(self):
        while True:
            try:
                self.said.extend(self.socket.recv(65536).decode().split("\n"))
            except BlockingIOError:
                return self.said

    def status(self):
        return next((line.split("=", 1)[1] for line in reversed(self.hear()) if line.startswith("STATUS=")), "")


class Daemon:
    def __init__(self, lab, **env):
        self.manager = Manager(lab)
        self.running = lab.begin("run", env={"NOTIFY_SOCKET": str(self.manager.path), **env})

    def ready(self):
        wait_for(lambda: "READY=1" in self.manager.hear(), "the daemon to be ready")
        return self

    def signal(self, number):
        os.kill(self.running.pid, number)

    def stop(self):
        self.signal(signal.SIGTERM)
        done = self.running.wait(10)
        self.manager.hear()
        self.manager.socket.close()
        self.manager.path.unlink()
        return done

    def jobs(self):
        pid = self.running.pid
        return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def says(self, words, timeout_s=20):
        wait_for(lambda: words in self.running.err(), f"the daemon to say {words!r}", timeout_s)


@pytest.fixture
def daemon(lab):
    """Starts a daemon, and stops the one that is left at the end."""
    started = []

    def start(**env):
        started.append(Daemon(lab, **env))
        return started[-1]
    yield start
    for one in started:
        if one.running.process.poll() is None:
            one.running.kill()


def set_state(lab, section, certificate=BARE, **values):
    path = lab.state / "certificates" / certificate / "state.json"
    state = json.loads(path.read_text())
    state.setdefault(section, {}).update(values)
    path.write_text(json.dumps(state))


def rekey(lab, key):
    """The certificate shall have another key: it is due now."""
    path = lab.path / "conf.d" / f"{BARE}.conf"
    lines = [line for line in path.read_text().splitlines() if "key =" not in line]
    lines.insert(1, f'    key = "{key}"')
    path.write_text("\n".join(lines) + "\n")


def generation(lab):
    return int(os.readlink(lab.live()).rsplit("/", 1)[1])


def test_renews_in_the_second_in_which_it_is_due(lab, daemon):
    lab.issued()
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=2)
    lab.ca.suggest((lab.live() / "cert.pem").read_text(), json.dumps({"suggestedWindow": {
        "start": past.strftime("%Y-%m-%dT%H:%M:%SZ"), "end": (past + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")}}))
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    set_state(lab, "ari", next_check_at=due.strftime("%Y-%m-%dT%H:%M:%SZ"))
    questions = lab.ca.renewal_questions()
    one = daemon().ready()
    assert one.manager.status().startswith(f"1 certificate, next: {BARE} in "), one.manager.said
    assert lab.ca.renewal_questions() == questions and one.jobs() == []
    wait_for(lambda: lab.ca.renewal_questions() > questions, "the CA to be asked")
    late = datetime.datetime.now(datetime.timezone.utc) - due.replace(microsecond=0)
    assert 0 <= late.total_seconds() < 2.5
    wait_for(lambda: generation(lab) == 2 and "d" in one.manager.status().split(" in ")[-1] and not one.jobs(), "the renewal")
    lab.assert_served()
    # What came of it is known, and nothing is done any more: while others are at work it does not wake once.
    before = cpu(one.running.pid)
    lab.assert_served()
    assert lab.certd("status").status == 0
    assert cpu(one.running.pid) == before and one.jobs() == []
    done = one.stop()
    assert done.status == 0 and "STOPPING=1" in one.manager.said, done


def cpu(pid):
    """Its time on the processor, and how often it was woken."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    switches = [line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if "ctxt_switches" in line]
    return fields[11:13], switches


def test_reads_its_configuration_again_all_or_nothing(lab, daemon):
    lab.issued()
    one = daemon().ready()
    good = lab.conf.read_text()
    lab.conf.write_text(good + "no-such-directive = 1\n")
    rekey(lab, "ecdsa-p384")
    one.signal(signal.SIGHUP)
    one.says("no-such-directive")
    wait_for(lambda: "configuration on disk is not taken" in one.manager.status(), "the status")
    assert one.running.err().count("certd.conf:") >= 1 and "the one before still holds" in one.running.err()
    said = one.manager.hear()
    assert "RELOADING=1" in said and any(line.startswith("MONOTONIC_USEC=") for line in said)
    assert said.index("READY=1", said.index("RELOADING=1")) > 0
    assert generation(lab) == 1
    lab.conf.write_text(good)
    one.signal(signal.SIGHUP)
    wait_for(lambda: generation(lab) == 2 and not one.jobs(), "the renewal")
    assert "not taken" not in one.manager.status()
    lab.assert_served()
    assert one.stop().status == 0


def test_only_one_at_a_time(lab, daemon):
    lab.issued()
    one = daemon().ready()
    for command in (["run"], ["renew", "--dry-run"]):
        done = lab.certd(*command)
        assert done.status == 4 and f"process {one.running.pid}" in done.err, done
    assert lab.certd("status").status == 0
    one.stop()
    assert lab.certd("renew").status == 0


def hold_up(lab):
    """A deploy hook that waits until it is told to go on; returns the file that shows it has begun."""
    begun = lab.state / "begun"
    lab.hook("deploy", f"#!/bin/sh\ntouch {begun}\nwhile [ ! -e {lab.state}/go-on ]; do sleep 0.1; done\n")
    return begun


def due_and_held_up(lab, daemon):
    lab.issued()
    begun = hold_up(lab)
    rekey(lab, "ecdsa-p384")
    one = daemon()
    wait_for(begun.exists, "the deploy hook")
    return one


def orders_after_restart(lab, daemon):
    """A new daemon ends what was begun, and orders nothing for it."""
    (lab.state / "go-on").touch()
    orders = lab.ca.orders()
    two = daemon().ready()
    wait_for(lambda: not two.jobs() and lab.status()["state"] == "valid" and lab.status()["served"]["verified"] and
             lab.status()["last_attempt"]["result"] == "ok", "the deployment", 20)
    lab.assert_served()
    assert lab.ca.orders() == orders and generation(lab) == 2
    assert two.stop().status == 0
    assert lab.stray() == [] and lab.tokens() == []


def test_sigterm_in_a_job_ends_soon_and_is_taken_up(lab, daemon):
    one = due_and_held_up(lab, daemon)
    done = one.stop()
    assert done.status == 0 and done.wall_s < 30, done
    orders_after_restart(lab, daemon)


def test_a_daemon_that_is_killed_takes_its_jobs_along(lab, daemon):
    one = due_and_held_up(lab, daemon)
    jobs = one.jobs()
    os.kill(one.running.pid, signal.SIGKILL)
    wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in jobs), "its jobs to end", 10)
    one.running.wait(10)
    one.manager.path.unlink()
    orders_after_restart(lab, daemon)


def test_a_job_that_is_killed_is_no_matter_to_the_daemon(lab, daemon):
    one = due_and_held_up(lab, daemon)
    for pid in one.jobs():
        os.kill(pid, signal.SIGKILL)
    one.says("a job was lost: it was ended by signal 9")
    wait_for(lambda: not one.jobs(), "the job to be gone")
    one.signal(signal.SIGHUP)
    one.says("the configuration was read again")
    assert one.stop().status == 0
    orders_after_restart(lab, daemon)


def test_a_state_that_cannot_be_read_costs_its_history_only(lab, daemon):
    lab.issued()
    (lab.state / "certificates" / BARE / "state.json").write_bytes(b"\0{")
    one = daemon().ready()
    wait_for(lambda: (lab.state / "certificates" / BARE / "state.json.damaged").exists() and not one.jobs(), "a job to look at it")
    assert generation(lab) == 1 and "1 certificate, next" in one.manager.status()
    assert one.stop().status == 0
    lab.assert_served()


def test_many_are_shared_among_few_jobs(lab, daemon):
    """A dozen certificates from nothing, by one connection for each job."""
    names = [f"n{i}.{BARE}" for i in range(12)]
    (lab.path / "conf.d").mkdir(exist_ok=True)
    lab.write_conf(deploy="none", preflight=False)
    lab.nginx.stop()
    lab.nginx.site(BARE, names)
    lab.prepare_site()
    lab.nginx.start()
    text = "\n".join(f'certificate "{name}" {{ names = "{name}" }}' for name in names)
    (lab.path / "conf.d" / "many.conf").write_text(text + "\n")
    one = daemon().ready()
    wait_for(lambda: all((lab.state / "live" / name).exists() for name in names) and not one.jobs(), "all of them", 60)
    assert one.manager.status().startswith("12 certificates, next: "), one.manager.said
    assert lab.ca.orders() == 12 and sum(path == "/sign-me-up" for _, path in lab.ca.requests()) == 1, lab.ca.requests()
    assert one.stop().status == 0
