"""The net process, seen from outside: another user, no privileges, a sandbox, no key."""
import os
import pathlib
import pwd
import re
import subprocess

import pytest
from lab import NAMES, wait_for
from lab.fakes import FakeServer


def proc_status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def conversation(lab):
    """A certd whose net process is in the middle of talking to a CA. Gives (job's pid, net's pid)."""
    lab.issued()  # so that there are keys which it must not have
    silent = FakeServer("tls-silent", lab).start()
    running = lab.begin("issue", "--force", "--ca", silent.url, "--ca-bundle", silent.trust, *NAMES)
    wait_for(lambda: silent.connections, "the net process to connect")
    net = wait_for(lambda: children(running.pid), "a child of certd")
    assert len(net) == 1
    yield running.pid, net[0]
    running.kill()
    silent.stop()


def test_sandbox(conversation):
    _, net = conversation
    status = proc_status(net)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    for mask in ("CapPrm", "CapEff", "CapAmb", "CapInh"):
        assert int(status[mask], 16) == 0, status


def test_another_user(conversation, root_only):
    _, net = conversation
    uids, groups = proc_status(net)["Uid"].split(), proc_status(net)["Gid"].split()
    assert "0" not in uids and "0" not in groups and len(set(uids)) == 1
    assert pwd.getpwuid(int(uids[0])).pw_name in ("certd", "nobody")
    assert "0" not in proc_status(net).get("Groups", "").split()


def test_few_descriptors_and_no_way_to_the_keys(conversation, lab):
    _, net = conversation
    folder = pathlib.Path(f"/proc/{net}/fd")
    targets = [os.readlink(entry) for entry in folder.iterdir()]
    assert not [target for target in targets if str(lab.state) in target or str(lab.runtime) in target], targets
    assert len(targets) < 20, targets


def test_no_key_in_its_memory(conversation, lab, root_only):
    _, net = conversation
    secrets = []
    for path in lab.state.rglob("*"):
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes():
            secrets.append(path.read_bytes().split(b"\n")[1][:40])
    assert len(secrets) >= 2
    memory = b""
    try:
        with open(f"/proc/{net}/maps", encoding="ascii") as maps, open(f"/proc/{net}/mem", "rb", buffering=0) as mem:
            for line in maps:
                area, rights = line.split()[:2]
                start, end = (int(part, 16) for part in area.split("-"))
                if "w" not in rights or end - start > 64 << 20:
                    continue
                mem.seek(start)
                memory += mem.read(end - start)
    except PermissionError:
        pytest.skip("its memory cannot be read, by us neither")
    assert len(memory) > 100000
    for secret in secrets:
        assert secret not in memory


def secrets_in(folder):
    """Each private key below: a line of its PEM, and the number itself."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes():
            text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
            number = bytes.fromhex(re.search(r"priv:\n([0-9a-f:\s]+)pub:", text)[1].replace(":", "").replace("\n", "").replace(" ", ""))[-32:]
            found.append((path, path.read_bytes().split(b"\n")[1][:40], number, number[::-1]))
    return found


def memory_of(pid):
    memory = b""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            area, rights = line.split()[:2]
            start, end = (int(part, 16) for part in area.split("-"))
            if "w" not in rights or end - start > 64 << 20:
                continue
            mem.seek(start)
            memory += mem.read(end - start)
    return memory


def test_no_key_in_the_memory_of_the_second_net_process(lab, root_only):
    """It is forked when the job has had the keys of the certificates before in its hands."""
    lab.issued()
    silent = FakeServer("tls-silent", lab).start()
    (lab.path / "conf.d" / "zz.conf").write_text(
        f'certificate "zz.{NAMES[0]}" {{ names = {{ "zz.{NAMES[0]}" }} ca = "{silent.url}" ca-bundle = "{silent.trust}" '
        'deploy = "none" preflight = false }\n')
    running = lab.begin("renew", "--force")
    wait_for(lambda: silent.connections, "the second net process to connect")
    net = children(running.pid)
    assert len(net) == 1
    memory = memory_of(net[0])
    assert len(memory) > 100000
    secrets = secrets_in(lab.state)
    assert len(secrets) >= 4
    assert [(str(path), which) for path, *forms in secrets for which, form in enumerate(forms) if form in memory] == []
    running.kill()
    silent.stop()


def test_job_opens_no_connection(conversation):
    job, net = conversation

    def sockets(pid):
        links = [os.readlink(entry) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        return {link for link in links if link.startswith("socket:")}
    connected = set()
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        connected.add(f"socket:[{line.split()[9]}]")
    assert sockets(net) & connected and not sockets(job) & connected


def test_net_process_dies_with_its_job(conversation):
    job, net = conversation
    os.kill(job, 9)
    wait_for(lambda: not pathlib.Path(f"/proc/{net}").exists() or proc_status(net)["State"][0] in "ZX",
             "the net process to end")


def test_works_without_root(make_lab, root_only):
    """deploy = none by an ordinary user, in directories of its own."""
    lab = make_lab()
    user = pwd.getpwnam("nobody")
    program = lab.path / "certd"
    program.write_bytes(pathlib.Path(lab.program).read_bytes())
    program.chmod(0o755)
    lab.program = str(program)
    for folder in ("state", "conf.d", "run"):
        (lab.path / folder).mkdir(exist_ok=True)
        os.chown(lab.path / folder, user.pw_uid, user.pw_gid)
        for path in (lab.path / folder).rglob("*"):
            os.chown(path, user.pw_uid, user.pw_gid)
    (lab.path / "conf.d").chmod(0o755)
    lab.write_conf(deploy="none")
    done = lab.issue(user="nobody")
    assert done.status == 0, done
    assert (lab.live() / "fullchain.pem").is_file()
