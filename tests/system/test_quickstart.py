"""packaging/quickstart.sh, which is the first thing that anybody runs."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from lab import NAMES
from lab.lab import SOURCE
from lab.processes import Reaper, group_members, kill_group, wait_for

SCRIPT = SOURCE / "packaging" / "quickstart.sh"


@pytest.fixture
def tmp_path():
    """Not pytest's: the workers of NGINX may not go there."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="certd-quick-"))
    path.chmod(0o755)
    Reaper.get().tell("dir", path)
    yield path
    shutil.rmtree(path, ignore_errors=True)
    Reaper.get().tell("nodir", path)


@pytest.fixture
def quickstart(certd, tmp_path):
    groups = []

    def run(*arguments, build=False, timeout_s=120):
        argv = [str(SCRIPT), *arguments] + ([] if build else ["--certd", str(certd)])
        out = tmp_path / "out"
        with out.open("w") as file:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                                       env={**os.environ, "TMPDIR": str(tmp_path)}, start_new_session=True)
        groups.append(process.pid)
        Reaper.get().tell("+", process.pid)
        return process.wait(timeout_s), out.read_text(), process.pid
    yield run
    for group in groups:
        kill_group(group)
        wait_for(lambda group=group: not group_members(group), "what quickstart started to be gone")
        Reaper.get().tell("-", group)


def scratch(tmp_path):
    return list(tmp_path.glob("certd-quickstart.*"))


def test_both_names_answer_and_nothing_is_left(quickstart, tmp_path):
    status, text, group = quickstart()
    assert status == 0, text
    for name in NAMES:
        assert re.search(rf"http://{re.escape(name)} +answers 301 to https://{re.escape(name)}/", text), text
        assert re.search(rf"https://{re.escape(name)} +answers 200", text), text
    assert not scratch(tmp_path) and not group_members(group)


def test_kept(quickstart, tmp_path):
    status, text, group = quickstart("--keep")
    assert status == 0 and len(scratch(tmp_path)) == 1 and group_members(group), text
    end = re.search(r"To end it: +(kill [\d ]+; rm -rf \S+)", text).group(1)
    subprocess.run(["sh", "-c", end], check=True)
    wait_for(lambda: not group_members(group), "the servers to end")


@pytest.mark.parametrize("arguments", [("--frobnicate",), ("togetherers.com",), ("--production",),
                                       ("x..y", "--production"), ("--email",), ("*.togetherers.com", "--production")])
def test_wrong_usage(quickstart, tmp_path, arguments):
    status, text, _ = quickstart(*arguments, build=True)
    assert status == 2 and "--help" in text, text
    assert not scratch(tmp_path)


def test_help(quickstart):
    status, text, _ = quickstart("--help")
    assert status == 0 and "--production" in text and "--keep" in text
