"""kill -9 at any moment: key and certificate that are live are a pair, NGINX starts, the next run ends well."""
import concurrent.futures
import shutil
import subprocess
import time

import pytest
from lab import BARE, NAMES, pki

MOMENTS = 20
AT_ONCE = 5


def survive(lab, had_one):
    """What must hold right after the kill, and after the next run."""
    if lab.live().exists() or lab.live().is_symlink():
        assert pki.pair_matches(lab.live())
    else:
        assert not had_one
    assert lab.nginx.test_passes() is True
    before = lab.live().resolve() if had_one else None
    done = lab.certd("issue", *NAMES) if not had_one else lab.certd("renew", "--force")
    if done.status == 3:
        done = lab.certd("renew", "--force")
    assert done.status == 0, done
    if had_one:
        assert lab.live().resolve() != before or lab.ca.orders() >= 2
    lab.assert_served()
    assert lab.stray() == [] and lab.tokens() == []
    pending = lab.state / "certificates" / BARE / "pending"
    assert not pending.exists() or list(pending.iterdir()) == []
    generations = [path for path in (lab.state / "certificates" / BARE).iterdir() if path.name.isdigit()]
    assert all(pki.pair_matches(path) for path in generations), "a generation is complete or absent"


def one_kill(make_lab, had_one, after_s):
    lab = make_lab()
    if had_one:
        lab.issued()
    running = lab.begin("renew", "--force", BARE) if had_one else lab.begin("issue", *NAMES)
    deadline = running.started + after_s
    try:
        running.process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    running.kill()
    try:
        survive(lab, had_one)
    except Exception as error:
        raise AssertionError(f"killed after {after_s * 1000:.0f} ms: {error}") from error
    finally:
        lab.close()


@pytest.mark.slow
@pytest.mark.parametrize("had_one", [False, True], ids=["issue", "renewal"])
def test_killed_at_twenty_moments(make_lab, had_one):
    lab = make_lab()
    done = lab.issued()
    if had_one:
        done = lab.certd("renew", "--force")
    lab.close()
    moments = [done.wall_s * (number + 0.5) / MOMENTS for number in range(MOMENTS)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        tries = [pool.submit(one_kill, make_lab, had_one, moment) for moment in moments]
    problems = [str(attempt.exception()) for attempt in tries if attempt.exception()]
    assert not problems, "\n\n".join(problems)


# What changes names, and the fsync that follows the writing of each file. (A lost power's cut is another test.)
CALLS = "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,fsync,fdatasync"


def traced(lab, inject, *arguments):
    trace = lab.path / "trace"
    argv = ["strace", "-qq", "-o", str(trace), "-e", f"trace={CALLS}", *inject, *lab.argv(*arguments)]
    program, lab.program = lab.program, "strace"
    try:
        from lab.lab import Running  # pylint: disable=import-outside-toplevel
        running = Running(argv, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "ASAN_OPTIONS": "detect_leaks=0"}, 0o022)
        running.process.wait(90)
        running.kill()
    finally:
        lab.program = program
    return trace.read_text().splitlines()


def one_cut(make_lab, had_one, name, number):
    lab = make_lab()
    if had_one:
        lab.issued()
    arguments = ("renew", "--force", BARE) if had_one else ("issue", *NAMES)
    lines = traced(lab, ["-e", f"inject={name}:signal=SIGKILL:when={number}"], *arguments)
    try:
        # What is remembered of files depends on how old they are: a run may write one file less than the one that was counted.
        missing = number - sum(line.startswith(f"{name}(") for line in lines)
        assert any("killed by SIGKILL" in line for line in lines) or 0 < missing <= 2, "there was no such call"
        survive(lab, had_one)
    except Exception as error:
        calls = [line for line in lines if "(" in line]
        raise AssertionError(f"killed at {name} {number}, {calls[-3:]}: {error}") from error
    finally:
        lab.close()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("had_one", [False, True], ids=["issue", "renewal"])
def test_killed_at_every_change_of_a_file(make_lab, had_one):
    """The same, exactly: at each rename, link, unlink, mkdir and fsync that the job makes."""
    lab = make_lab()
    if had_one:
        lab.issued()
    lines = traced(lab, [], *(("renew", "--force", BARE) if had_one else ("issue", *NAMES)))
    lab.close()
    names = [line.split("(")[0] for line in lines if "(" in line]
    if not names:
        pytest.skip("ptrace is not allowed here")
    cuts = [(name, names[:place + 1].count(name)) for place, name in enumerate(names)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        tries = [pool.submit(one_cut, make_lab, had_one, *cut) for cut in cuts]
    problems = [str(attempt.exception()) for attempt in tries if attempt.exception()]
    assert not problems, "\n\n".join(problems)
