"""Gate: shellcheck over every shell script, and every Python script parses."""

import ast
import os
import re
import shutil
import subprocess

import common


def interpreter(root, path):
    """What the first line names: "sh", "bash", "python3", ... or ''."""
    with open(os.path.join(root, path), "rb") as file:
        match = re.match(rb"#!\s*(?:\S*/)?([\w.]+)(?:[ \t]+([\w.]+))?", file.readline(200))
    if not match:
        return ""
    words = [word.decode() for word in match.groups() if word]
    return words[1] if words[0] == "env" and len(words) > 1 else words[0]


def main():
    root = common.tree()
    paths = common.files(root, "src", "hooks", "packaging", "tests", ".ci")
    shell = [path for path in paths if path.endswith(".sh") or interpreter(root, path) in ("sh", "bash", "dash")]
    python = [path for path in paths if path.endswith(".py") or interpreter(root, path).startswith("python")]
    wrong = []
    for path in python:
        try:
            ast.parse(common.read(root, path))
        except SyntaxError as error:
            wrong.append(f"{path}:{error.lineno}: {error.msg}")
    if not shutil.which("shellcheck"):
        if not wrong:
            common.skip("scripts", "no shellcheck")
    elif shell:
        done = subprocess.run(["shellcheck", "--format=gcc", "--external-sources", *shell], cwd=root,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        wrong.extend(line for line in (done.stdout + done.stderr).split("\n") if line)
        if done.returncode > 1:
            wrong.append(f"shellcheck ended with {done.returncode}")
    common.verdict("scripts", wrong, len(shell) + len(python))


if __name__ == "__main__":
    main()
