"""certd's units in a machine of lab/container.py: a site, a CA, a hook that looks around from inside of the sandbox."""
from . import BARE, WWW
from .container import CA_CONF

LOOK_AROUND = """\
#!/bin/sh
exec >%(state)s/seen 2>&1
grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status
for d in /etc /etc/nginx /usr /var/lib /var/log /run /root /home %(etc)s %(snippets)s %(state)s %(run)s /var/log/nginx; do
	if (: >"$d/seen.tmp") 2>/dev/null; then echo "writes $d"; rm -f "$d/seen.tmp"; fi
done
if unshare --mount true 2>/dev/null; then echo "makes namespaces"; fi
if chown www-data %(state)s/seen 2>/dev/null; then echo "gives away its own"; fi
if chown www-data /etc/hostname 2>/dev/null; then echo "gives away others'"; fi
systemctl is-active nginx.service
cp %(state)s/seen /var/log/nginx/
exit 0
"""


def prepare(container, build, conf=CA_CONF, eab=None):
    """Puts into the machine what its script needs. Returns the words to fill in there: folders, names, and what starts the CA."""
    folders = container.folders(build)
    values = {"bare": BARE, "www": WWW, "start_ca": container.bring_ca(eab),
              "state": folders["localstatedir"] + "/lib/certd", "run": folders["runstatedir"] + "/certd",
              "etc": folders["sysconfdir"] + "/certd", "conf": folders["sysconfdir"] + "/certd/certd.conf",
              "snippets": folders["sysconfdir"] + "/nginx/snippets"}
    container.install(build)
    srv = container.root / "srv"
    (srv / "site.conf").write_text(
        f"server {{ listen 80; server_name {BARE} {WWW}; include {values['snippets']}/certd-acme-challenge.conf; }}\n"
        f"server {{ listen 443 ssl; server_name {BARE} {WWW}; include {values['snippets']}/certd/{BARE}.conf; }}\n")
    (srv / "look-around").write_text(LOOK_AROUND % values)
    (container.root / values["conf"].lstrip("/")).write_text(conf)
    # A leak check at exit traces the program, which the sandbox forbids; other builds take no notice of this.
    for unit in ("certd-renew.service", "certd.service", "certd-job@.service"):
        drop_in = container.root / f"etc/systemd/system/{unit}.d"
        drop_in.mkdir()
        (drop_in / "test.conf").write_text("[Service]\nEnvironment=ASAN_OPTIONS=detect_leaks=0\n")
    return values


def went(world, name):
    """A file of lines NAME=VALUE."""
    return dict(line.split("=", 1) for line in world[name].split("\n") if "=" in line)


def judge_sandbox(text):
    """Of what the hook saw."""
    seen = text.splitlines()
    writes = {line.split()[1] for line in seen if line.startswith("writes ")}
    own = {path for path in writes if path.endswith(("/lib/certd", "/run/certd", "/nginx/snippets"))}
    assert len(own) == 3 and writes - own == {"/var/log/nginx"}, seen
    assert "makes namespaces" not in seen and "gives away others'" not in seen and "active" in seen, seen
    assert "gives away its own" in seen, "keys go to whom they are for (key-owner, key-group)"
    status = dict(line.split() for line in seen if ":" in line)
    # CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, NET_BIND_SERVICE
    assert int(status["CapEff:"], 16) == 1 << 0 | 1 << 1 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10
    assert status["NoNewPrivs:"] == "1" and status["Seccomp:"] == "2"
