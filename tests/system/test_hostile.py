"""What stands at the CA's address is no CA. (The long list of what a hostile CA may say is the scenario tier's.)"""
import pytest
from lab import NAMES
from lab.fakes import FakeServer

SHORT = {"connect_timeout": "2s", "idle_timeout": "2s", "request_timeout": "4s", "attempt_timeout": "20s"}


@pytest.mark.parametrize("kind", ["tcp-silent", "tls-silent", "html-502", "html-200", "empty", "not-json", "huge-body",
                                  "huge-header", "endless", "redirect-http", "redirect-file", "expired",
                                  "wrong-name", "slow"])
def test_fails_in_time_and_names_the_host(lab, kind):
    fake = FakeServer(kind, lab).start()
    lab.write_conf(ca=fake.url, ca_bundle=fake.trust, **SHORT)
    done = lab.issue(timeout_s=40)
    fake.stop()
    assert done.status in (1, 3), done
    assert fake.address in done.err, done
    assert "\x1b" not in done.err
    assert not lab.live().exists() and lab.tokens() == [] and lab.stray() == []
    assert fake.sent < 64 << 20, "certd stops reading, it does not drain"


def test_unknown_root_is_refused(lab):
    fake = FakeServer("html-200", lab).start()
    lab.write_conf(ca=fake.url)  # trusts Pebble's root only
    done = lab.issue()
    fake.stop()
    assert done.status == 1 and fake.address in done.err and "certificate" in done.err, done
    assert fake.sent == 0


def test_without_ca_bundle_the_system_store_is_asked(lab):
    lab.write_conf(ca_bundle=None)
    done = lab.issue()
    assert done.status == 1 and "certificate" in done.err, done
    assert lab.ca.orders() == 0


@pytest.mark.parametrize("url", ["http://{0}/dir", "ftp://{0}/dir", "file:///etc/passwd", "https://user:pw@{0}/dir",
                                 "https://{0}:99999/dir", "https://{0}:0/dir", "https:///dir", "https://a b/dir",
                                 "nonsense"])
def test_urls_that_no_ca_has(lab, url):
    done = lab.certd("issue", "--ca", url.format(lab.address), *NAMES)
    assert done.status == 2, done
