"""A private NGINX: a port-80 server with the exception and the redirect, and a 443 server with the SSL snippet."""
import os
import pathlib
import pwd
import shutil
import subprocess

from .processes import Service, free_port, port_answers, wait_for

BINARY = shutil.which("nginx") or "/usr/sbin/nginx"

MAIN = """\
{user}
worker_processes 2;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log info;
events {{ worker_connections 64; }}
http {{
    access_log {prefix}/access.log;
    client_body_temp_path {prefix}/tmp;
    proxy_temp_path {prefix}/tmp;
    fastcgi_temp_path {prefix}/tmp;
    uwsgi_temp_path {prefix}/tmp;
    scgi_temp_path {prefix}/tmp;
    include {prefix}/sites/*.conf;
}}
"""

SITE = """\
server {{
    listen {address}:{http_port} default_server;
    server_name {names};
    include {snippets}/certd-acme-challenge.conf;
    location / {{
        return 301 https://$host$request_uri;
    }}
}}
server {{
    listen {address}:{https_port} ssl default_server;
    server_name {names};
    include {snippets}/certd/{certificate}.conf;
    root {prefix}/html;
}}
"""


class Nginx:
    def __init__(self, directory, address, snippets, binary=BINARY):
        self.prefix, self.address, self.binary, self.snippets = directory / "nginx", address, binary, snippets
        self.http_port, self.https_port = free_port(address), free_port(address)
        self.config = self.prefix / "nginx.conf"
        for folder in ("sites", "html", "tmp"):
            (self.prefix / folder).mkdir(parents=True)
        (self.prefix / "html" / "index.html").write_text("hello from the lab\n")
        user = ""
        if os.geteuid() == 0:
            user = f"user {self._worker_user()};"
        self.config.write_text(MAIN.format(user=user, prefix=self.prefix))
        self.service = Service("nginx", [binary, "-p", str(self.prefix), "-c", str(self.config), "-g", "daemon off;"],
                               directory / "nginx.out", lambda: port_answers(address, self.http_port))

    @staticmethod
    def _worker_user():
        for user in ("www-data", "nobody"):
            try:
                pwd.getpwnam(user)
                return user
            except KeyError:
                continue
        return "root"

    def site(self, certificate, names):
        text = SITE.format(address=self.address, http_port=self.http_port, https_port=self.https_port,
                           names=" ".join(names), snippets=self.snippets, certificate=certificate, prefix=self.prefix)
        (self.prefix / "sites" / f"{certificate}.conf").write_text(text)

    def start(self):
        self.service.start()
        return self

    def stop(self):
        self.service.stop()

    def running(self):
        return self.service.running() or port_answers(self.address, self.http_port)

    def command(self, *arguments):
        return subprocess.run([self.binary, "-p", str(self.prefix), "-c", str(self.config), *arguments],
                              capture_output=True, text=True, timeout=30, check=False)

    def _workers(self):
        """Those that take connections, by their title."""
        workers = set()
        master = (self.prefix / "nginx.pid").read_text().strip()
        for pid in pathlib.Path(f"/proc/{master}/task/{master}/children").read_text().split():
            try:
                title = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if title.startswith("nginx: worker process") and "shutting down" not in title:
                workers.add(pid)
        return workers

    def reload(self):
        """Returns when new workers serve alone: the command itself ends before the master has even begun."""
        before = self._workers()
        done = self.command("-s", "reload")
        assert done.returncode == 0, done.stderr
        wait_for(lambda: self._workers() and not self._workers() & before, "NGINX to reload")

    def test_passes(self):
        done = self.command("-t")
        return done.returncode == 0 or done.stderr

    def reloads(self):
        """How often the running master took a configuration anew."""
        try:
            return (self.prefix / "error.log").read_text(errors="replace").count("signal 1 (SIGHUP) received")
        except FileNotFoundError:
            return 0
