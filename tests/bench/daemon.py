#!/usr/bin/env python3
"""What `certd run` costs with many certificates of which none is due: from its start until it is ready, its memory, and that it then sleeps.
Prints figures, judges none.

    CERTD=/path/to/certd tests/bench/daemon.py [--json] [--count N ...]

One certificate is issued by Pebble on loopback; the others are copies of its files under names of their own, so that each look reads as
much as a real one would. The first start finds nothing remembered of them, the second one does.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import sys
import time

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "system"))

from lab import BARE, Lab  # noqa: E402

WATCHED_S = 5
READY_S = 600


def multiply(lab, count):
    """As many as that, the one that there is included."""
    block = (lab.path / "conf.d" / f"{BARE}.conf").read_text()
    origin = lab.state / "certificates" / BARE
    files = [path.relative_to(origin) for path in origin.rglob("*") if path.is_file()]
    names = [f"copy{number}.example" for number in range(1, count)]
    for name in names:
        folder = lab.state / "certificates" / name
        (folder / "1").mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in files:
            if not (folder / file).exists():
                shutil.copy2(origin / file, folder / file)
        if not (lab.state / "live" / name).is_symlink():
            (lab.state / "live" / name).symlink_to(f"../certificates/{name}/1")
    # A file for each, as `certd issue` writes them.
    for name in names:
        (lab.path / "conf.d" / f"{name}.conf").write_text(block.replace(f'certificate "{BARE}"', f'certificate "{name}"'))


def memory_kib(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def wakes(pid):
    return sum(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
               if "ctxt_switches" in line)


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def start(lab, watch):
    """Seconds until it is ready, its memory then, how often it woke while nothing was to be done, and its time on the processor with its jobs."""
    path = lab.path / "notify"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(path))
    listener.settimeout(READY_S)
    begun, used = time.monotonic(), cpu_s()
    daemon = lab.begin("run", env={"NOTIFY_SOCKET": str(path)})
    while b"READY=1" not in listener.recv(65536).split(b"\n"):
        pass
    ready = time.monotonic() - begun
    while b"next: " not in listener.recv(65536):
        pass
    resident, peak = memory_kib(daemon.pid, "VmRSS"), memory_kib(daemon.pid, "VmHWM")
    before = wakes(daemon.pid)
    time.sleep(WATCHED_S if watch else 0)
    woken = wakes(daemon.pid) - before
    os.kill(daemon.pid, signal.SIGTERM)
    done = daemon.wait()
    assert done.status == 0, done
    listener.close()
    path.unlink()
    return ready, resident, peak, woken, cpu_s() - used


def measure(lab, count):
    multiply(lab, count)
    first = start(lab, watch=False)
    second = start(lab, watch=True)
    return {"certificates": count, "first_ready_s": round(first[0], 3), "ready_s": round(second[0], 3), "cpu_s": round(second[4], 3),
            "resident_MiB": round(second[1] / 1024, 1), "peak_MiB": round(second[2] / 1024, 1),
            f"woken_in_{WATCHED_S}_s": second[3]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, nargs="*", default=[10000, 100000])
    options = parser.parse_args()
    lab = Lab(os.environ.get("CERTD", SOURCE / "certd"))
    try:
        lab.start()
        lab.issued()
        figures = [measure(lab, count) for count in sorted(options.count)]
    finally:
        lab.close()
    if options.json:
        print(json.dumps(figures))
        return
    for one in figures:
        print("  ".join(f"{name} {value}" for name, value in one.items()))


if __name__ == "__main__":
    main()
