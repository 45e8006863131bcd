"""Gate: each event of the log is one entry of the journal's catalog, with words, and is told somewhere."""

import re

import common

EVENTS, CATALOG = "src/base/event.c", "packaging/certd.catalog"
ROW = re.compile(r'^\t\[(EVENT_\w+)\] = "([^"]*)",$', re.MULTILINE)
ENTRY = re.compile(r"^-- (\S+)\n(.*?)(?=^-- |\Z)", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"@([A-Z0-9_]+)@")
WIDTH = 80


def judge_entry(entry, line, sources):
    head, _, body = entry.partition("\n\n")
    fields = [part.partition(":")[0] for part in head.split("\n")]
    if fields != ["Subject", "Defined-By", "Documentation"]:
        yield line, f"its head is {fields}"
    if len(body.split()) < 20:
        yield line, "it explains nothing"
    for number, text in enumerate(entry.split("\n"), line + 1):
        if len(text) > WIDTH and not text.startswith("Subject: "):
            yield number, f"longer than {WIDTH}"
    for field in FIELD.findall(entry):
        if f'"{field}"' not in sources:
            yield line, f"@{field}@ is no field that is sent"


def main():
    root = common.tree()
    paths = common.files(root, "src", suffix=(".c",))
    if EVENTS not in paths:
        common.skip("catalog", "no events yet")
    table, catalog = common.read(root, EVENTS), common.read(root, CATALOG)
    sources = "".join(common.read(root, path) for path in paths)
    rows = {match[2]: (match[1], common.line_of(table, match.start())) for match in ROW.finditer(table)}
    entries, wrong = {}, []
    for match in ENTRY.finditer(catalog):
        line = common.line_of(catalog, match.start())
        if match[1] in entries:
            wrong.append(f"{CATALOG}:{line}: {match[1]} is there twice")
        entries[match[1]] = line
        if match[1] not in rows:
            wrong.append(f"{CATALOG}:{line}: {match[1]} is no event")
        wrong.extend(f"{CATALOG}:{number}: {words}" for number, words in judge_entry(match[2], line, sources))
    for identifier, (name, line) in rows.items():
        if not re.fullmatch(r"[0-9a-f]{32}", identifier):
            wrong.append(f"{EVENTS}:{line}: {name} has no identifier of 32 lower-case hexadecimal digits")
        if identifier not in entries:
            wrong.append(f"{EVENTS}:{line}: {name} is not in the catalog")
        if len(re.findall(rf"\b{name}\b", sources)) < 2:
            wrong.append(f"{EVENTS}:{line}: {name} is never told")
    names = [name for name, _ in rows.values()]
    wrong.extend(f"{EVENTS}:1: {name} has two identifiers" for name in set(names) if names.count(name) > 1)
    if len(ROW.findall(table)) != len(rows):
        wrong.append(f"{EVENTS}:1: two events have the same identifier")
    common.verdict("catalog", wrong, len(rows))


if __name__ == "__main__":
    main()
