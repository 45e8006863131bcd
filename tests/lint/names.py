"""Gate: headers without typedefs and with their guard, words that say "unfinished", and white space."""

import os
import re

import common

LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
TYPEDEF = re.compile(r"(?<!\w)typedef\b")


def guard_of(path):
    return "CERTD_" + re.sub(r"\W", "_", os.path.relpath(path, "include")).upper()


def judge_header(path, text):
    code = common.code(text)
    for match in TYPEDEF.finditer(code):
        yield f"{path}:{common.line_of(code, match.start())}: a typedef: say `struct x` and `enum x`"
    guard = guard_of(path)
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        yield f"{path}:1: its guard is not {guard}"
    if not text.startswith(f"/* {os.path.basename(path)}: "):
        yield f"{path}:1: it does not begin with `/* {os.path.basename(path)}: ` and what it is"


def main():
    root = common.tree()
    headers = common.files(root, "include", suffix=(".h",))
    paths = common.files(root, "src", "include", "hooks", "packaging", "tests")
    text_of = {}
    wrong = []
    for path in paths:
        try:
            text_of[path] = common.read(root, path)
        except UnicodeDecodeError:
            continue  # a certificate in DER, an input of a fuzz target
    for path in headers:
        wrong.extend(judge_header(path, text_of[path]))
    for path, text in text_of.items():
        if path.startswith(("tests/lint/", "tests/vectors/", "tests/fuzz/corpus/")):
            continue
        for match in LATER.finditer(text):
            wrong.append(f"{path}:{common.line_of(text, match.start())}: {match.group(1)}: do it, or leave the word out")
        if path.endswith((".c", ".h", ".py", ".sh", ".inc")):
            for number, line in enumerate(text.split("\n"), 1):
                if line != line.rstrip():
                    wrong.append(f"{path}:{number}: white space at the end of the line")
            if text and not text.endswith("\n"):
                wrong.append(f"{path}:{text.count(chr(10)) + 1}: no end of line at the end of the file")
    common.verdict("names", wrong, len(text_of))


if __name__ == "__main__":
    main()
