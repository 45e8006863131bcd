"""Name servers: challtestsrv, which gives every name the lab's address, and Knot, which can say NXDOMAIN."""
import json
import shutil
import subprocess
import urllib.request

from .processes import Service, free_port, port_answers


class Challtestsrv:
    """Answers every name with the lab's address, until told otherwise over its management port."""

    def __init__(self, directory, address):
        self.address, self.port = address, free_port(address, udp_too=True)
        self.management = free_port(address)
        words = subprocess.run(["pebble-challtestsrv", "-help"], capture_output=True, text=True, check=False).stderr
        listen = "-dnsserver" if "-dnsserver" in words else "-dns01"  # before 2.5
        argv = ["pebble-challtestsrv", "-http01", "", "-https01", "", "-tlsalpn01", "", listen, f"{address}:{self.port}",
                "-management", f"{address}:{self.management}", "-defaultIPv4", address, "-defaultIPv6", ""]
        self.service = Service("pebble-challtestsrv", argv + (["-doh", ""] if "-doh" in words else []),
                               directory / "challtestsrv.log",
                               lambda: port_answers(address, self.management) and port_answers(address, self.port))

    def start(self):
        self.service.start()
        return self

    def stop(self):
        self.service.stop()

    def post(self, path, **body):
        request = urllib.request.Request(f"http://{self.address}:{self.management}/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()


class Knot:
    """A name server with one zone, the root: what is not in it does not exist."""

    def __init__(self, directory, address, records):
        self.address, self.port = address, free_port(address, udp_too=True)
        home = directory / "knot"
        home.mkdir()
        zone = ["$TTL 1", ". SOA ns. admin. 1 3600 600 86400 1", ". NS ns.", f"ns. A {address}", *records]
        (home / "root.zone").write_text("\n".join(zone) + "\n")
        (home / "knot.conf").write_text(f"""\
server:
    rundir: {home}
    listen: {address}@{self.port}
log:
  - target: stderr
    any: info
database:
    storage: {home}
zone:
  - domain: .
    storage: {home}
    file: root.zone
    zonefile-load: whole
    journal-content: none
""")
        self.service = Service("knotd", ["knotd", "-c", str(home / "knot.conf")], directory / "knot.log",
                               lambda: port_answers(address, self.port) and "loaded" in self.service.output())

    @staticmethod
    def available():
        return shutil.which("knotd") is not None

    def start(self):
        self.service.start()
        return self

    def stop(self):
        self.service.stop()
