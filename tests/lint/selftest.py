"""Proves that each gate can fail: gives it small trees with one fault each, and one tree without."""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

HEADER = """/* {leaf}: a thing. */
#ifndef CERTD_{guard}
#define CERTD_{guard}

{body}
#endif
"""


def header(name, body="int thing(void);\n"):
    leaf = name.split("/")[-1]
    return {f"include/{name}": HEADER.format(leaf=leaf, guard=name.replace("/", "_").replace(".", "_").upper(), body=body)}


GOOD = {
    **header("base/buf.h"),
    **header("crypto/pkey.h"),
    **header("http/http.h", '#include "base/buf.h"\n'),
    **header("netproc/netproc.h", '#include "http/http.h"\n'),
    "src/base/buf.c": '#include "base/buf.h"\n#include <stdio.h>\n\nint thing(void)\n{\n\treturn 0;\n}\n',
    "src/base/Makefile.inc": "libcertd_a_SOURCES += src/base/buf.c\n",
    "src/netproc/netproc.c": '#include "netproc/netproc.h"\n#include <seccomp.h>\n#include <unistd.h>\n/* #include "store/store.h" */\n',
    "src/netproc/Makefile.inc": "libcertd_a_SOURCES += src/netproc/netproc.c\n",
    "src/certd.c": '#include "netproc/netproc.h"\nstatic const char *said = "strcpy(a, b) // TO DO";\n',
    "Makefile.am": "certd_SOURCES = src/certd.c\n",
    "hooks/nginx": "#!/bin/sh\nexit 0\n",
    "hooks/Makefile.inc": "dist_hooks_SCRIPTS = hooks/nginx\n",
    "tests/unit/test_base_buf.c": '#include "base/buf.h"\nint main(void)\n{\n\treturn thing();\n}\n',
    "tests/unit/base.inc": "check_PROGRAMS += tests/unit/test_base_buf\n"
                           "tests_unit_test_base_buf_SOURCES = tests/unit/test_base_buf.c\n",
    "tests/system/test_issue.py": "def test_issue():\n    assert True\n",
    "tests/system/lab/wait.py": "import time\n\n\ndef tick():\n    time.sleep(0.01)\n",
    "packaging/man/certd.8": ".Dd November 23, 2026\n.Dt CERTD 8\n.Os\n.Sh NAME\n.Nm certd\n.Nd keeps certificates\n"
                             ".Sh DESCRIPTION\n.Bl -tag -width Ds\n.It Ic issue\nIssues.\n.It Fl \\-force\nForces.\n"
                             ".It Ic state-dir\nState.\n.It Ev CERTD_EVENT\nThe event.\n.El\n",
    "packaging/certd.service": "[Unit]\nDescription=a\n\n[Service]\nExecStart=/usr/sbin/certd run\nDynamicUser=yes\n"
                               "ProtectSystem=strict\nProtectHome=yes\nPrivateDevices=yes\nProtectKernelTunables=yes\n"
                               "ProtectKernelModules=yes\nProtectKernelLogs=yes\nProtectControlGroups=yes\n"
                               "CapabilityBoundingSet=\nRestrictAddressFamilies=AF_UNIX\nRestrictNamespaces=yes\n"
                               "SystemCallFilter=@system-service\nSystemCallArchitectures=native\nPrivateNetwork=yes\n"
                               "MemoryDenyWriteExecute=yes\nProtectClock=yes\nProtectHostname=yes\nPrivateUsers=yes\n",
}

ID, OTHER = "0123456789abcdef" * 2, "f" * 32
ENTRY = "-- {id}\nSubject: A thing\nDefined-By: certd\nDocumentation: man:certd(8)\n\n" + "Twenty words explain it.\n" * 6
EVENTS = "static const char *const ids[] = {{\n\t[EVENT_THING] = \"{id}\",\n}};\n"
TOLD = "void f(void)\n{\n\ttell(EVENT_THING, \"CERTD_EVENT\");\n}\n"
GOOD = {**GOOD, "src/base/event.c": EVENTS.format(id=ID), "src/base/tell.c": TOLD, "packaging/certd.catalog": ENTRY.format(id=ID),
        "src/base/Makefile.inc": "libcertd_a_SOURCES += src/base/buf.c src/base/event.c src/base/tell.c\n"}

LONG_FUNCTION = "int long_one(int a,\n\tint b)\n{\n" + "\ta++;\n" * 100 + "}\n"
LATER = "TO" + "DO"

# gate, what the tree differs in from the good one, words that the gate has to say
FAULTS = [
    ("floors", {"src/base/up.c": '#include "http/http.h"\n'}, "base (floor 0) includes http (floor 1)"),
    ("floors", {"src/http/side.c": '#include "crypto/pkey.h"\n'}, "http and crypto are on the same floor"),
    ("floors", {"include/http/http.h": '#  include "acme/acme.h"\n'}, "http (floor 1) includes acme (floor 3)"),
    ("floors", {"src/http/http.c": "#include <openssl/evp.h>\n"}, "<openssl/evp.h> belongs to crypto and tls, not to http"),
    ("floors", {"src/http/http.c": "#include <zlib.h>\n"}, "<zlib.h> belongs to no room"),
    ("floors", {"src/certd.c": "#include <jansson.h>\n"}, "<jansson.h> belongs to json, not to main"),
    ("floors", {"src/base/buf.c": '#include "buf.h"\n'}, '"buf.h" is not "room/module.h"'),
    ("floors", {"src/base/buf.c": "#include <base/buf.h>\n"}, 'is included as "base/buf.h"'),
    ("floors", {"src/attic/a.c": "#include <stdio.h>\n"}, "attic is no room"),
    ("floors", {"src/netproc/key.c": '#include "crypto/pkey.h"\n'}, "the net process must not know crypto/pkey.h"),
    ("floors", {"src/netproc/files.c": '#include "store/store.h"\n'}, "the net process must not know store/store.h"),
    ("floors", {**header("tls/probe.h", '#include "crypto/pkey.h"\n'), "src/netproc/a.c": '#include "tls/probe.h"\n'},
     "(by tls/probe.h -> crypto/pkey.h)"),
    ("floors", {**header("base/buf.h", '#include "base/strv.h"\n'), **header("base/strv.h", '#include "base/buf.h"\n')},
     "a circle of headers: base/buf.h -> base/strv.h -> base/buf.h"),
    ("sizes", {"src/base/long.c": LONG_FUNCTION}, "long_one() has 104 lines"),
    ("sizes", {"src/base/long.c": LONG_FUNCTION.replace(")\n{", ") {")}, "long_one() has 103 lines"),
    ("sizes", {"src/base/long.c": "/* line */\n" * 601}, "601 lines"),
    ("banned", {"src/base/a.c": "void f(char *a)\n{\n\tstrcpy (a, \"b\");\n}\n"}, "a.c:3: strcpy: writes without a limit"),
    ("banned", {"src/base/a.c": "int n = atoi(\"1\");\n"}, "atoi: cannot tell"),
    ("banned", {"src/base/a.c": "void f(void)\n{\n\tpopen(\"ls\", \"r\");\n}\n"}, "popen: starts a shell"),
    ("banned", {"src/base/a.c": "struct tm *t = localtime(&now);\n"}, "localtime: keeps its result"),
    ("banned", {"tests/unit/test_base_buf.c": "void f(void)\n{\n\tusleep(5);\n}\n"}, "usleep: no test sleeps"),
    ("banned", {"tests/system/test_issue.py": "time.sleep(1)\n"}, "sleep: no test sleeps"),
    ("banned", {"tests/system/a.sh": "#!/bin/sh\nwhile :; do sleep 1; done\n"}, "sleep: no test sleeps"),
    ("names", header("base/buf.h", "typedef int number;\n"), "a typedef"),
    ("names", {"include/base/buf.h": "/* buf.h: a. */\nint thing(void);\n"}, "its guard is not CERTD_BASE_BUF_H"),
    ("names", {"include/base/buf.h": "#ifndef CERTD_BASE_BUF_H\n#define CERTD_BASE_BUF_H\n#endif\n"}, "does not begin with"),
    ("names", {"src/base/buf.c": f"/* {LATER}: more */\n"}, f"buf.c:1: {LATER}"),
    ("names", {"hooks/nginx": f"#!/bin/sh\n# {LATER} more\n"}, f"nginx:2: {LATER}"),
    ("names", {"src/base/buf.c": "int a; \n"}, "white space at the end"),
    ("names", {"src/base/buf.c": "int a;"}, "no end of line"),
    ("headers", header("base/buf.h", "uint8_t thing(void);\n"), "include/base/buf.h:1: does not compile alone"),
    ("headers", header("http/http.h", '#include "base/gone.h"\n'), "include/http/http.h:1: does not compile alone"),
    ("lists", {"src/base/new.c": "int a;\n"}, "src/base/new.c:1: src/base/Makefile.inc does not list it"),
    ("lists", {"tests/unit/test_base_new.c": "int a;\n"}, "test_base_new.c:1: tests/unit/base.inc does not list it"),
    ("lists", {"tests/unit/base.inc": "tests_unit_test_base_buf_SOURCES = tests/unit/test_base_buf.c\n"}, "it never runs"),
    ("lists", {"src/base/Makefile.inc": "libcertd_a_SOURCES += src/base/buf.c src/base/gone.c\n"}, "which does not exist"),
    ("lists", {"hooks/postfix": "#!/bin/sh\nexit 0\n"}, "hooks/postfix:1: hooks/Makefile.inc does not list it"),
    ("scripts", {"hooks/nginx": "#!/bin/sh\necho $1\n"}, "hooks/nginx:2:"),
    ("scripts", {"tests/a.sh": "if true\n"}, "tests/a.sh:"),
    ("scripts", {"tests/system/test_issue.py": "def f(:\n"}, "test_issue.py:1:"),
    ("man", {"src/config/ca.c": 'struct ca cas[] = {\n\t{ .name = "nobody", .directory = "https://nobody.example/dir" },\n};\n'},
     "the CA nobody is in no man page"),
    ("man", {"src/config/ca.c": 'struct ca cas[] = {\n\t{ .name = "issue", .directory = "https://nobody.example/dir" },\n};\n'},
     "the URL https://nobody.example/dir is in no man page"),
    ("man", {"packaging/man/certd.8": ".Sh NAME\n.Wrong\n"}, "packaging/man/certd.8:"),
    ("man", {"src/certd.c": "static const struct command commands[] = {\n\t{ \"issue\", a },\n\t{ \"gone\", b },\n};\n"},
     "certd.c:3: the command gone is in no man page"),
    ("man", {"src/cli/issue.c": "static const struct option options[] = {\n\t{ \"force\", 0 },\n\t{ \"gone\", 1 },\n};\n"},
     "issue.c:3: the option gone is in no man page"),
    ("man", {"src/config/a.c": "const struct d config_directives[] = {\n\t{ \"state-dir\", 1 },\n\t{ \"gone-dir\", 1 },\n};\n"},
     "the directive gone-dir is in no man page"),
    ("man", {"src/config/a.c": "cfg_opt_t o[] = { CFG_STR(\"gone\", 0, 0) };\n"}, "the directive gone is in no man page"),
    ("man", {"src/job/a.c": "char *e[] = { \"CERTD_EVENT=%s\", \"CERTD_GONE=%s\" };\n"}, "the variable CERTD_GONE is in no"),
    ("units", {"packaging/certd.service": "[Service]\nExecStart=/usr/sbin/certd run\n"}, "more exposed than"),
    ("units", {"packaging/a.service": "[Service]\nExecStart=/a\n# why\nPrivateTmp=no\nPrivateUsers=no\n"},
     "packaging/a.service:5: PrivateUsers: no comment"),
    ("catalog", {"packaging/certd.catalog": ENTRY.format(id=OTHER)}, "EVENT_THING is not in the catalog"),
    ("catalog", {"packaging/certd.catalog": ENTRY.format(id=ID) + ENTRY.format(id=OTHER)}, f"{OTHER} is no event"),
    ("catalog", {"packaging/certd.catalog": ENTRY.format(id=ID).replace("Twenty", "@CERTD_GONE@")}, "@CERTD_GONE@ is no field"),
    ("catalog", {"packaging/certd.catalog": ENTRY.format(id=ID).replace("Defined-By", "By")}, "its head is"),
    ("catalog", {"packaging/certd.catalog": ENTRY.format(id=ID).replace("Twenty words explain it.\n", "")}, "it explains nothing"),
    ("catalog", {"src/base/tell.c": "int a;\n"}, "EVENT_THING is never told"),
    ("catalog", {"src/base/event.c": EVENTS.format(id="F" * 32)}, "no identifier of 32"),
    ("units", {"packaging/certd.timer": "[Timer]\nOnCalendar=hourl\n"}, "packaging/certd.timer:2"),
]


def judge(gate, tree):
    """What the gate says on a tree, and its exit status."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            whole = os.path.join(root, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "w", encoding="utf-8") as file:
                file.write(text)
            if text.startswith("#!"):
                os.chmod(whole, 0o755)
        done = subprocess.run([sys.executable, "-B", os.path.join(HERE, gate + ".py"), root], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    gates = sorted(leaf[:-3] for leaf in os.listdir(HERE)
                   if leaf.endswith(".py") and leaf not in ("common.py", "selftest.py"))
    failed = 0
    skipped = set()
    for gate in gates:
        status, words = judge(gate, GOOD)
        if status == 77:
            skipped.add(gate)
            print(f"{gate}: not proven here: {words.strip()}")
        elif status != 0:
            failed += 1
            print(f"{gate}: refuses the good tree:\n{words}")
        if not any(fault[0] == gate for fault in FAULTS):
            failed += 1
            print(f"{gate}: has no fault to find")
    for gate, difference, expected in FAULTS:
        if gate in skipped:
            continue
        status, words = judge(gate, {**GOOD, **difference})
        if status != 1 or expected not in words:
            failed += 1
            print(f"{gate}: does not find {sorted(difference)}: expected {expected!r}, status {status}:\n{words}")
    print(f"selftest: {len(FAULTS)} faults, {failed} wrong, {len(skipped)} gates not proven")
    if failed:
        sys.exit(1)
    sys.exit(77 if skipped else 0)


if __name__ == "__main__":
    main()
