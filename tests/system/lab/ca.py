"""Pebble, Let's Encrypt's small ACME server for tests."""
import json
import re
import shutil
import ssl
import subprocess
import urllib.request

from . import pki
from .processes import Service, free_port, port_answers


def _help_mentions(word):
    page = shutil.which("pebble") and subprocess.run(
        ["pebble", "-help"], capture_output=True, text=True, timeout=20, check=False).stderr
    return bool(page) and word in page


class Pebble:
    """One Pebble. options: nonce_reject, authz_reuse, strict, profiles, retry_after, sleep, alternate_roots, program."""

    def __init__(self, directory, address, http_port, dns, **options):
        self.address, self.directory_path, self.options = address, directory, options
        self.port, self.management = free_port(address), free_port(address)
        self.dns, self.http_port = dns, http_port
        self.trust, self._certificate, self._key = pki.write_server_certificate(
            directory, "pebble", ["localhost", "127.0.0.1", address])
        self.url = f"https://{address}:{self.port}/dir"
        self._write_config()
        argv = [options.get("program", "pebble"), "-config", str(directory / "pebble.json"), "-dnsserver", f"{dns.address}:{dns.port}"]
        if options.get("strict"):
            argv.append("-strict")
        self.service = Service("pebble", argv, directory / "pebble.log", self._ready, env={
            "PEBBLE_WFE_NONCEREJECT": str(options.get("nonce_reject", 0)),
            "PEBBLE_AUTHZREUSE": str(options.get("authz_reuse", 0)),
            "PEBBLE_ALTERNATE_ROOTS": str(options.get("alternate_roots", 0)),
            "PEBBLE_VA_NOSLEEP": "0" if options.get("sleep") else "1",
            "PEBBLE_VA_SLEEPTIME": str(options.get("sleep", 0)),
        })

    def _write_config(self):
        profiles = self.options.get("profiles") or {
            "default": {"description": "ninety days", "validityPeriod": 90 * 86400}}
        authz_s, order_s = self.options.get("retry_after", (1, 1))
        (self.directory_path / "pebble.json").write_text(json.dumps({"pebble": {
            "listenAddress": f"{self.address}:{self.port}",
            "managementListenAddress": f"{self.address}:{self.management}",
            "certificate": str(self._certificate), "privateKey": str(self._key),
            "httpPort": self.http_port, "tlsPort": free_port(self.address), "ocspResponderURL": "",
            "externalAccountBindingRequired": "eab" in self.options,
            "externalAccountMACKeys": self.options.get("eab", {}),
            "domainBlocklist": ["blocked-domain.example"], "keyAlgorithm": "ecdsa",
            "retryAfter": {"authz": authz_s, "order": order_s}, "profiles": profiles}}))

    def _ready(self):
        return port_answers(self.address, self.port) and port_answers(self.address, self.management)

    @staticmethod
    def available():
        return shutil.which("pebble") is not None and shutil.which("pebble-challtestsrv") is not None

    @staticmethod
    def modern():
        """2.6 and newer know -version; ARI, profiles and the newer problem types came after it."""
        return _help_mentions("-version")

    def start(self):
        self.service.start()
        root = self.directory_path / "root.pem"
        root.write_bytes(self.management_get("roots/0"))
        self.root = root
        return self

    def stop(self):
        self.service.stop()

    def management_get(self, path):
        context = ssl.create_default_context(cafile=str(self.trust))
        url = f"https://{self.address}:{self.management}/{path}"
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            return answer.read()

    def suggest(self, certificate_pem, answer):
        """From now on, what this CA answers when asked for the renewal information of that certificate (2.8 and newer)."""
        context = ssl.create_default_context(cafile=str(self.trust))
        body = json.dumps({"Certificate": certificate_pem, "ARIResponse": answer}).encode()
        request = urllib.request.Request(f"https://{self.address}:{self.management}/set-renewal-info/", data=body)
        with urllib.request.urlopen(request, context=context, timeout=10) as done:
            assert done.status == 200

    def renewal_questions(self):
        return sum(1 for method, path in self.requests() if method == "GET" and "renewalInfo" in path)

    def requests(self):
        """What clients asked of it so far: a list of (method, path)."""
        return re.findall(r"(GET|HEAD|POST) (/\S*) -> calling handler", self.service.output())

    def orders(self):
        return sum(1 for _, path in self.requests() if path == "/order-plz")
