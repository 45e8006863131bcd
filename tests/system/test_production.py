"""quickstart.sh --production on a server of its own: Debian's NGINX and systemd, with an http site that is there already."""
import pathlib
import shutil
import tempfile

import pytest
from lab import BARE, NAMES, WWW
from lab.container import CA_CONF, Container, Unavailable, cached_root
from lab.lab import SOURCE

pytestmark = pytest.mark.xdist_group("server")  # one machine for all of them

OTHERS = ("new.example", "www.new.example")

SCRIPT = """\
exec 2>&1
%(start_ca)s
seen() { # FILE NAME...: what a visitor of each name meets
	for name in "${@:2}"; do
		printf 'GET / HTTP/1.0\\r\\nHost: %%s\\r\\n\\r\\n' "$name" >/tmp/request
		{ exec 3<>/dev/tcp/127.0.0.1/80; cat /tmp/request >&3; cat <&3; } | grep -aE '^HTTP|^Location|hello'
		openssl s_client -connect 127.0.0.1:443 -servername "$name" -quiet </tmp/request 2>/dev/null | grep -aE '^HTTP|hello|served over'
	done >/out/$1
}
quick() { # FILE ARGUMENT...
	/srv/source/packaging/quickstart.sh "${@:2}" --production --certd %(certd)s --agree-tos >/out/$1 2>&1
	echo "exit $?" >>/out/$1
}
# The work of `make install` that needs the machine.
systemd-sysusers certd.conf
systemd-tmpfiles --create certd.conf

quick refused %(names)s
seen before %(names)s
quick taken --take-over %(names)s
seen after %(names)s
quick again %(names)s
quick new %(others)s
seen new.seen %(others)s
seen after.seen %(names)s
systemctl is-active certd-renew.timer >/out/timer
certd status --json >/out/status
"""

SITE = f"""\
server {{
	listen 80;
	server_name {BARE} {WWW};
	root /srv/www;
}}
"""


@pytest.fixture(scope="module")
def found(certd):
    if not (certd.parent / "Makefile").exists():
        pytest.skip(f"make install needs the build that {certd} is of")
    path = pathlib.Path(tempfile.mkdtemp(prefix="certd-server-"))
    path.chmod(0o755)
    try:
        container = Container(path, cached_root())
        folders = container.folders(certd.parent)
        container.install(certd.parent)
        srv, etc = container.root / "srv", container.root / folders["sysconfdir"].lstrip("/")
        (srv / "source").mkdir()
        shutil.copytree(SOURCE / "packaging", srv / "source" / "packaging")
        shutil.copy(SOURCE / "configure.ac", srv / "source")
        (srv / "www").mkdir()
        (srv / "www" / "index.html").write_text("hello from the old site\n")
        (container.root / "etc/nginx/sites-available/mine").write_text(SITE)
        (container.root / "etc/nginx/sites-enabled/mine").symlink_to("/etc/nginx/sites-available/mine")
        start_ca = container.bring_ca()
        # The build has a place of its own for it; what is written there reaches Debian's NGINX only with its folder.
        conf = CA_CONF + 'nginx-snippet-dir = "/etc/nginx/snippets"\n'
        (etc / "certd").mkdir(exist_ok=True)
        (etc / "certd" / "certd.conf").write_text(conf)
        (container.root / "etc/certd").mkdir(exist_ok=True)
        (container.root / "etc/certd/certd.conf").write_text("# looked for, and left alone\n")
        log = container.run(SCRIPT % {"start_ca": start_ca, "certd": folders["sbindir"] + "/certd", "names": " ".join(NAMES),
                                      "others": " ".join(OTHERS)})
        yield {**{file.name: file.read_text(errors="replace") for file in container.out.iterdir()}, "log": log}
    except Unavailable as error:
        pytest.skip(str(error))
    finally:
        shutil.rmtree(path, ignore_errors=True)


def test_a_site_that_is_there_is_shown_and_left_alone(found):
    assert "exit 1" in found["refused"] and "--take-over" in found["refused"], found["refused"] + found["log"]
    assert found["before"].count("hello from the old site") == 2 and "Location" not in found["before"], found["before"]


def test_taken_over_in_one_command(found):
    assert "exit 0" in found["taken"] and "issued and served" in found["taken"], found["taken"] + found["log"]
    for name in NAMES:
        assert f"Location: https://{name}/" in found["after"], found["after"]
    assert found["after"].count("hello from the old site") == 2
    assert "exit 0" in found["again"] and "nothing" in found["again"], found["again"]


def test_a_new_site_gets_a_first_page(found):
    assert "exit 0" in found["new"], found["new"] + found["log"]
    assert found["new.seen"].count("new.example is served over https") == 2, found["new.seen"]
    assert found["after.seen"] == found["after"]


def test_the_timer_looks_after_it(found):
    assert found["timer"].strip() == "active"
    assert found["status"].count('"state": "valid"') + found["status"].count('"state":"valid"') == 2, found["status"]
