"""Gate: each header of ours compiles alone, so that the order of includes never matters."""

import concurrent.futures
import os
import shlex
import shutil
import subprocess
import tempfile

import common


def compile_alone(root, header, scratch):
    """The compiler's words on a file that holds nothing but this include, or ''."""
    command = shlex.split(os.environ.get("CC") or "cc") + ["-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra",
                                                  "-Wundef", "-Werror", "-I" + os.path.join(root, "include")]
    command += shlex.split(os.environ.get("CERTD_CPPFLAGS", ""))
    source = os.path.join(scratch, header.replace(os.sep, "_") + ".c")
    with open(source, "w", encoding="utf-8") as file:
        # Twice, so that the guard is tried too.
        name = os.path.relpath(header, "include")
        file.write(f'#include "{name}"\n#include "{name}"\nint nothing(void);\n')
    done = subprocess.run(command + [source], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def main():
    root = common.tree()
    compiler = shlex.split(os.environ.get("CC") or "cc")[0]
    if not shutil.which(compiler):
        common.skip("headers", f"no compiler {compiler}")
    headers = common.files(root, "include", suffix=(".h",))
    wrong = []
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda header: compile_alone(root, header, scratch), headers)
        for header, words in zip(headers, results):
            if words:
                wrong.append(f"{header}:1: does not compile alone:\n{words.rstrip()}")
    common.verdict("headers", wrong, len(headers))


if __name__ == "__main__":
    main()
