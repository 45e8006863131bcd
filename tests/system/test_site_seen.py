"""The site that certd writes, seen from the other end: a websocket client, a browser, testssl.sh."""
import base64
import hashlib
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from lab import BARE, NAMES, Service, free_port, releases, wait_for
from lab.debian import adopt
from lab.processes import port_answers
from lab.sockets import echo
from lab.websocket import WebsocketServer

websockets = pytest.importorskip("websockets", reason="python3-websockets is not installed")

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
TESTSSL = shutil.which("testssl") or shutil.which("testssl.sh")

PAGE = """\
<!doctype html><title>site</title><body>waiting<script>
const socket = new WebSocket("wss://" + location.host + "/ws");
socket.onopen = () => socket.send("hello over wss");
socket.onmessage = (m) => document.body.textContent = "ECHO " + m.data + " AT " + location.href;
socket.onerror = () => document.body.textContent = "NO SOCKET";
</script>
"""


@pytest.fixture
def site(make_lab):
    """A maker of sites that are served: Debian's configuration, certd issue --site, a websocket server behind it."""
    servers = []

    def make(*options, release=None):
        lab = make_lab(start=False)
        if release:
            lab.nginx.binary, etc = releases.nginx(release)
        lab.dns.start()
        lab.ca.start()
        lab.folder = adopt(lab, **({"etc": etc} if release else {}))
        www = lab.path / "www"
        www.mkdir()
        (www / "index.html").write_text(PAGE)
        lab.nginx.start()
        servers.append(WebsocketServer(lab.address).start())
        done = lab.certd("issue", "--site", "--root", www, "--websocket",
                         f"/ws=http://{lab.address}:{servers[-1].port}", *options, *NAMES)
        assert done.status == 0, done
        return lab
    yield make
    for server in servers:
        server.stop()


def test_websocket_at_both_names(site):
    lab = site()
    for name in NAMES:
        assert echo(lab, name, f"hello {name}") == f"hello {name}"


@pytest.mark.parametrize("release", list(releases.NGINX))
def test_nginx_of_another_release(site, release):
    """Newer versions and libraries: `http2 on`, HTTP/3, groups that this release does not know. NGINX has nothing to say of the result."""
    try:
        lab = site("--http3", release=release)
    except releases.Unavailable as error:
        pytest.skip(str(error))
    version = lab.nginx.command("-v").stderr
    assert f"nginx/{releases.NGINX[release]}." in version, version
    text = (lab.folder / "sites-available" / f"{BARE}.conf").read_text()
    assert "http2 on;" in text and "h3=" in text and re.search(r"listen \d+ quic", text), text
    lab.assert_served()
    for name in NAMES:
        status, headers, _ = lab.http(name)
        assert status == 301 and headers["Location"].startswith(f"https://{name}:"), headers
        assert lab.https(name) == (200, PAGE.encode())
        assert echo(lab, name, f"hello {name}") == f"hello {name}"
    first = lab.leaf()
    assert lab.certd("renew", "--force").status == 0 and lab.leaf() != first
    lab.assert_served()
    tested = lab.nginx.command("-t").stderr
    assert "successful" in tested and "[warn]" not in tested and "[emerg]" not in tested, tested
    done = lab.certd("check")
    assert done.status == 0, done


def test_a_short_limit_ends_an_idle_websocket(site):
    """That the next test can fail: with NGINX's limit at one second a silent socket does not live for two."""
    lab = site()
    file = lab.folder / "sites-available" / f"{BARE}.conf"
    file.write_text(re.sub(r"proxy_read_timeout \S+;", "proxy_read_timeout 1s;", file.read_text()))
    lab.nginx.reload()
    with pytest.raises(Exception):
        echo(lab, BARE, "hello", idle_s=2.5)


@pytest.mark.slow
def test_a_websocket_that_is_silent_for_longer_than_a_minute(site):
    assert echo(site(), BARE, "still here", idle_s=65) == "still here"


def browser_options(lab, folder):
    """Both names at their usual ports, and at those that the redirect names, are the lab's NGINX; nothing else is there."""
    rules = [f"MAP {name}:{port} {lab.address}:{to}" for name in NAMES
             for port, to in ((80, lab.nginx.http_port), (443, lab.nginx.https_port),
                              (lab.nginx.http_port, lab.nginx.http_port), (lab.nginx.https_port, lab.nginx.https_port))]
    key = load_pem_x509_certificate((lab.live() / "cert.pem").read_bytes()).public_key()
    spki = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
            "--disable-features=HttpsUpgrades,HttpsFirstBalancedMode,HttpsFirstModeV2",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={folder}/profile", f"--host-resolver-rules={', '.join(rules)}, MAP * ~NOTFOUND",
            f"--ignore-certificate-errors-spki-list={base64.b64encode(spki).decode()}"]


class Browser:
    """Chromium, driven over the WebDriver protocol."""

    def __init__(self, lab, folder):
        self.port = free_port("127.0.0.1")
        (folder / "home").mkdir(parents=True)
        self.driver = Service("chromedriver", [DRIVER, f"--port={self.port}"], folder / "driver.log",
                              lambda: port_answers("127.0.0.1", self.port), env={"HOME": str(folder / "home")}).start()
        options = {"binary": CHROMIUM, "args": browser_options(lab, folder)}
        answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.session = f"/session/{answer['sessionId']}"

    def ask(self, method, path, data=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if data is None else json.dumps(data).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            return json.load(error)["value"]

    def open(self, url):
        """None, or what the browser says went wrong."""
        answer = self.ask("POST", f"{self.session}/url", {"url": url})
        return answer and answer.get("message")

    def text(self):
        return self.ask("POST", f"{self.session}/execute/sync", {"script": "return document.body.textContent", "args": []})

    def close(self):
        self.ask("DELETE", self.session)
        self.driver.stop()


@pytest.fixture
def browse(tmp_path):
    browsers = []

    def make(lab):
        browsers.append(Browser(lab, tmp_path / "browser"))
        return browsers[-1]
    yield make
    for browser in browsers:
        browser.close()


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromium-driver are not installed")
def test_a_browser_lands_on_https_and_talks_over_wss(site, browse):
    lab = site()
    browser = browse(lab)
    for name in NAMES:
        assert browser.open(f"http://{name}/") is None
        wanted = f"ECHO hello over wss AT https://{name}:{lab.nginx.https_port}/"
        wait_for(lambda: browser.text() == wanted, "the echo in the page", 20)
    # What people do who forget the s in the server's port.
    assert "ERR_SSL_PROTOCOL_ERROR" in browser.open(f"https://{BARE}:{lab.nginx.http_port}/")


# What the test CA's certificates are found fault with, and what no site decides. By testssl.sh's own names.
NOT_THE_SITE = re.compile(r"cert_(?!signatureAlgorithm|keySize)|^(OCSP|DNS_CAA|ipv6|service|engine_problem|scanTime|scanProblem|"
                          r"optimal_proto|host_certificate|intermediate_cert|id$|clientsimulation)")


@pytest.mark.slow
@pytest.mark.skipif(not TESTSSL, reason="testssl.sh is not installed")
def test_nothing_to_find_fault_with(site, tmp_path):
    lab = site("--hsts", "730d")
    report = tmp_path / "report.json"
    subprocess.run([TESTSSL, "--quiet", "--warnings", "off", "--color", "0", "--nodns", "min", "--ip", lab.address,
                    "--add-ca", str(lab.ca.root), "--jsonfile", str(report), "-p", "-s", "-f", "-P", "-S", "-h", "-U",
                    f"{BARE}:{lab.nginx.https_port}"],
                   stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400, check=False)
    findings = json.loads(report.read_text())
    assert any(f["id"] == "TLS1_3" and f["severity"] == "OK" for f in findings), findings
    assert any(f["id"] == "TLS1" and f["severity"] in ("OK", "INFO") for f in findings), findings
    # WARN: testssl.sh could not find it out.
    bad = [f"{f['id']} {f['severity']}: {f['finding']}" for f in findings
           if f["severity"] not in ("OK", "INFO", "LOW", "DEBUG", "WARN") and not NOT_THE_SITE.search(f["id"])]
    assert not bad, bad
