"""Gate: a function has at most 100 lines, a file of src/ and include/ at most 600."""

import re

import common

FUNCTION_MAX = 100
FILE_MAX = 600


def functions(text):
    """[(name, first line, number of lines)] of all function definitions, counted from the name to the last brace."""
    text = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.)*(?:\\\n(?:[^\n\\]|\\.)*)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                  common.code(text), flags=re.MULTILINE)
    found = []
    depth = 0
    head = 0  # where the declaration that we are in begins
    name = None
    for match in re.finditer(r"[{};]", text):
        token = match.group(0)
        if token == "{":
            if depth == 0:
                declaration = text[head:match.start()]
                call = re.search(r"(\w+)\s*\(", declaration)
                # A body follows the closing parenthesis; after `=` it is an initializer, else a struct or an enum.
                is_function = call and re.search(r"\)\s*$", declaration) and "=" not in declaration[:call.start()]
                name = call.group(1) if is_function else None
                begin = head + call.start() if is_function else match.start()
            depth += 1
        elif token == "}":
            depth -= 1
            if depth == 0:
                if name:
                    first = common.line_of(text, begin)
                    found.append((name, first, common.line_of(text, match.start()) - first + 1))
                head = match.end()
        elif depth == 0:
            head = match.end()
    return found


def main():
    root = common.tree()
    paths = common.files(root, "src", "include", "tests", suffix=(".c", ".h"))
    wrong = []
    for path in paths:
        text = common.read(root, path)
        lines = text.count("\n")
        if lines > FILE_MAX and not path.startswith("tests"):
            wrong.append(f"{path}:1: {lines} lines, {FILE_MAX} are the most: two ideas in one file")
        for name, first, length in functions(text):
            if length > FUNCTION_MAX:
                wrong.append(f"{path}:{first}: {name}() has {length} lines, {FUNCTION_MAX} are the most")
    common.verdict("sizes", wrong, len(paths))


if __name__ == "__main__":
    main()
