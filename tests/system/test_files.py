"""Files: modes whatever the umask, disks that are full, directories that may not be written, links that lead away."""
import os
import pathlib
import pwd
import shutil
import stat
import subprocess

import pytest
from lab import BARE, pki, wait_for

TOKENS = pathlib.Path(".well-known") / "acme-challenge"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_modes_do_not_depend_on_the_umask(lab, umask):
    lab.issued(umask=umask)
    lab.assert_served()
    assert lab.live().is_symlink()
    for name in ("privkey.pem", "cert.pem", "chain.pem", "fullchain.pem"):
        path = lab.live() / name
        assert path.is_file(), name
        assert not mode(path) & (0o077 if name == "privkey.pem" else 0o022), f"{name} {mode(path):o}"
    for path in [lab.state, *lab.state.rglob("*")]:
        assert not mode(path) & 0o022, f"others may write {path}"
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes():
            assert mode(path) == 0o600, f"{path} {mode(path):o}"
    assert mode(lab.state / "accounts") == 0o700
    assert mode(lab.live().resolve()) == 0o700 and mode(lab.state / "certificates" / BARE) == 0o700
    assert mode(lab.webroot) == 0o755 and mode(lab.webroot / TOKENS) == 0o755
    assert mode(lab.snippets / "certd" / f"{BARE}.conf") == 0o644
    assert mode(lab.conf.parent / "conf.d" / f"{BARE}.conf") == 0o644


def test_conf_of_the_certificate_is_what_a_person_would_write(lab):
    lab.issued("--key", "ecdsa-p384")
    text = (lab.conf.parent / "conf.d" / f"{BARE}.conf").read_text()
    assert f'certificate "{BARE}"' in text and "ecdsa-p384" in text and "www.togetherers.com" in text
    assert lab.certd("check-config").status == 0


def test_webroot_that_may_not_be_written(lab, tmpfs, root_only):
    lab.nginx.stop()
    mount = tmpfs(lab.webroot, "mode=0755")
    lab.nginx.start()
    mount.remount("ro")
    done = lab.issue()
    assert done.status == 1 and str(lab.webroot) in done.err, done
    assert lab.ca.orders() == 0, "found before an order is spent"
    assert not lab.live().exists()
    mount.remount("rw")
    lab.issued()
    lab.assert_served()


def test_link_out_of_the_webroot_is_refused(lab):
    outside = lab.path / "outside"
    outside.mkdir()
    (lab.webroot / ".well-known").mkdir(parents=True, exist_ok=True)
    target = lab.webroot / TOKENS
    if target.is_dir():
        target.rmdir()
    target.symlink_to(outside)
    done = lab.issue()
    assert done.status == 1 and "acme-challenge" in done.err, done
    assert list(outside.iterdir()) == []


def test_webroot_itself_may_be_a_link(lab):
    real = lab.path / "real-webroot"
    real.mkdir()
    link = lab.path / "webroot-link"
    link.symlink_to(real)
    lab.write_conf(webroot=link)
    lab.webroot = link
    lab.prepare_site()
    lab.nginx.reload()
    lab.issued()
    assert lab.tokens() == []


def test_full_disk_at_the_first_issue(lab, tmpfs, root_only):
    """Too small for anything from the start: found before the CA is asked for an order."""
    lab.nginx.stop()
    small = tmpfs(lab.state, "size=64k,mode=0755")
    lab.prepare_site()
    lab.nginx.start()
    filler = fill(lab.state)
    done = lab.issue()
    assert done.status == 1, done
    assert "No space left" in done.err or "full" in done.err, done
    assert str(lab.state) in done.err, done
    assert lab.ca.orders() == 0
    filler.unlink()
    small.remount("size=4m")
    lab.issued()
    lab.assert_served()


@pytest.mark.parametrize("left_k", [4, 8, 12, 16, 20, 28])
def test_disk_fills_up_during_a_renewal(make_lab, tmpfs, root_only, left_k):
    lab = make_lab(start=False)
    tmpfs(lab.state, "size=1m,mode=0755")
    lab.start()
    lab.issued()
    before = {path.name: path.read_bytes() for path in lab.live().iterdir()}
    filler = fill(lab.state)
    filler.open("r+b").truncate(max(0, filler.stat().st_size - left_k * 1024))
    done = lab.certd("renew", "--force")
    if done.status == 0:
        lab.assert_served()
        return
    assert done.status == 1 and str(lab.state) in done.err, done
    assert {path.name: path.read_bytes() for path in lab.live().iterdir()} == before
    lab.assert_served()
    filler.unlink()
    done = lab.certd("renew", "--force")
    assert done.status == 0, done
    lab.assert_served()
    assert lab.stray() == []


def fill(folder):
    path = folder / "filler"
    with path.open("wb", buffering=0) as out:
        for size in (65536, 4096):
            try:
                while out.write(b"x" * size) == size:
                    pass
            except OSError:
                pass
    return path


def test_state_that_is_garbage(lab):
    lab.issued()
    leaf = lab.leaf()
    state = lab.state / "certificates" / BARE / "state.json"
    for text in (b"", b"{", b"\0" * 100, b"[]", b'{"version": 999999}', b"x" * (2 << 20)):
        state.write_bytes(text)
        done = lab.certd("status", "--json")
        assert done.status in (0, 1) and done.json()["certificates"][0]["name"] == BARE, done
        done = lab.certd("renew")
        assert done.status in (0, 1), done
        assert lab.leaf() == leaf and pki.pair_matches(lab.live())
    done = lab.certd("renew", "--force")
    assert done.status == 0, done
    lab.assert_served()


def remembers(lab):
    """Whether a run has kept what it found in the files: not as long as they were written just now."""
    assert lab.certd("renew").status == 0
    return (lab.state / "index").exists()


def test_live_files_that_are_missing_or_changed_are_a_reason_to_renew(lab):
    lab.issued()
    (lab.live() / "privkey.pem").unlink()
    done = lab.certd("renew")
    assert done.status == 0, done
    lab.assert_served()
    wait_for(lambda: remembers(lab), "the files to be old enough")
    # In place, with the size that it had: only the time of the change tells.
    generation = lab.live().resolve().name
    with (lab.live() / "privkey.pem").open("r+b") as key:
        key.seek(60)
        key.write(b"A" * 20)
    done = lab.certd("renew")
    assert done.status == 0 and lab.live().resolve().name != generation, done
    lab.assert_served()


def test_old_generations_are_pruned(lab):
    lab.write_conf(keep_generations=2)
    lab.issued()
    for _ in range(3):
        assert lab.certd("renew", "--force").status == 0
    generations = [path for path in (lab.state / "certificates" / BARE).iterdir() if path.name.isdigit()]
    assert len(generations) <= 3 and lab.live().resolve() in [path.resolve() for path in generations]
    lab.assert_served()


def test_instance_directories_are_made(lab):
    assert not lab.runtime.exists() or lab.runtime.is_dir()
    lab.issued()
    assert lab.runtime.is_dir() and not mode(lab.runtime) & 0o022
    assert os.readlink(lab.live()).startswith("../certificates/")


def reads(path, user):
    """Whether that user gets at the file."""
    done = subprocess.run(["cat", path], user=user, group=pwd.getpwnam(user).pw_gid, extra_groups=[], capture_output=True, check=False)
    return done.returncode == 0


def test_keys_for_whom_they_are(lab, root_only):
    """A group that may read the key, from the first generation on; and what drifts is seen, told and set right."""
    lab.write_conf(key_group="no-such-group")
    done = lab.issue()
    assert done.status == 2 and f"{lab.conf}:" in done.err and "no such group" in done.err, done
    lab.write_conf(key_group="daemon", cert_mode="0644")
    lab.issued()
    lab.issued("--force")
    lab.assert_served()
    key, certificate = lab.live() / "privkey.pem", lab.live() / "fullchain.pem"
    assert mode(key) == 0o640 and key.group() == "daemon" and key.owner() == "root" and mode(certificate) == 0o644
    assert reads(key, "daemon") and not reads(key, "nobody") and reads(certificate, "nobody")
    assert not reads(lab.state / "certificates" / BARE / "state.json", "daemon")
    assert lab.status()["access"] == {"as_configured": True, "drifted": 0, "exposed": 0, "first": None}
    # By hand, and not in the live generation.
    old = lab.state / "certificates" / BARE / "1" / "privkey.pem"
    old.chmod(0o644)
    shutil.chown(key, group="bin")
    assert lab.certd("status").status == 1
    status = lab.status()["access"]
    assert status["drifted"] == 2 and status["exposed"] == 1 and str(old) in status["first"], status
    found = [found for found in lab.certd("check", "--json", BARE).json()["names"][0]["findings"] if found["subject"] == "files"]
    assert len(found) == 1 and found[0]["level"] == "failure" and str(old) in found[0]["seen"], found
    done = lab.certd("renew")
    assert done.status == 0 and str(old) in done.err and "--force" in done.err, done
    assert mode(old) == 0o640 and key.group() == "daemon" and lab.status()["access"]["as_configured"]
    # Taken back: all of it.
    lab.write_conf(key_group=None, cert_mode=None)
    assert lab.certd("renew").status == 0
    assert {mode(path) for path in lab.live().iterdir()} == {0o600} and mode(lab.live().resolve()) == 0o700
    assert not reads(key, "daemon") and not reads(certificate, "daemon")
