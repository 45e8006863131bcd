"""Gate: calls that have no safe use here, and sleeping in tests."""

import re

import common

REASONS = {
    "strcpy strcat stpcpy sprintf vsprintf gets": "writes without a limit",
    "strtok localtime gmtime ctime asctime": "keeps its result in a static place",
    "atoi atol atoll atof": "cannot tell an error from 0",
    "system popen": "starts a shell",
    "alloca": "takes the stack without a limit",
    "mktemp tmpnam tempnam": "names a file that another may make first",
}
BANNED = {name: reason for names, reason in REASONS.items() for name in names.split()}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
SLEEP_C = re.compile(r"(?<!\w)(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep)\s*\(")
SLEEP_PY = re.compile(r"(?<!\w)sleep\s*\(")
SLEEP_SH = re.compile(r"(?:^|[;&|({]|\b(?:do|then|else))\s*sleep\s+[\d.$]", re.MULTILINE)


def hits(pattern, text, path, reason):
    for match in pattern.finditer(text):
        name = match.group(1) if match.groups() else "sleep"
        yield f"{path}:{common.line_of(text, match.start())}: {name}: {reason(name)}"


def wait_for_it(_):
    return "no test sleeps: wait for the thing"


def is_the_lab(path):
    """The lab owns waiting and what stands for distance: one loop that polls, one relay that delays."""
    return path.startswith("tests/system/lab/") or path.startswith("tests/bench/")


def main():
    root = common.tree()
    sources = common.files(root, "src", "include", "tests", suffix=(".c", ".h"))
    scripts = [
        path for path in common.files(root, "tests", suffix=(".py", ".sh")) if not path.startswith("tests/lint/")
    ]
    wrong = []
    for path in sources:
        text = common.code(common.read(root, path))
        wrong.extend(hits(CALL, text, path, BANNED.get))
        if path.startswith("tests"):
            wrong.extend(hits(SLEEP_C, text, path, wait_for_it))
    for path in scripts:
        text = re.sub(r"#[^\n]*", "", common.read(root, path))
        if path.endswith(".py") and not is_the_lab(path):
            wrong.extend(hits(SLEEP_PY, text, path, wait_for_it))
        if path.endswith(".sh"):
            wrong.extend(hits(SLEEP_SH, text, path, wait_for_it))
    common.verdict("banned", wrong, len(sources) + len(scripts))


if __name__ == "__main__":
    main()
