"""Sums up what the tests of one tier said.

    tests/tally.py check BUILD   the logs of `make check`: each cmocka test counts, a test without cmocka counts as one
    tests/tally.py junit FILE    pytest's --junitxml

Prints `FAIL name: reason` and `SKIP name: reason` lines, and at last `PASSED FAILED SKIPPED` as three numbers.
"""

import os
import re
import sys
import xml.etree.ElementTree


def last_words(log):
    lines = [line.strip() for line in log.split("\n") if line.strip()]
    # automake writes its own verdict as the last line of a log.
    lines = [line for line in lines if not re.match(r"(PASS|SKIP|FAIL|ERROR|XFAIL|XPASS) \S+ \(exit status", line)]
    return lines[-1] if lines else "says nothing"


def exit_status(log):
    match = re.search(r"^(?:FAIL|ERROR) \S+ (\(exit status: \d+\))\s*\Z", log, re.MULTILINE)
    return match.group(1) if match else "broken off"


def tally_log(name, result, log):
    """One test program: (passed, [failed], [skipped])."""
    failed = sorted(set(re.findall(r"^\[  (?:FAILED |ERROR  ) \] ([A-Za-z_]\w+)", log, re.MULTILINE)))
    skipped = sorted(set(re.findall(r"^\[  SKIPPED \] ([A-Za-z_]\w+)", log, re.MULTILINE)))
    passed = len(re.findall(r"^\[       OK \] ", log, re.MULTILINE))
    if passed or failed or skipped:
        failures = [f"{name}: {test}" for test in failed]
        if result not in ("PASS", "SKIP") and not failures:
            failures = [f"{name}: {exit_status(log)}: {last_words(log)}"]
        return passed, failures, [f"{name}: {test} (its log says why)" for test in skipped]
    if result == "PASS":
        return 1, [], []
    if result == "SKIP":
        return 0, [], [f"{name}: {last_words(log)}"]
    return 0, [f"{name}: {exit_status(log)}: {last_words(log)}"], []


def tally_check(build):
    passed, failed, skipped = 0, [], []
    for here, folders, leaves in os.walk(build):
        folders[:] = [folder for folder in folders if not folder.startswith("certd-")]  # what distcheck unpacked
        for leaf in sorted(leaves):
            if not leaf.endswith(".trs"):
                continue
            path = os.path.join(here, leaf)
            name = os.path.relpath(path, build)[:-len(".trs")]
            with open(path, encoding="utf-8", errors="replace") as file:
                results = re.findall(r"^:test-result: (\w+)", file.read(), re.MULTILINE)
            try:
                with open(path[:-len(".trs")] + ".log", encoding="utf-8", errors="replace") as file:
                    log = file.read()
            except FileNotFoundError:
                log = ""
            for result in results or ["ERROR"]:
                one = tally_log(name, result, log)
                passed += one[0]
                failed += one[1]
                skipped += one[2]
    return passed, failed, skipped


def tally_junit(path):
    passed, failed, skipped = 0, [], []
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname', '').split('.')[-1]}: {case.get('name')}"
        broken = [child for child in case if child.tag in ("failure", "error")]
        left_out = [child for child in case if child.tag == "skipped"]
        if broken:
            failed.append(f"{name}: {(broken[0].get('message') or '').split(chr(10))[0][:200]}")
        elif left_out:
            skipped.append(f"{name}: {(left_out[0].get('message') or '').split(chr(10))[0][:200]}")
        else:
            passed += 1
    return passed, failed, skipped


def main():
    kind, what = sys.argv[1:3]
    passed, failed, skipped = {"check": tally_check, "junit": tally_junit}[kind](what)
    for line in failed:
        print("FAIL", line)
    for line in skipped:
        print("SKIP", line)
    print(passed, len(failed), len(skipped))


if __name__ == "__main__":
    main()
