"""Child processes that never outlive the test, and waiting for things instead of sleeping."""
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

TICK_S = 0.01

# Reads "WORD VALUE" lines: a process group, a mount or a directory that came (+, mount, dir) or
# went (-, nomount, nodir). When its standard input ends, for whatever reason (a kill -9 of the test
# run too), it clears away what is left.
REAPER = r"""
import os, shutil, signal, subprocess, sys
groups, dirs, mounts = set(), set(), set()
for line in sys.stdin:
    word, _, rest = line.rstrip("\n").partition(" ")
    if word == "+": groups.add(int(rest))
    elif word == "-": groups.discard(int(rest))
    elif word == "dir": dirs.add(rest)
    elif word == "nodir": dirs.discard(rest)
    elif word == "mount": mounts.add(rest)
    elif word == "nomount": mounts.discard(rest)
for group in groups:
    try: os.killpg(group, signal.SIGKILL)
    except OSError: pass
for path in mounts:
    subprocess.run(["umount", "-l", path], check=False)
for path in dirs:
    shutil.rmtree(path, ignore_errors=True)
"""


class Reaper:
    """Knows every process group and directory of the run, and cleans up when the run is gone."""

    _instance = None

    def __init__(self):
        self._process = subprocess.Popen([sys.executable, "-c", REAPER], stdin=subprocess.PIPE, text=True,
                                         stdout=subprocess.DEVNULL, start_new_session=True)

    @classmethod
    def get(cls):
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    def tell(self, word, value):
        self._process.stdin.write(f"{word} {value}\n")
        self._process.stdin.flush()


def wait_for(condition, what, timeout_s=10.0):
    """The first true value of condition(), asked again and again; what names it in the failure."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(TICK_S)


def private_address():
    """A loopback address that nobody else on this machine is likely to use, so that ports do not collide."""
    for _ in range(20):
        address = f"127.{random.randint(16, 250)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        try:
            with socket.socket() as probe:
                probe.bind((address, 0))
            return address
        except OSError:
            continue
    return "127.0.0.1"


_claims = []


def _claim(port):
    """Whether no other test of this machine has that port: a server that listens on all addresses (Debian's `listen 80`) meets the ports of
    all of them. The claim is a lock on one octet of a file, which ends with this process."""
    if not _claims:
        path = os.path.join(tempfile.gettempdir(), f"certd-test-ports.{os.geteuid()}")
        _claims.append((os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), set()))
    file, mine = _claims[0]
    if port in mine:
        return False
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    mine.add(port)
    return True


def free_port(address, udp_too=False):
    """A port that is free on that address now and no other test's, below the range from which the kernel picks by itself."""
    for _ in range(200):
        port = random.randint(20000, 32000)
        if not _claim(port):
            continue
        kinds = [socket.SOCK_STREAM] + ([socket.SOCK_DGRAM] if udp_too else [])
        try:
            for kind in kinds:
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind((address, port))
        except OSError:
            continue
        return port
    raise RuntimeError(f"no free port on {address}")


def port_answers(address, port):
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def group_members(pgid):
    """The PIDs of the processes of that group that are alive (zombies are not)."""
    members = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pgid and fields[0] not in "ZX":
            members.append(int(entry))
    return members


def kill_group(pgid, signum=signal.SIGKILL):
    try:
        os.killpg(pgid, signum)
    except ProcessLookupError:
        pass


class Service:
    """A server in a process group of its own, its output in a file, ready when its probe says so."""

    def __init__(self, name, argv, log, ready, env=None, cwd=None):
        self.name, self.argv, self.log, self.ready = name, argv, log, ready
        self.env, self.cwd = env, cwd
        self.process = None

    def start(self, timeout_s=20.0):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.cwd,
                                            env={**os.environ, **(self.env or {})}, start_new_session=True)
        Reaper.get().tell("+", self.process.pid)

        def up():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.output()[-2000:]}")
            return self.ready()
        wait_for(up, f"{self.name} to answer", timeout_s)
        return self

    def output(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self.process is None:
            return
        kill_group(self.process.pid)
        self.process.wait()
        wait_for(lambda: not group_members(self.process.pid), f"{self.name} to be gone")
        Reaper.get().tell("-", self.process.pid)
        self.process = None
