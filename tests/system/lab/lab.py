"""The whole world in one directory, and running certd in it."""
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from . import pki, tls
from .ca import Pebble
from .dns import Challtestsrv
from .processes import Reaper, group_members, kill_group, private_address, wait_for
from .web import Nginx

BARE, WWW = "togetherers.com", "www.togetherers.com"
NAMES = (BARE, WWW)
HERE = pathlib.Path(__file__).resolve()
SOURCE = HERE.parents[3]


@dataclasses.dataclass
class Result:
    argv: list
    status: int
    out: str
    err: str
    wall_s: float

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"{' '.join(self.argv)}\nexit {self.status} after {self.wall_s:.2f} s\n{self.out}\n{self.err}"


class Running:
    """A certd that is running, in a process group of its own."""

    def __init__(self, argv, env, umask, user=None):
        self.argv, self.started = argv, time.monotonic()
        self._out = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._err = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err, env=env,
                                        umask=umask, start_new_session=True, cwd="/", user=user)
        self.pid = self.process.pid
        Reaper.get().tell("+", self.pid)

    def err(self):
        self._err.seek(0)
        return self._err.read()

    def wait(self, timeout_s=60.0):
        """Ended, as a Result. One that does not end in time is killed and is a failure."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout_s:g} s: {' '.join(self.argv)}\n{self.err()}") from None
        wall_s = time.monotonic() - self.started
        Reaper.get().tell("-", self.pid)
        wait_for(lambda: not group_members(self.pid), "the children of certd to be gone")
        self._out.seek(0)
        return Result(self.argv, self.process.returncode, self._out.read(), self.err(), wall_s)

    def kill(self):
        """kill -9 of the whole group, as a power cut would be."""
        kill_group(self.pid)
        self.process.wait()
        wait_for(lambda: not group_members(self.pid), "the killed certd to be gone")
        Reaper.get().tell("-", self.pid)


class Lab:
    """options: those of Pebble; nginx=False leaves the web server stopped; dns= a name server instead of the usual; address= where all listen;
    ca= another make than Pebble."""

    def __init__(self, certd, dns=None, address=None, ca=None, **options):
        self.program = str(certd)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="certd-lab-"))
        self.path.chmod(0o755)  # the workers of NGINX and the net process are not us
        Reaper.get().tell("dir", self.path)
        self.address = address or private_address()
        self.state, self.runtime = self.path / "state", self.path / "run"
        self.webroot, self.hooks = self.path / "state" / "webroot", self.path / "hooks.d"
        self.snippets, self.conf = self.path / "snippets", self.path / "certd.conf"
        self.snippets.mkdir()
        self.nginx = Nginx(self.path, self.address, self.snippets)
        self.dns = dns(self.path, self.address) if dns else Challtestsrv(self.path, self.address)
        if ca:
            self.nginx.http_port = ca.http_port
        self.ca = ca(self.path, self.address, NAMES) if ca else Pebble(self.path, self.address, self.nginx.http_port, self.dns,
                                                                       **options)
        self.overrides = {}
        self.nginx_hook = None
        self.extra = ""  # more lines for certd.conf

    # --- building and tearing down ---

    def start(self, nginx=True, certificate=BARE, names=NAMES):
        self.dns.start()
        self.ca.start()
        self.write_conf()
        self.nginx.site(certificate, names)
        if nginx:
            self.prepare_site(certificate)
            self.nginx.start()
        return self

    def close(self):
        for server in (self.nginx, self.ca, self.dns):
            server.stop()
        shutil.rmtree(self.path, ignore_errors=True)
        Reaper.get().tell("nodir", self.path)

    def write_conf(self, **overrides):
        """certd.conf of this lab. A value of None leaves the directive out."""
        self.overrides.update(overrides)
        directives = {
            "state-dir": self.state, "runtime-dir": self.runtime, "webroot": self.webroot, "hooks-dir": self.hooks,
            "nginx-snippet-dir": self.snippets, "email": "admin@togetherers.com", "agree-tos": True,
            "ca": self.ca.url, "ca-bundle": self.ca.trust, "resolver": f"{self.dns.address}@{self.dns.port}",
            "serve-address": self.address, "http-port": self.nginx.http_port, "https-port": self.nginx.https_port,
            **{name.replace("_", "-"): value for name, value in self.overrides.items()},
        }
        lines = [f"{name} = {_literal(value)}" for name, value in directives.items() if value is not None]
        nginx = {"binary": self.nginx.binary, "config": self.nginx.config, "prefix": self.nginx.prefix,
                 "hook": self.nginx_hook or SOURCE / "hooks" / "nginx"}
        lines += ["nginx {", *(f"    {name} = {_literal(value)}" for name, value in nginx.items()), "}", self.extra]
        self.conf.write_text("\n".join(lines) + "\n")

    def prepare_site(self, certificate=BARE):
        """What a person does before the first certificate: the snippets that the site includes."""
        done = self.certd("snippet", "--write", certificate)
        assert done.status == 0, done

    # --- running certd ---

    def argv(self, *arguments):
        return [self.program, "-c", str(self.conf), *map(str, arguments)]

    def begin(self, *arguments, env=None, umask=0o022, user=None):
        environment = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C.UTF-8",
                       **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")},
                       **(env or {})}
        return Running(self.argv(*arguments), environment, umask, user)

    def certd(self, *arguments, timeout_s=90.0, **how):
        return self.begin(*arguments, **how).wait(timeout_s)

    def issue(self, *options, names=NAMES, **how):
        return self.certd("issue", *options, *names, **how)

    def issued(self, *options, **how):
        """Issues and insists on success."""
        done = self.issue(*options, **how)
        assert done.status == 0, done
        return done

    def status(self, certificate=BARE):
        done = self.certd("status", "--json")
        assert done.status in (0, 1), done
        for entry in done.json()["certificates"]:
            if entry["name"] == certificate:
                return entry
        return None

    # --- looking at the result ---

    def live(self, certificate=BARE):
        return self.state / "live" / certificate

    def leaf(self, certificate=BARE):
        return pki.certificates_of(self.live(certificate) / "cert.pem")[0]

    def served(self, name=BARE):
        return tls.served_certificate(self.address, self.nginx.https_port, name)

    def https(self, name, path="/"):
        return tls.fetch_https(self.address, self.nginx.https_port, name, self.ca.root, path)

    def http(self, name, path="/"):
        return tls.fetch_http(self.address, self.nginx.http_port, name, path)

    def hook(self, event, text, name="50-test", mode=0o755):
        """Puts a hook of that event into the hooks directory."""
        folder = self.hooks / event
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def files(self, below="state"):
        """Every path below that folder, relative, sorted."""
        base = self.path / below
        return sorted(str(path.relative_to(base)) for path in base.rglob("*")) if base.exists() else []

    def tokens(self):
        folder = self.webroot / ".well-known" / "acme-challenge"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def stray(self):
        """Temporary files that a run left behind."""
        return [path for path in self.files() if "tmp" in path.rsplit("/", 1)[-1].lower()]

    def assert_served(self, certificate=BARE, names=NAMES):
        """Key and certificate are a pair, NGINX accepts its configuration and shows the live leaf for each name."""
        assert pki.pair_matches(self.live(certificate))
        assert self.nginx.test_passes() is True
        leaf = self.leaf(certificate)
        for name in names:
            shown = self.served(name)
            assert shown is not None and shown == leaf, f"{name}: another certificate is served"


def _literal(value):
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
