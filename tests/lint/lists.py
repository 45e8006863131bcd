"""Gate: every source, test and hook stands in the list of files of its part, and every listed file exists.

A source that no list names is not built; a test that no list names never runs. (Headers need no list: the tarball
takes the whole of include/.)
"""

import os
import re

import common


def listed(root, makefile):
    """All words of a Makefile.inc that look like a path, comments left out."""
    if not os.path.exists(os.path.join(root, makefile)):
        return set()
    text = re.sub(r"^\s*#[^\n]*", "", common.read(root, makefile), flags=re.MULTILINE)
    return set(re.findall(r"[\w./-]+/[\w.-]+", text))


def makefile_of(path):
    """The list that has to name a file."""
    part = path.split(os.sep)
    if path == "src/certd.c":
        return "Makefile.am"
    if part[0] == "src":
        return f"src/{part[1]}/Makefile.inc"
    if part[:2] == ["tests", "unit"]:
        match = re.match(r"test_([a-z]+)_", part[-1])
        return f"tests/unit/{match.group(1)}.inc" if match else "tests/unit/Makefile.inc"
    return f"{part[0]}/{part[1]}/Makefile.inc"


def main():
    root = common.tree()
    paths = common.files(root, "src", "tests/unit", "tests/scenario", "tests/fuzz", suffix=(".c",))
    paths = [path for path in paths if not path.startswith("tests/fuzz/corpus/")]
    wrong = []
    lists = {}
    for path in paths:
        makefile = makefile_of(path)
        names = lists.setdefault(makefile, listed(root, makefile))
        test = re.sub(r"\.c$", "", path)
        # A fuzz target is listed as a program, from which the name of its source follows.
        if path not in names and not ("/fuzz_" in path and test in names):
            wrong.append(f"{path}:1: {makefile} does not list it")
        if re.search(r"/(test|scenario|fuzz)_\w+$", test) and path in names and test not in names:
            wrong.append(f"{path}:1: {makefile} does not have {test} in check_PROGRAMS: it never runs")
    for makefile in common.files(root, "src", "tests", suffix=("Makefile.inc",)):
        for name in sorted(listed(root, makefile)):
            if name.endswith((".c", ".h")) and not os.path.exists(os.path.join(root, name)):
                wrong.append(f"{makefile}:1: lists {name}, which does not exist")
    hooks = listed(root, "hooks/Makefile.inc")
    for path in common.files(root, "hooks"):
        if os.access(os.path.join(root, path), os.X_OK) and path not in hooks:
            wrong.append(f"{path}:1: hooks/Makefile.inc does not list it: it is not installed")
    common.verdict("lists", wrong, len(paths))


if __name__ == "__main__":
    main()
