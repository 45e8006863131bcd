#!/usr/bin/env python3
"""What one certificate of two names costs: the first one, with the account; one that is forced; and a renewal at the time that the CA suggests,
which asks for its window before and for the new one's after it. Prints figures, judges none.

    CERTD=/path/to/certd tests/bench/bench.py [--json] [--runs N]

Against Pebble on loopback:
- requests, and those for nonces among them, as Pebble logged them;
- connections and turns (the client speaks after the server did: one round trip on a real network), as a relay between
  certd and Pebble counted them; turns include those of TLS, not that of TCP's handshake;
- wall time, with that relay adding nothing and adding 50 ms each way;
- CPU time of all of certd's processes, and the peak of resident and of anonymous memory of each.

How often Pebble is asked while it validates and signs depends on the Retry-After that it sends, one second here: of the
wall time about that much for each wait is Pebble's wish.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "system"))

from lab import BARE, NAMES, Lab, Pebble  # noqa: E402
from lab.relay import Relay  # noqa: E402

POLL_S = 0.002
DELAY_S = 0.05


class MemoryWatch(threading.Thread):
    """Peaks of every process of a group, by reading /proc often: {name of the process: (VmHWM, RssAnon) in KiB}."""

    def __init__(self, pgid, certd):
        super().__init__(daemon=True)
        self.pgid, self.certd, self.peaks, self._done = pgid, os.path.basename(certd), {}, threading.Event()

    def run(self):
        while not self._done.wait(POLL_S):
            for pid in self._members():
                self._look(pid)

    def _members(self):
        seen, found = [self.pgid], []
        while seen:
            pid = seen.pop()
            found.append(pid)
            try:
                seen += [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            except OSError:
                pass
        return found

    def _look(self, pid):
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        except OSError:
            return
        fields = {key: int(value.split()[0]) for key, _, value in
                  (line.partition(":") for line in status.splitlines()) if key in ("VmHWM", "RssAnon")}
        if len(fields) < 2:
            return
        name = program if program != self.certd else "certd (job)" if pid == self.pgid else "certd (net)"
        rss, anon = self.peaks.get(name, (0, 0))
        self.peaks[name] = max(rss, fields["VmHWM"]), max(anon, fields["RssAnon"])

    def stop(self):
        self._done.set()
        self.join()
        return self.peaks


def cpu_of_children_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def forget(lab):
    """As if nothing had ever been issued here."""
    for name in ("accounts", "certificates", "live", "index"):
        path = lab.state / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    (lab.path / "conf.d" / f"{BARE}.conf").unlink(missing_ok=True)


def make_due(lab):
    """The instant that was drawn from the window has come, and the CA is to be asked whether the window is still the same."""
    path = lab.state / "certificates" / BARE / "state.json"
    state = json.loads(path.read_text())
    ari = state["ari"][0] if isinstance(state["ari"], list) else state["ari"]
    for section in (state, ari):
        section.pop("early_at", None)
    ari.update(chosen="2020-01-01T00:00:00Z", next_check_at="2020-01-01T00:00:00Z")
    path.write_text(json.dumps(state))


KINDS = {
    "the first, with the account": (forget, ("issue", *NAMES)),
    "forced": (lambda lab: None, ("renew", "--force", BARE)),
    "at the suggested time": (make_due, ("renew",)),
}


def measure(lab, relay, arguments):
    """One certificate through the relay."""
    asked, orders, cpu_s = len(lab.ca.requests()), lab.ca.orders(), cpu_of_children_s()
    relay.reset()
    running = lab.begin(*arguments)
    watch = MemoryWatch(running.pid, lab.program)
    watch.start()
    done = running.wait(120)
    peaks = watch.stop()
    if done.status != 0 or lab.ca.orders() != orders + 1:
        raise SystemExit(f"there was no new certificate, and nothing to measure: {done}")
    requests = lab.ca.requests()[asked:]
    return {
        "requests": len(requests), "nonce_requests": sum(path == "/nonce-plz" for _, path in requests),
        "polls": sum(method == "POST" and path.startswith(("/authZ/", "/my-order/")) for method, path in requests),
        "windows": sum("renewalInfo" in path for _, path in requests),
        "connections": relay.connections, "turns": relay.turns, "wall_s": done.wall_s,
        "cpu_s": cpu_of_children_s() - cpu_s, "memory": peaks, "paths": [f"{m} {p}" for m, p in requests],
    }


def run(certd, runs):
    """{kind: (measures near the CA, measures far away from it)}"""
    figures = {}
    lab = Lab(certd)
    relay = Relay(lab.address, lab.ca.port).start()
    try:
        lab.write_conf(ca=f"https://{lab.address}:{relay.port}/dir")
        lab.start()
        for kind, (prepare, arguments) in KINDS.items():
            taken = []
            for delay_s, times in ((0, runs), (DELAY_S, max(1, runs // 2))):
                relay.delay_s = delay_s
                measures = []
                for _ in range(times):
                    prepare(lab)
                    measures.append(measure(lab, relay, arguments))
                taken.append(measures)
            figures[kind] = taken
    finally:
        lab.close()
        relay.stop()
    return figures


def middle(measures, key):
    return statistics.median(measure[key] for measure in measures)


def tell(figures):
    rows = [("requests to the CA", "requests", "{:.0f}"), ("  for a nonce", "nonce_requests", "{:.0f}"),
            ("  looks at authorizations, orders", "polls", "{:.0f}"), ("  questions for windows", "windows", "{:.0f}"),
            ("connections to the CA", "connections", "{:.0f}"), ("turns on the wire", "turns", "{:.0f}"),
            ("wall time", "wall_s", "{:.2f} s"), ("CPU of all processes", "cpu_s", "{:.3f} s")]
    print("a certificate of two names, a new key (median of each)")
    print(" " * 36 + "".join(f"{kind:>30}" for kind in figures))
    for title, key, form in rows:
        print(f"  {title:<34}" + "".join(f"{form.format(middle(near, key)):>30}" for near, _ in figures.values()))
    extras = [middle(far, "wall_s") - middle(near, "wall_s") for near, far in figures.values()]
    print(f"  {f'more at {2000 * DELAY_S:.0f} ms round trip':<34}" + "".join(f"{f'{extra:.2f} s':>30}" for extra in extras))
    print(f"  {'  in round trips':<34}" + "".join(f"{extra / (2 * DELAY_S):>30.1f}" for extra in extras))
    near = [measure for near, _ in figures.values() for measure in near]
    for name in sorted({name for measure in near for name in measure["memory"]}):
        peaks = [measure["memory"][name] for measure in near if name in measure["memory"]]
        print(f"  memory of {name:<15}{max(rss for rss, _ in peaks):6d} KiB resident, "
              f"{max(anon for _, anon in peaks)} KiB of it anonymous")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="every measurement, for another program")
    arguments = parser.parse_args()
    certd = os.environ.get("CERTD") or SOURCE / "certd"
    if not os.access(certd, os.X_OK):
        parser.error("no certd to measure: build it, and name it in the environment variable CERTD")
    if not Pebble.available():
        parser.error("pebble and pebble-challtestsrv are not installed")
    figures = run(pathlib.Path(certd).resolve(), arguments.runs)
    if arguments.json:
        print(json.dumps({"kinds": {kind: {"near": near, "far": far} for kind, (near, far) in figures.items()}, "delay_s": DELAY_S,
                          "size": subprocess.run(["size", str(certd)], capture_output=True, text=True,
                                                 check=False).stdout.split("\n")[1:2]}, indent=1))
    else:
        tell(figures)


if __name__ == "__main__":
    main()
