"""Programs of other releases of Debian than this machine's, unpacked into a folder that is kept in the user's cache.

The files are the packages' own; nothing of them is run but the program that is asked for.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile

NGINX = {"trixie": "1.26", "sid": "1.30"}
PEBBLE = {"bookworm": "2.4", "trixie": "2.6"}
MAKE_S = 300

# NGINX needs the libraries of its release; it sees this machine's temporary directory.
WRAPPER = """\
#!/bin/sh
exec unshare --mount --propagation private sh -c '
	mkdir -p {root}/proc {root}/dev {root}{tmp} &&
	mount --rbind /proc {root}/proc && mount --rbind /dev {root}/dev && mount --bind {tmp} {root}{tmp} || exit 1
	exec chroot {root} /usr/sbin/nginx "$@"' sh "$@"
"""


class Unavailable(Exception):
    """It cannot be had here, and why."""


def _make(package, suite, root):
    # A mirror that lags behind will do: its signature is checked all the same.
    done = subprocess.run(["mmdebstrap", "--quiet", "--variant=extract", '--aptopt=Acquire::Check-Valid-Until "false"',
                           f"--include={package}", suite, str(root)], capture_output=True, text=True, timeout=MAKE_S, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Unavailable(f"mmdebstrap could not unpack {package} of {suite}: {done.stderr.strip()[-300:]}")


def _unpacked(package, suite, version):
    if os.geteuid() != 0:
        raise Unavailable("needs root")
    missing = [tool for tool in ("mmdebstrap", "unshare", "chroot") if not shutil.which(tool)]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "certd-tests"
    root = cache / f"{package}-{suite}-{version}"
    if root.exists():
        return root
    cache.mkdir(parents=True, exist_ok=True)
    made = cache / f"making-{package}-{suite}-{os.getpid()}"
    try:
        _make(package, suite, made)
        made.rename(root)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"mmdebstrap unpacked nothing in {MAKE_S} s") from error
    except OSError:
        if not root.exists():  # another process was faster
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return root


def pebble(suite):
    """The program."""
    return str(_unpacked("pebble", suite, PEBBLE[suite]) / "usr/bin/pebble")


def nginx(suite):
    """What to run in place of nginx, and the folder of its release's configuration."""
    root = _unpacked("nginx", suite, NGINX[suite])
    for name in ("bin", "sbin", "lib", "lib64"):
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for name in ("passwd", "group"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    (root / "var/log/nginx").mkdir(parents=True, exist_ok=True)
    wrapper = root.with_name(f"{root.name}.sh")  # beside what NGINX takes for the whole world
    text = WRAPPER.format(root=root, tmp=tempfile.gettempdir())
    if not wrapper.exists() or wrapper.read_text() != text:
        wrapper.write_text(text)
        wrapper.chmod(0o755)
    return str(wrapper), root / "etc/nginx"
