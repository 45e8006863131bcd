"""The control socket of `certd run`, and the commands that use it."""
import os
import random
import signal
import socket

import pytest
from lab import BARE, NAMES, WWW, wait_for
from lab.fakes import FakeServer
from lab.varlink import Client


@pytest.fixture
def daemon(lab):
    """Starts a daemon that answers at its socket, and ends it."""
    started = []

    def start():
        running = lab.begin("run")
        running.socket = lab.runtime / "control"
        started.append(running)
        wait_for(lambda: answers(running.socket), "the control socket")
        return running
    yield start
    for running in started:
        if running.process.poll() is None:
            os.kill(running.pid, signal.SIGTERM)
            assert running.wait(15).status == 0


def answers(path):
    try:
        with Client(path) as client:
            return client.call("io.certd.Status") is not None
    except OSError:
        return False


def rekey(lab, key):
    path = lab.path / "conf.d" / f"{BARE}.conf"
    lines = [line for line in path.read_text().splitlines() if "key =" not in line]
    path.write_text("\n".join([lines[0], f'    key = "{key}"', *lines[1:]]) + "\n")


def known(client):
    """Once a job has looked at it."""
    return next(client.series("io.certd.List"))["parameters"]["certificate"]["known"]


def test_the_whole_interface(lab, daemon):
    lab.issued()
    daemon = daemon()
    with Client(daemon.socket) as client, Client(daemon.socket) as listener:
        assert "io.certd" in client.call("org.varlink.service.GetInfo")["parameters"]["interfaces"]
        text = client.call("org.varlink.service.GetInterfaceDescription", interface="io.certd")["parameters"]["description"]
        assert text.count("method ") == 5
        wait_for(lambda: known(client), "a look at the certificate")
        listed = [reply["parameters"]["certificate"] for reply in client.series("io.certd.List")]
        assert [entry["name"] for entry in listed] == [BARE] and sorted(listed[0]["names"]) == sorted(NAMES)
        assert listed[0]["valid"] and not listed[0]["failing"] and listed[0]["not_after"] == lab.status()["not_after"]
        status = client.call("io.certd.Status")["parameters"]
        assert status["pid"] == daemon.pid and status["certificates"] == 1 and status["next"] == BARE

        # Another key: due after a reload, and whoever subscribed hears of it, too.
        listener.send("io.certd.Subscribe", more=True)
        assert listener.reply() == {"parameters": {}, "continues": True}
        rekey(lab, "ecdsa-p384")
        assert client.call("io.certd.Reload") == {"parameters": {}}
        events = [reply["parameters"]["event"] for reply in client.series("io.certd.Renew", certificates=[BARE])]
        assert events[-1]["kind"] == "ended" and events[-1]["result"] in ("issued", "not-due"), events
        heard = []
        while not heard or (heard[-1]["kind"], heard[-1].get("result")) != ("ended", "issued"):
            heard.append(listener.reply()["parameters"]["event"])
        assert {"reloaded", "started", "progress", "ended"} <= {event["kind"] for event in heard}
        lab.assert_served()
        assert lab.status()["key"] == "ecdsa-p384" and lab.status()["generation"] == 2

        # A configuration that is wrong is not taken.
        good = lab.conf.read_text()
        lab.conf.write_text(good + "no-such-directive = 1\n")
        failed = client.call("io.certd.Reload")
        assert failed["error"] == "io.certd.Failed" and "no-such-directive" in failed["parameters"]["message"], failed
        lab.conf.write_text(good)
        assert client.call("io.certd.Reload") == {"parameters": {}}


def test_garbage_slowness_and_crowds(daemon):
    """The daemon goes on, and answers others."""
    daemon, shaken = daemon(), random.Random(7)
    whole = b'{"method":"io.certd.List","parameters":{"a":[1,null,{"b":"c"}]},"more":true}\0'
    slow = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for one in slow:
        one.connect(str(daemon.socket))
        one.sendall(b'{"method":')
    for _ in range(300):
        data = bytearray(whole * shaken.randrange(1, 4))
        for _ in range(shaken.randrange(1, 8)):
            data[shaken.randrange(len(data))] = shaken.randrange(256)
        with Client(daemon.socket) as client:
            try:
                client.socket.sendall(data if shaken.random() < 0.9 else bytes(data) * 2000)
                client.socket.shutdown(socket.SHUT_WR)
                while client.socket.recv(65536):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    with Client(daemon.socket) as client:
        assert client.call("io.certd.Status")["parameters"]["pid"] == daemon.pid
        assert client.call("io.certd.Renew", certificates=["gone.example"])["error"] == "io.certd.NoSuchCertificate"
    for one in slow:
        one.close()
    assert daemon.process.poll() is None


def test_commands_have_the_daemon_do_it(lab, daemon):
    """It holds the lock, so it does the work; what is printed, the exit status and what is remembered are as without it."""
    lab.prepare_site()
    running = daemon()
    done = lab.issue()
    assert done.status == 0 and "issued and served: generation 1" in done.out, done
    assert ": order: " in done.err and lab.status()["state"] == "valid"
    lab.assert_served()
    done = lab.certd("issue", "--json", *NAMES)
    assert done.status == 0 and done.json()["certificates"][0]["result"] == "not-due", done
    orders = lab.ca.orders()
    done = lab.certd("renew")
    assert done.status == 0 and "not due" in done.out and lab.ca.orders() == orders, done
    done = lab.certd("renew", "--force", BARE)
    assert done.status == 0 and "generation 2" in done.out and lab.ca.orders() == orders + 1, done
    assert lab.status()["renew_at"] in done.out, "what comes next, not that it was forced"

    # Another type of key, remembered only because it came to a certificate.
    done = lab.issue("--key", "ecdsa-p384")
    assert done.status == 0 and "generation 3" in done.out and lab.status()["key"] == "ecdsa-p384", done
    file = lab.path / "conf.d" / f"{BARE}.conf"
    before = file.read_text()
    lab.write_conf(preflight=False)
    lab.dns.post("add-a", host=WWW, addresses=["127.0.0.99"])
    done = lab.issue("--key", "ecdsa-p256")
    assert done.status == 1 and WWW in done.err and file.read_text() == before, done
    assert lab.status()["generation"] == 3 and lab.status()["key"] == "ecdsa-p384"
    lab.assert_served()

    assert lab.certd("reload").status == 0
    good = lab.conf.read_text()
    lab.conf.write_text(good + "no-such-directive = 1\n")
    done = lab.certd("reload")
    assert done.status == 2 and "no-such-directive" in done.err, done
    lab.conf.write_text(good)

    # What it cannot do names who is at work.
    done = lab.certd("renew", "--dry-run", BARE)
    assert done.status == 4 and str(running.pid) in done.err and "when it is stopped" in done.err, done
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait(15).status == 0
    assert lab.certd("reload").status == 1


def test_whoever_waits_may_leave(lab, daemon):
    """The daemon goes on with what is new, so it stays remembered."""
    silent = FakeServer("tls-silent", lab).start()
    running = daemon()
    waiting = lab.begin("issue", "--ca", silent.url, "--ca-bundle", silent.trust, *NAMES)
    wait_for(lambda: silent.connections > 0, "the daemon's job to ask its CA")
    os.kill(waiting.pid, signal.SIGTERM)
    done = waiting.wait(10)
    assert done.status == 1 and "the daemon goes on with it" in done.err, done
    assert (lab.path / "conf.d" / f"{BARE}.conf").exists()
    with Client(running.socket) as client:
        assert client.call("io.certd.Status")["parameters"]["running"] == 1
    silent.stop()


def test_no_job_can_be_had(lab):
    """Nobody is let wait, and nothing is forgotten: it is tried again."""
    lab.issued()
    running = lab.begin("run", "--job-socket", str(lab.path / "nobody-listens"))
    wait_for(lambda: answers(lab.runtime / "control"), "the control socket")
    done = lab.certd("renew", "--force", BARE, timeout_s=20)
    assert done.status == 1 and "cannot have a job started" in done.err, done
    with Client(lab.runtime / "control") as client:
        assert next(client.series("io.certd.List"))["parameters"]["certificate"]["activity"] == "waiting"
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait(15).status == 0
    assert "no job could be started" in running.err() and lab.certd("renew", "--force", BARE).status == 0
