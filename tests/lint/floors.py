"""Gate: a room includes rooms of lower floors only, and the net process cannot reach a key.

The table is the plan of the house (src/README.md). What is held against it:
- `#include "room/..."` leads to the own room or to a lower floor; two rooms on one floor do not know each other;
- no header leads from netproc, however far, into a room that deals with keys, files or hooks;
- no header includes itself, however far;
- a foreign library's header is included in the rooms that the library was taken in for.
"""

import os
import re
import sys

import common

FLOORS = [
    ["base"],
    ["json", "crypto", "http", "dns"],
    ["jose", "channel", "tls"],
    ["acme", "config", "store", "hook", "nginx"],
    ["challenge", "deploy"],
    ["netproc", "notary", "plan"],
    ["job"],
    ["daemon"],
    ["cli"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MAIN_FLOOR = len(FLOORS)  # src/certd.c

FOREIGN = [
    (r"idn2\.h", ["base"]),
    (r"jansson.*\.h", ["json"]),
    (r"openssl/.*", ["crypto", "tls"]),
    (r"curl/.*", ["http"]),
    (r"unbound.*\.h", ["dns"]),
    (r"confuse\.h", ["config"]),
    (r"seccomp\.h", ["netproc"]),
    (r"pcre2\.h", ["nginx"]),
    (r"linux/(landlock|seccomp|filter)\.h", ["netproc"]),
    (r"systemd/.*", ["daemon", "cli"]),
    # No floor has taken these in.
    (r"(ares|ldns/.*|gnutls/.*|nettle/.*|sodium|libxml/.*|yaml|zlib|event2/.*|uv|glib|microhttpd|apr.*|pthread|threads)(\.h)?", []),
]

NET_NEVER_ROOMS = {"store", "config", "challenge", "hook", "deploy"}
NET_NEVER_HEADERS = {"crypto/pkey.h"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)


def room_of(path):
    parts = path.split(os.sep)
    return parts[1] if len(parts) > 2 else None


def includes(root, path):
    """[(line, quoted, name)] of one file."""
    text = common.read(root, path)
    # Comments go, but not the name in quotes: so the comments are blanked by hand here.
    text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.DOTALL)
    return [(common.line_of(text, m.start(2)), m.group(1) == '"', m.group(2)) for m in INCLUDE.finditer(text)]


def judge_one(path, line, quoted, name):
    """What is wrong with one include, or None."""
    room = room_of(path)
    floor = MAIN_FLOOR if room is None else FLOOR.get(room)
    target = name.split("/")[0]
    if floor is None:
        return f"{path}:1: {room} is no room of the floor table"
    if not quoted:
        for pattern, rooms in FOREIGN:
            if re.fullmatch(pattern, name) and room not in rooms:
                home = " and ".join(rooms) or "no room"
                return f"{path}:{line}: <{name}> belongs to {home}, not to {room or 'main'}"
        if target in FLOOR and "/" in name:
            return f'{path}:{line}: our own header <{name}> is included as "{name}"'
        return None
    if target not in FLOOR or "/" not in name:
        return f'{path}:{line}: "{name}" is not "room/module.h" with a room of the floor table'
    if target == room or FLOOR[target] < floor:
        return None
    if FLOOR[target] == floor:
        return f"{path}:{line}: {room} and {target} are on the same floor and do not know each other"
    return f"{path}:{line}: {room} (floor {floor}) includes {target} (floor {FLOOR[target]}), which is above it"


def circle_from(start, graph):
    """The shortest way from a header back to itself, or None."""
    ways = [[start]]
    seen = set()
    while ways:
        way = ways.pop(0)
        for following in graph.get(way[-1], []):
            if following == start:
                return way + [start]
            if following not in seen:
                seen.add(following)
                ways.append(way + [following])
    return None


def judge_net(path, graph, wanted):
    """The ways that lead from one file of netproc to what it must not know."""
    found = []
    ways = [[name] for name in wanted]
    seen = set(wanted)
    while ways:
        way = ways.pop(0)
        if way[-1] in NET_NEVER_HEADERS or way[-1].split("/")[0] in NET_NEVER_ROOMS:
            found.append(f"{path}:1: the net process must not know {way[-1]} (by {' -> '.join(way)})")
            continue
        for following in graph.get(way[-1], []):
            if following not in seen:
                seen.add(following)
                ways.append(way + [following])
    return found


def main():
    root = common.tree()
    paths = common.files(root, "src", "include", suffix=(".c", ".h"))
    wrong = []
    wanted = {}
    for path in paths:
        found = includes(root, path)
        wanted[path] = [name for _, quoted, name in found if quoted]
        for line, quoted, name in found:
            wrong.append(judge_one(path, line, quoted, name))
    wrong = [violation for violation in wrong if violation]

    graph = {os.path.relpath(path, "include"): names for path, names in wanted.items() if path.startswith("include")}
    for header in sorted(graph):
        way = circle_from(header, graph)
        if way and header == min(way):
            wrong.append(f"include/{header}:1: a circle of headers: {' -> '.join(way)}")
    for path in paths:
        if room_of(path) == "netproc":
            wrong.extend(judge_net(path, graph, wanted[path]))
    common.verdict("floors", wrong, len(paths))


if __name__ == "__main__":
    sys.exit(main())
