"""On a terminal: one line that says what is done now, which never mixes with what stays."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

from lab import NAMES, WWW


def on_terminal(argv, columns):
    """What a terminal of that width shows in the end: its lines."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    raw = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        raw += data
    os.close(ours)
    process.wait(60)
    lines = []
    for line in raw.decode().replace("\r\n", "\n").split("\n"):
        pieces = line.split("\r")
        # Every return to the begin of a line clears it.
        assert all(piece.startswith("\033[K") for piece in pieces[1:]), repr(line)
        shown = [re.sub(r"\033\[K", "", piece) for piece in pieces]
        # What is overwritten later has to fit in one line.
        assert all(len(piece) < columns for piece in shown[:-1]), repr(line)
        lines.append(shown[-1])
    return process.returncode, lines


def test_progress_goes_when_it_is_over(lab):
    status, lines = on_terminal(lab.argv("issue", *NAMES), columns=30)
    assert status == 0
    assert len(lines) == 2 and "issued and served" in lines[0] and lines[1] == "", lines


def test_warnings_stand_in_lines_of_their_own(lab):
    lab.dns.post("add-a", host=WWW, addresses=["127.0.0.99"])
    status, lines = on_terminal(lab.argv("issue", *NAMES), columns=80)
    assert status == 1
    assert len(lines) > 3 and all(line.startswith("certd: ") for line in lines if line), lines


def test_status_at_a_glance(lab):
    lab.issued()
    status, lines = on_terminal(["env", "NO_COLOR=1", "LC_ALL=C.UTF-8", "TERM=xterm", *lab.argv("status")], columns=80)
    assert status == 0
    assert re.fullmatch(r"togetherers\.com +valid +█+░* +89 d +in \d+ d, (ari|lifetime) +yes", lines[1]), lines
    _, lines = on_terminal(["env", "-u", "NO_COLOR", "LC_ALL=C", "TERM=xterm", *lab.argv("status")], columns=80)
    assert "\033[32mvalid" in lines[1] and "#" in lines[1], lines
    piped = lab.certd("status", env={"LC_ALL": "C.UTF-8", "TERM": "xterm"})
    assert "\033" not in piped.out and piped.out.isascii(), piped
