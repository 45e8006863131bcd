"""The NGINX of another release of Debian, in a root of its own that is kept in the user's cache.

Its files are the packages' own, unpacked; nothing of them is run but NGINX, which sees this machine's temporary directory.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile

VERSIONS = {"trixie": "1.26", "sid": "1.30"}
TOOLS = ("mmdebstrap", "unshare", "chroot")
MAKE_S = 300

WRAPPER = """\
#!/bin/sh
exec unshare --mount --propagation private sh -c '
	mkdir -p {root}/proc {root}/dev {root}{tmp} &&
	mount --rbind /proc {root}/proc && mount --rbind /dev {root}/dev && mount --bind {tmp} {root}{tmp} || exit 1
	exec chroot {root} /usr/sbin/nginx "$@"' sh "$@"
"""


class Unavailable(Exception):
    """It cannot be had here, and why."""


def _unpack(suite, root):
    # A mirror that lags behind will do: its signature is checked all the same.
    done = subprocess.run(["mmdebstrap", "--quiet", "--variant=extract", '--aptopt=Acquire::Check-Valid-Until "false"',
                           "--include=nginx", suite, str(root)], capture_output=True, text=True, timeout=MAKE_S, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Unavailable(f"mmdebstrap could not unpack the NGINX of {suite}: {done.stderr.strip()[-300:]}")
    for name in ("bin", "sbin", "lib", "lib64"):
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for name in ("passwd", "group"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    (root / "var/log/nginx").mkdir(parents=True, exist_ok=True)


def program(suite):
    """What to run in place of nginx, and the folder of its release's configuration."""
    if os.geteuid() != 0:
        raise Unavailable("needs root")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "certd-tests"
    root = cache / f"nginx-{suite}-{VERSIONS[suite]}"
    if not root.exists():
        cache.mkdir(parents=True, exist_ok=True)
        made = cache / f"making-{suite}-{os.getpid()}"
        try:
            _unpack(suite, made)
            made.rename(root)
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"mmdebstrap unpacked nothing in {MAKE_S} s") from error
        finally:
            shutil.rmtree(made, ignore_errors=True)
    # Beside the root, which NGINX takes for the whole world.
    wrapper = root.with_name(f"{root.name}.sh")
    text = WRAPPER.format(root=root, tmp=tempfile.gettempdir())
    if not wrapper.exists() or wrapper.read_text() != text:
        wrapper.write_text(text)
        wrapper.chmod(0o755)
    return str(wrapper), root / "etc/nginx"
