"""The system tier: the real program against a real CA, a real NGINX and real DNS, all in one temporary directory.

    CERTD=/path/to/certd pytest -q tests/system

Without CERTD the program of a build in the source tree is taken. A test asks for `lab` (a world that is up, nothing
issued yet) and tunes it with @pytest.mark.lab(...), whose options are those of lab.Lab; `make_lab` makes more of them.
"""
import os
import pathlib
import shutil
import sys

import pytest

sys.dont_write_bytecode = True

from lab import Lab, Pebble  # noqa: E402
from lab.mounts import Tmpfs  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def pytest_configure(config):
    config.addinivalue_line("markers", "lab(**options): options of the lab that the test gets")
    config.addinivalue_line("markers", "xdist_group(name): tests that share what is costly to make, and so one process")
    config.addinivalue_line("markers", "slow: takes tens of seconds")


@pytest.fixture(scope="session")
def certd():
    for path in (os.environ.get("CERTD"), SOURCE / "certd"):
        if path and os.access(path, os.X_OK):
            return pathlib.Path(path).resolve()
    pytest.fail("no certd to test: build it, and name it in the environment variable CERTD")


@pytest.fixture(scope="session", autouse=True)
def tools():
    """What the tier stands on. Absent tools are a skip with their names, so that nobody takes it for a pass."""
    missing = [tool for tool in ("nginx", "openssl") if not (shutil.which(tool) or shutil.which(f"/usr/sbin/{tool}"))]
    if not Pebble.available():
        missing.append("pebble")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture
def make_lab(certd, request):
    labs = []
    request.node.certd_labs = labs

    def make(start=True, **options):
        started = {key: options.pop(key) for key in ("nginx", "certificate", "names") if key in options}
        lab = Lab(certd, **options)
        labs.append(lab)
        return lab.start(**started) if start else lab
    yield make
    for lab in labs:
        lab.close()


@pytest.fixture
def lab(make_lab, request):
    marker = request.node.get_closest_marker("lab")
    return make_lab(**(marker.kwargs if marker else {}))


@pytest.fixture
def tmpfs():
    """A maker of small file systems: tmpfs(path, "size=64k"). Skips where mounting is not allowed."""
    mounts = []

    def make(path, options):
        try:
            mounts.append(Tmpfs(path, options))
        except PermissionError as error:
            pytest.skip(str(error))
        return mounts[-1]
    yield make
    for mount in mounts:
        mount.close()


@pytest.fixture
def root_only():
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the servers of its labs had to say."""
    report = (yield).get_result()
    if call.when != "call" or not report.failed:
        return
    for number, lab in enumerate(getattr(item, "certd_labs", [])[:2]):
        for path in (lab.path / "pebble.log", lab.nginx.prefix / "error.log"):
            if path.exists():
                report.sections.append((f"lab {number}: {path.name}", path.read_text(errors="replace")[-1500:]))
