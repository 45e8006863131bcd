"""What the gates share: the files of a tree, C source without comments and strings, and how a verdict is told.

A gate is a program `GATE.py [TREE]`. It prints one line `path:line: what is wrong` for each violation. Exit status 0:
the tree keeps the rule; 1: it does not; 77: the gate cannot judge here, with the reason (a missing tool).
"""

import os
import re
import sys

SKIPPED = 77
NOT_OURS = {".git", "build-aux", "autom4te.cache", "__pycache__", ".pytest_cache"}


def tree():
    """The root of the tree to judge."""
    return os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("srcdir", "."))


def files(root, *folders, suffix=("",)):
    """Paths relative to root of all files beneath the folders that end in a suffix, sorted."""
    found = []
    for folder in folders:
        for here, names, leaves in os.walk(os.path.join(root, folder)):
            names[:] = [name for name in names if name not in NOT_OURS and not is_build(os.path.join(here, name))]
            for leaf in leaves:
                if leaf.endswith(tuple(suffix)):
                    found.append(os.path.relpath(os.path.join(here, leaf), root))
    return sorted(found)


def is_build(folder):
    """True for a folder that configure has made."""
    return os.path.exists(os.path.join(folder, "config.status"))


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)


def _blank(match):
    token = match.group(0)
    if token[0] in "\"'":
        return token[0] + " " * (len(token) - 2) + token[0]
    return re.sub(r"[^\n]", " ", token)


def code(text):
    """C source with comments and the insides of literals blanked; lines and columns stay."""
    return TOKEN.sub(_blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def verdict(gate, violations, judged):
    """Prints the violations and ends the program."""
    for violation in violations:
        print(violation)
    print(f"{gate}: {len(violations)} violations in {judged} files")
    sys.exit(1 if violations else 0)


def skip(gate, reason):
    print(f"{gate}: skipped: {reason}")
    sys.exit(SKIPPED)
