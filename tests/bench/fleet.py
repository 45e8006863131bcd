#!/usr/bin/env python3
"""What many certificates cost: a run when nothing is due, one when the CA is to be asked about all of them, and `certd status`. Prints figures,
judges none.

    CERTD=/path/to/certd tests/bench/fleet.py [--json] [--count N]... [--runs N]

One certificate is issued by Pebble on loopback; the others are copies of it under names of their own, generation, state and configuration
(a file in conf.d for each) included, so that each run reads as much as a real one would. The first run looks into all files; what it finds is
remembered for the others.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import sys
import time

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "system"))

from lab import BARE, Lab, wait_for  # noqa: E402
from lab.relay import Relay  # noqa: E402


def multiply(lab, count):
    """Copies of the one certificate: configuration, generation, state, live."""
    block = (lab.path / "conf.d" / f"{BARE}.conf").read_text()
    for number in range(1, count):
        name = f"copy{number}.example"
        (lab.path / "conf.d" / f"{name}.conf").write_text(block.replace(f'certificate "{BARE}"', f'certificate "{name}"'))
        shutil.copytree(lab.state / "certificates" / BARE, lab.state / "certificates" / name)
        (lab.state / "live" / name).symlink_to(f"../certificates/{name}/1")


def make_due(lab):
    """The time of the next question comes for all of them."""
    for path in (lab.state / "certificates").glob("*/state.json"):
        state = json.loads(path.read_text())
        for ari in state["ari"] if isinstance(state["ari"], list) else [state["ari"]]:
            ari["next_check_at"] = "2020-01-01T00:00:00Z"
        path.write_text(json.dumps(state))


def measure(lab, *arguments):
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = lab.certd(*arguments, timeout_s=600)
    wall = time.monotonic() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.status in (0, 1) if arguments[0] == "status" else done.status == 0, done
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def middle(lab, runs, *arguments):
    taken = [measure(lab, *arguments) for _ in range(runs)]
    return {"wall_s": round(statistics.median(wall for wall, _ in taken), 3),
            "cpu_s": round(statistics.median(cpu for _, cpu in taken), 3)}


def knows_all(lab, count):
    """Files that were written just now are not remembered."""
    lab.certd("renew", timeout_s=600)
    index = lab.state / "index"
    return index.exists() and index.read_text().count("\n") > count


def run(certd, count, runs):
    lab = Lab(certd)
    relay = Relay(lab.address, lab.ca.port).start()
    try:
        lab.write_conf(ca=f"https://{lab.address}:{relay.port}/dir")
        lab.start()
        lab.issued()
        multiply(lab, count)
        figures = {"certificates": count, "configuration": middle(lab, runs, "check-config"), "first": middle(lab, 1, "renew")}
        wait_for(lambda: knows_all(lab, count), "the files to be old enough", timeout_s=120)
        figures["idle"] = middle(lab, runs, "renew")
        figures["status"] = middle(lab, runs, "status")
        figures["status_json"] = middle(lab, runs, "status", "--json")
        asked = lab.ca.renewal_questions()
        make_due(lab)
        relay.reset()
        figures["asked"] = middle(lab, 1, "renew")
        figures["questions"], figures["connections"] = lab.ca.renewal_questions() - asked, relay.connections
    finally:
        lab.close()
        relay.stop()
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="for another program")
    parser.add_argument("--count", type=int, action="append", help="certificates; 1000 and 10000")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    certd = pathlib.Path(os.environ.get("CERTD", SOURCE / "certd")).resolve()
    for count in options.count or (1000, 10000):
        figures = run(certd, count, options.runs)
        if options.json:
            print(json.dumps(figures), flush=True)
            continue
        for name, value in figures.items():
            print(f"{name:14} " + (f"{value['wall_s']:7.3f} s, {value['cpu_s']:.3f} s of the processor" if isinstance(value, dict)
                                   else f"{value:7}"), flush=True)


if __name__ == "__main__":
    main()
