"""Gate: the man pages are clean, and what a user can write is in one of them.

Looked for in the code are the rows of its tables: commands (`commands[]`), long options (`struct option ...[]`),
directives (tables called `...directives[]`, and libConfuse's CFG_*("name") macros), CAs ({ .name, .directory }) and the
environment of hooks ("CERTD_..." in quotes).
"""

import os
import re
import shutil
import subprocess

import common

TABLE = re.compile(r"(\w+)\s*\[[^\]]*\]\s*=\s*\{(.*?)\n\s*\};", re.DOTALL)
ROW = re.compile(r'^\s*\{\s*(?:\.name\s*=\s*)?"([\w-]+)"', re.MULTILINE)
CFG = re.compile(r'\bCFG_(?:STR|INT|BOOL|FLOAT|SEC|FUNC|PTR)(?:_LIST)?(?:_CB)?\(\s*"([\w-]+)"')
CA = re.compile(r'\{\s*\.name\s*=\s*"([\w.-]+)",\s*\.directory\s*=\s*"(https:[^"]+)"')
ENVIRONMENT = re.compile(r'"(CERTD_[A-Z_]+)=?[^"\n]*"')


def without_comments(text):
    return re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.DOTALL)


def written_by_users(root):
    """{(kind, name): where} of all that a user can write."""
    found = {}
    for path in common.files(root, "src", suffix=(".c",)):
        text = without_comments(common.read(root, path))
        for table in TABLE.finditer(text):
            name, rows = table.groups()
            line = common.line_of(text, table.start())
            before = text[max(0, table.start() - 40):table.start()]
            if re.search(r"\bstruct option\s*$", before):
                kind = "option"
            elif name.endswith("commands"):
                kind = "command"
            elif name.endswith("directives"):
                kind = "directive"
            else:
                continue
            for row in ROW.finditer(rows):
                found.setdefault((kind, row.group(1)), f"{path}:{line + rows.count(chr(10), 0, row.start(1))}")
        for match in CFG.finditer(text):
            found.setdefault(("directive", match.group(1)), f"{path}:{common.line_of(text, match.start())}")
        for match in CA.finditer(text):
            found.setdefault(("CA", match.group(1)), f"{path}:{common.line_of(text, match.start())}")
            found.setdefault(("URL", match.group(2)), f"{path}:{common.line_of(text, match.start(2))}")
        for match in ENVIRONMENT.finditer(text):
            found.setdefault(("variable", match.group(1)), f"{path}:{common.line_of(text, match.start())}")
    return found


def described(text):
    """All words of a page's macros for names (.It, .Ic, .Fl, .B, ...): what it describes, not what it only mentions."""
    words = set()
    for line in text.replace("\\-", "-").split("\n"):
        if re.match(r"\.(It|Ic|Cm|Fl|Ev|Va|Sx|B|BR|BI|IP)\b", line):
            words.update(re.findall(r"[\w][\w-]*", re.sub(r"\\f[A-Z]", " ", line)))
        words.update(re.findall(r"https://\S+", line))
    return words


def main():
    root = common.tree()
    pages = [path for path in common.files(root, "packaging") if re.search(r"\.[1578](\.in)?$", path)]
    if not pages:
        common.verdict("man", ["packaging/man:1: no man pages"], 0)
    wrong = []
    words = set()
    for path in pages:
        words |= described(common.read(root, path))
    for (kind, name), where in sorted(written_by_users(root).items()):
        if name not in words:
            wrong.append(f"{where}: the {kind} {name} is in no man page")
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages], cwd=root, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        wrong.extend(line for line in (done.stdout + done.stderr).split("\n") if line)
    elif not wrong:
        common.skip("man", "no mandoc")
    common.verdict("man", wrong, len(pages))


if __name__ == "__main__":
    main()
