#!/usr/bin/env python3
"""What a run over many certificates costs when nothing is due, and when the CA is to be asked about all of them. Prints figures, judges none.

    CERTD=/path/to/certd tests/bench/fleet.py [--json] [--count N] [--runs N]

One certificate is issued by Pebble on loopback; the others are copies of it under names of their own, generation and state
included, so that each run reads as much as a real one would.
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

from lab import BARE, Lab  # noqa: E402


def multiply(lab, count):
    """Copies of the one certificate: configuration, generation, state, live."""
    block = (lab.path / "conf.d" / f"{BARE}.conf").read_text()
    lines = []
    for number in range(1, count):
        name = f"copy{number}.example"
        lines.append(block.replace(f'certificate "{BARE}"', f'certificate "{name}"'))
        shutil.copytree(lab.state / "certificates" / BARE, lab.state / "certificates" / name)
        (lab.state / "live" / name).symlink_to(f"../certificates/{name}/1")
    (lab.path / "conf.d" / "copies.conf").write_text("\n".join(lines))


def make_due(lab):
    """The time of the next question comes for all of them."""
    for path in (lab.state / "certificates").glob("*/state.json"):
        state = json.loads(path.read_text())
        state["ari"]["next_check_at"] = "2020-01-01T00:00:00Z"
        path.write_text(json.dumps(state))


def measure(lab):
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = lab.certd("renew", timeout_s=600)
    wall = time.monotonic() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.status == 0, done
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    lab = Lab(os.environ.get("CERTD", SOURCE / "certd"))
    try:
        lab.start()
        lab.issued()
        multiply(lab, options.count)
        measure(lab)
        idle = [measure(lab) for _ in range(options.runs)]
        asked = lab.ca.renewal_questions()
        make_due(lab)
        due = measure(lab)
        figures = {
            "certificates": options.count,
            "idle_wall_s": round(statistics.median(wall for wall, _ in idle), 3),
            "idle_cpu_s": round(statistics.median(cpu for _, cpu in idle), 3),
            "asked_wall_s": round(due[0], 3), "asked_cpu_s": round(due[1], 3),
            "questions": lab.ca.renewal_questions() - asked,
        }
    finally:
        lab.close()
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:14} {value}")


if __name__ == "__main__":
    main()
