"""A machine of its own: Debian's systemd as PID 1 in systemd-nspawn, with certd installed in it by `make install`.

The root is made once by mmdebstrap and kept in the user's cache; each machine is a copy of it, without network but its
own loopback. It boots, runs one script, and is gone.
"""
import json
import os
import pathlib
import platform
import shutil
import subprocess

from . import pki
from .processes import Reaper

PACKAGES = ("systemd", "systemd-sysv", "dbus", "libnss-systemd", "nginx", "openssl", "ca-certificates")
# What certd is linked with, where the root is of a later release than the host: certd runs with them as they are there. Of what
# the root has not even so, the host's is brought.
LATER = {"trixie": ("libcurl4t64", "libjansson4", "libconfuse2", "libunbound8", "libpcre2-8-0", "libidn2-0", "libseccomp2",
                    "libsystemd0")}
TOOLS = ("mmdebstrap", "systemd-nspawn", "unshare", "setpriv", "pebble", "pebble-challtestsrv", "make")
MAKE_S, BOOT_S = 900, 400

CHECKS = """\
[Unit]
After=basic.target nginx.service

[Service]
ExecStart=/bin/bash -x /out/checks.sh
ExecStopPost=/bin/systemctl --force poweroff
StandardOutput=file:/out/log
StandardError=inherit
"""

# In namespaces that end with it. nspawn wants /run to be a tmpfs, and a tree of cgroups that is the new kind only.
BOOT = """\
set -eu
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "$3"
echo $$ >"$3/cgroup.procs"
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec systemd-nspawn -D "$1" --bind="$2:/out" --boot --register=no --keep-unit --private-network --link-journal=no \
	--resolv-conf=off --timezone=off --console=read-only --capability=CAP_BPF --system-call-filter=bpf
"""

# Starts the CA and the name server of bring_ca(), and returns when the CA answers.
CA_SCRIPT = """\
wait_for() { # UNIT WORDS
	timeout 90 grep -q -m 1 "$2" <(journalctl --no-tail -f -u "$1")
}
systemd-run --unit=names pebble-challtestsrv %s
PEBBLE_VA_NOSLEEP=1 systemd-run --setenv=PEBBLE_VA_NOSLEEP --unit=ca pebble -config /srv/pebble.json -dnsserver 127.0.0.1:8053
wait_for ca 'Management interface'
"""

# certd.conf(5) for that CA.
CA_CONF = 'agree-tos = true\nca = "https://127.0.0.1:14000/dir"\nca-bundle = "/srv/pebble-ca.pem"\nresolver = "127.0.0.1@8053"\n'

# What is left of the machine's groups when all of its processes are gone.
SWEEP = 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && find "$1" -depth -type d -exec rmdir {} +'


class Unavailable(Exception):
    """There can be no such machine here, and why."""


def _suite():
    """That of this host, because what was built here has to run there."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    if codename not in ("bookworm", "trixie"):
        raise Unavailable(f"no root is known for {codename or 'this system'}")
    return codename


def _check_host():
    if os.geteuid() != 0:
        raise Unavailable("needs root")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}")


def _packages(suite):
    """Those of a root of the host's release, or of a later one."""
    host = _suite()
    if suite == host:
        return PACKAGES
    if suite not in LATER:
        raise Unavailable(f"what is built on {host} does not run on {suite}")
    return PACKAGES + LATER[suite]


def cached_root(suite=None):
    """The tarball of the root of a release, which is the host's if none is named; made where it is not there yet."""
    _check_host()
    suite = suite or _suite()
    packages = _packages(suite)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "certd-tests"
    tar = cache / f"{suite}-{'-'.join(packages)}.tar"
    if tar.exists():
        return tar
    cache.mkdir(parents=True, exist_ok=True)
    made = tar.with_name(f"making-{os.getpid()}.tar")
    try:
        done = subprocess.run(["mmdebstrap", "--quiet", "--variant=essential", f"--include={','.join(packages)}", suite, str(made)],
                              capture_output=True, text=True, timeout=MAKE_S, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise Unavailable(f"mmdebstrap could not make a root: {done.stderr.strip()[-300:]}")
        made.rename(tar)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"mmdebstrap made no root in {MAKE_S} s") from error
    finally:
        made.unlink(missing_ok=True)
    return tar


class Container:
    """A machine that has not been started yet: its files are at .root, what it says comes to .out."""

    def __init__(self, path, tar):
        self.root, self.out = path / "root", path / "out"
        self.root.mkdir()
        self.out.mkdir()
        Reaper.get().tell("dir", path)
        subprocess.run(["tar", "-C", str(self.root), "-xf", str(tar)], check=True)
        units = self.root / "etc/systemd/system"
        (units / "checks.service").write_text(CHECKS)
        (units / "default.target.wants").mkdir(exist_ok=True)
        (units / "default.target.wants/checks.service").symlink_to("../checks.service")

    def folders(self, build):
        """The folders that the build was configured with."""
        names = ("sbindir", "sysconfdir", "localstatedir", "runstatedir", "systemdsystemunitdir")
        rule = "include Makefile\nfolders-for-the-test:\n\t@printf '%s\\n' " + " ".join(f"'$({name})'" for name in names) + "\n"
        done = subprocess.run(["make", "-s", "-f", "-", "folders-for-the-test"], cwd=build, input=rule, capture_output=True, text=True,
                              check=True)
        # Before them may stand what make says when it makes its Makefile anew.
        return dict(zip(names, done.stdout.split()[-len(names):]))

    def install(self, build):
        subprocess.run(["make", "-s", "install", f"DESTDIR={self.root}"], cwd=build, check=True, capture_output=True)
        self.bring_libraries(build / "certd")

    def bring(self, program):
        """A program of this host, with its libraries."""
        found = shutil.which(program)
        shutil.copy(found, self.root / "usr/bin" / program)
        self.bring_libraries(found)

    def bring_libraries(self, program):
        done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
        for word in done.stdout.split():
            there = self.root / word.lstrip("/")
            if word.startswith("/") and not there.exists():
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(word, there)

    def bring_ca(self, eab=None):
        """Pebble, and a name server for which every name is this machine. Returns what starts them. With keys by their ids the CA
        wants external account binding."""
        for program in ("pebble", "pebble-challtestsrv"):
            self.bring(program)
        srv = self.root / "srv"
        pki.write_server_certificate(srv, "pebble", ["localhost", "127.0.0.1"])
        (srv / "pebble.json").write_text(json.dumps({"pebble": {
            "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000", "certificate": "/srv/pebble.pem",
            "privateKey": "/srv/pebble.key", "httpPort": 80, "tlsPort": 443, "retryAfter": {"authz": 1, "order": 1},
            "externalAccountBindingRequired": bool(eab), "externalAccountMACKeys": eab or {},
            "profiles": {"default": {"description": "ninety days", "validityPeriod": 90 * 86400}}}}))
        words = subprocess.run(["pebble-challtestsrv", "-help"], capture_output=True, text=True, check=False).stderr
        listen = "-dnsserver" if "-dnsserver" in words else "-dns01"  # before 2.5
        return CA_SCRIPT % (f"-http01 '' -https01 '' -tlsalpn01 '' {listen} 127.0.0.1:8053 -management 127.0.0.1:8055 "
                            "-defaultIPv4 127.0.0.1 -defaultIPv6 ''" + (" -doh ''" if "-doh" in words else ""))

    def run(self, script):
        """Boots, runs the script, and ends. What the script wrote into /out is in .out; returns what it said."""
        (self.out / "checks.sh").write_text(script)
        group = pathlib.Path(f"/sys/fs/cgroup/certd-test-{os.getpid()}")
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                "--kill-child=KILL", "sh", "-c", BOOT, "sh", str(self.root), str(self.out), str(group)]
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_S, check=False)
            console = done.stdout + done.stderr
        except subprocess.TimeoutExpired as error:
            console = (error.stdout or b"") + (error.stderr or b"") + b"\nended by the test, it took too long"
        subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", SWEEP, "sh", str(group)], check=False,
                       capture_output=True)
        log = self.out / "log"
        if not log.exists():
            raise Unavailable(f"systemd-nspawn does not boot here: {console.decode(errors='replace')[-600:]}")
        return log.read_text(errors="replace")
