"""What the tests run, file by file: for a build with --enable-coverage after `make check`.

    tests/coverage.py BUILD

Prints the share of lines that ran of each source of the library, the least first, and of all together.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile


def lines_of(notes):
    """{source: {line: how often it ran}} of one object, by gcov."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["gcov", "--json-format", notes], cwd=scratch, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        found = {}
        for leaf in os.listdir(scratch):
            with gzip.open(os.path.join(scratch, leaf)) as file:
                for source in json.load(file)["files"]:
                    counts = found.setdefault(source["file"], {})
                    for line in source["lines"]:
                        counts[line["line_number"]] = counts.get(line["line_number"], 0) + line["count"]
        return found


def main():
    build = os.path.abspath(sys.argv[1])
    sums = []
    for here, _, leaves in os.walk(os.path.join(build, "src")):
        for leaf in leaves:
            if leaf.endswith(".gcno"):
                for source, counts in lines_of(os.path.join(here, leaf)).items():
                    if source.endswith(".c") and counts:
                        name = source[source.rindex("src/"):]
                        sums.append((sum(1 for count in counts.values() if count), len(counts), name))
    for ran, lines, name in sorted(sums, key=lambda one: one[0] / one[1]):
        print(f"{100 * ran / lines:5.1f} %  {ran:5} of {lines:5}  {name}")
    ran, lines = sum(one[0] for one in sums), sum(one[1] for one in sums)
    print(f"{100 * ran / max(lines, 1):5.1f} %  {ran:5} of {lines:5}  all")


if __name__ == "__main__":
    main()
