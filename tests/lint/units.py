"""Gate: systemd's own reading of the shipped units, how exposed each service is, and a reason for what each lets through."""

import os
import re
import shutil
import subprocess
import tempfile

import common

SERVICE = re.compile(r"\.(service|socket|timer|path)(\.in)?$")
EXPOSURE_MAX = 29  # tenths; systemd-analyze security gives 9.6 to a service that says nothing
EXPOSURE_MAX_OF = {"certd.service": 20}  # what needs less than that
# Lines that let something through; the line before has to say why.
RELAXED = re.compile(r"(ReadWritePaths|BindPaths|AmbientCapabilities|CapabilityBoundingSet)=\S|(Private|Protect|Restrict|Memory|NoNew)\w+=no$|"
                     r"ProtectHome=read-only|ProtectProc=default|RestrictAddressFamilies=.*AF_(INET|NETLINK|PACKET)")


def unexplained(path, text):
    lines = text.split("\n")
    # A line of the same kind may stand between.
    return [f"{path}:{number}: {line.split('=')[0]}: no comment before it gives the reason"
            for number, line in enumerate(lines, 1)
            if RELAXED.match(line) and not lines[number - 2].startswith(("#", line.split("=")[0] + "="))]


def main():
    root = common.tree()
    units = [path for path in common.files(root, "packaging") if SERVICE.search(path)]
    # Of a build inside of the tree only what it was made from counts.
    units = [path for path in units if path + ".in" not in units]
    if not units:
        common.skip("units", "no units in packaging yet")
    if not shutil.which("systemd-analyze"):
        common.skip("units", "no systemd-analyze")
    wrong = []
    origin = {}
    with tempfile.TemporaryDirectory() as scratch:
        for path in units:
            wrong.extend(unexplained(path, common.read(root, path)))
            origin[re.sub(r"\.in$", "", os.path.basename(path))] = path
            # What configure would put there; `true` stands for a program that is not installed.
            text = re.sub(r"@(s?bindir|libexecdir|pkglibexecdir)@", "/usr/bin", common.read(root, path))
            text = re.sub(r"@\w+@", "/usr", text)
            text = re.sub(r"^(Exec\w+=[-+!:@]*)(/\S+)", r"\1/bin/true", text, flags=re.MULTILINE)
            with open(os.path.join(scratch, re.sub(r"\.in$", "", os.path.basename(path))), "w", encoding="utf-8") as file:
                file.write(text)
        for name in sorted(os.listdir(scratch)):
            unit = os.path.join(scratch, name)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit], check=False,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            mine = [line for line in (done.stdout + done.stderr).split("\n") if name in line]
            wrong.extend(line.replace(unit, origin[name]) for line in mine)
            if name.endswith(".service"):
                limit = EXPOSURE_MAX_OF.get(name, EXPOSURE_MAX)
                done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={limit}",
                                       "--no-pager", unit], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                      check=False)
                if done.returncode:
                    words = [line for line in (done.stdout + done.stderr).split("\n") if "verall" in line or "rror" in line]
                    wrong.append(f"{origin[name]}:1: more exposed than {limit / 10}: {' '.join(words)}")
    common.verdict("units", wrong, len(units))


if __name__ == "__main__":
    main()
