"""Prometheus' text format, strictly: what its grammar does not allow, and what its parser would take and nobody should write, is an error."""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)')
SAMPLE = re.compile(rf"^({NAME})(?:\{{(.*)\}})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN|[+-]Inf)$")
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def parse(text):
    """{metric: {frozenset of (label, value): number}}; ValueError for anything that is not as it has to be."""
    metrics, types, helped, current = {}, {}, set(), None
    if not text.endswith("\n"):
        raise ValueError("the last line has no end")
    for line in text[:-1].split("\n"):
        if line.startswith("#"):
            current = _head(line, types, helped, metrics)
            continue
        match = SAMPLE.match(line)
        if not match:
            raise ValueError(f"no sample: {line!r}")
        name, labels, value = match.groups()
        if name != current:
            raise ValueError(f"{name} does not stand below its own head: {line!r}")
        key = frozenset(_labels(labels or ""))
        if key in metrics.setdefault(name, {}):
            raise ValueError(f"twice the same: {line!r}")
        metrics[name][key] = float(value)
    if set(types) != set(metrics):
        raise ValueError(f"heads without samples: {set(types) ^ set(metrics)}")
    return metrics


def _head(line, types, helped, metrics):
    words = line.split(" ", 3)
    if len(words) < 4 or words[0] != "#" or words[1] not in ("HELP", "TYPE") or not re.fullmatch(NAME, words[2]):
        raise ValueError(f"no head: {line!r}")
    name = words[2]
    if name in metrics:
        raise ValueError(f"{name} stands in two places")
    if words[1] == "HELP":
        if name in helped or re.search(r"\\(?![\\n])", words[3]):
            raise ValueError(f"wrong HELP: {line!r}")
        helped.add(name)
    else:
        if name in types or name not in helped or words[3] not in ("gauge", "counter", "histogram", "summary", "untyped"):
            raise ValueError(f"wrong TYPE: {line!r}")
        types[name] = words[3]
    return name


def _labels(text):
    seen, at = set(), 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match or match[1] in seen or match[1].startswith("__"):
            raise ValueError(f"wrong labels: {text!r}")
        seen.add(match[1])
        yield match[1], re.sub(r"\\.", lambda m: ESCAPES[m[0]], match[2])
        at = match.end()
    if text.endswith(","):
        raise ValueError(f"wrong labels: {text!r}")
