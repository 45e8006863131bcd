"""Caddy's ACME server with its internal CA: a second opinion, of another make than Pebble.

It validates on port 80 and asks the system for addresses, neither of which can be configured: so NGINX listens on port 80 of the lab's own
address, and Caddy gets, in a mount namespace of its own, a hosts file that leads the names there. Both want root.
"""
import json
import os
import shutil
import subprocess

from . import pki
from .processes import Service, free_port, port_answers

CADDYFILE = """\
{{
    admin off
    auto_https disable_redirects
    skip_install_trust
    storage file_system {home}
    default_bind {address}
    http_port {http_port}
    https_port {port}
    log {{
        format json
        level DEBUG
    }}
}}
https://{address}:{port} {{
    tls {certificate} {key}
    log
    acme_server
}}
"""


class Caddy:
    http_port = 80  # where it validates

    def __init__(self, directory, address, names):
        self.address, self.port = address, free_port(address)
        self.home = directory / "caddy"
        self.home.mkdir()
        self.trust, certificate, key = pki.write_server_certificate(directory, "caddy", ["localhost", "127.0.0.1", address])
        self.url = f"https://{address}:{self.port}/acme/local/directory"
        hosts, config = directory / "hosts", directory / "Caddyfile"
        hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name in names))
        config.write_text(CADDYFILE.format(home=self.home, address=address, port=self.port, certificate=certificate, key=key,
                                           http_port=free_port(address)))
        run = f"mount --bind {hosts} /etc/hosts && exec caddy run --config {config} --adapter caddyfile"
        self.service = Service("caddy", ["unshare", "--mount", "--propagation", "private", "sh", "-c", run],
                               directory / "caddy.log", self._ready, env={"HOME": str(self.home)})

    def _ready(self):
        return port_answers(self.address, self.port)

    @staticmethod
    def lacking():
        """Why it cannot be used here, or None."""
        if os.geteuid() != 0:
            return "needs root, for port 80 and a mount namespace"
        if shutil.which("caddy") is None:
            return "caddy is not installed"
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "true"], capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else f"no mount namespace here: {done.stderr.strip()}"

    @property
    def root(self):
        return self.home / "pki" / "authorities" / "local" / "root.crt"

    def start(self):
        self.service.start()
        return self

    def stop(self):
        self.service.stop()

    def requests(self):
        """What clients asked of it so far: a list of (method, path)."""
        found = []
        for line in self.service.output().splitlines():
            try:
                request = json.loads(line).get("request", {})
            except (ValueError, AttributeError):
                continue
            if "uri" in request:
                found.append((request["method"], request["uri"]))
        return found

    def orders(self):
        return sum(1 for _, path in self.requests() if path.endswith("/new-order"))
