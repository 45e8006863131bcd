"""A DNS of the whole world, in a network namespace of its own: run as `unshare -nm python3 world.py DIRECTORY SIGNED ARGV...`.

Knot answers on the addresses of the root's servers with one zone, the root, that knows two names of a site; then ARGV runs in that
world. With SIGNED "yes" the zone is signed and its key is the system's trust anchor; with "no" there is no trust anchor; with "bogus" there is
one, and the zone is not signed.
"""
import pathlib
import subprocess
import sys

from processes import port_answers, wait_for

ROOTS = ("198.41.0.4", "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10", "192.5.5.241", "192.112.36.4", "198.97.190.53",
         "192.36.148.17", "192.58.128.30", "193.0.14.129", "199.7.83.42", "202.12.27.33", "199.9.14.201")
ZONE = """\
$TTL 60
. SOA a.root-servers.net. admin. 1 3600 600 86400 1
. NS a.root-servers.net.
a.root-servers.net. A 198.41.0.4
togetherers.com. A 127.0.0.1
www.togetherers.com. TXT "there, but without address"
here.togetherers.com. A 25.0.0.1
elsewhere.togetherers.com. A 25.0.0.9
"""
ANCHOR = ". 86400 IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def main(directory, signed, *argv):
    home = pathlib.Path(directory)
    run("ip", "link", "set", "lo", "up")
    for address in ROOTS:
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    # An interface with the host's public address; nobody is at its other end.
    run("ip", "link", "add", "public", "type", "veth", "peer", "name", "nobody")
    run("ip", "address", "add", "25.0.0.1/32", "dev", "public")
    run("ip", "link", "set", "public", "up")
    (home / "root.zone").write_text(ZONE)
    (home / "knot.conf").write_text(f"""\
server:
    rundir: {home}
    listen: 0.0.0.0@53
log:
  - target: stderr
    any: info
database:
    storage: {home}
zone:
  - domain: .
    storage: {home}
    file: root.zone
    dnssec-signing: {"on" if signed == "yes" else "off"}
    zonefile-sync: -1
    zonefile-load: {"difference-no-serial" if signed == "yes" else "whole"}
    journal-content: {"all" if signed == "yes" else "none"}
""")
    anchors = pathlib.Path("/usr/share/dns")
    if anchors.is_dir():
        run("mount", "-t", "tmpfs", "none", str(anchors))
    with open(home / "knot.log", "w", encoding="utf-8") as log:
        knot = subprocess.Popen(["knotd", "-c", str(home / "knot.conf")], stdout=log, stderr=log)
    wanted = "DNSSEC, successfully signed" if signed == "yes" else "loaded"
    wait_for(lambda: wanted in (home / "knot.log").read_text() and port_answers(ROOTS[0], 53), "Knot to answer as the root", 20)
    if signed == "yes":
        anchor = "".join(line + "\n" for line in run("keymgr", "-c", str(home / "knot.conf"), ".", "ds").splitlines())
        (anchors / "root.key").write_text(anchor)
    elif signed == "bogus":
        (anchors / "root.key").write_text(ANCHOR)
    status = subprocess.run(argv, check=False).returncode
    knot.kill()
    knot.wait()
    sys.exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
