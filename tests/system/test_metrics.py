"""What Prometheus reads, and the alert rules over it."""
import pathlib
import re
import time

import pytest
from lab import BARE, WWW
from lab.prometheus import parse

RULES = pathlib.Path(__file__).parents[2] / "packaging/prometheus/certd.rules.yml"
EACH = {f"certd_certificate_{name}" for name in (
    "not_before_timestamp_seconds", "not_after_timestamp_seconds", "served_not_after_timestamp_seconds", "served",
    "served_timestamp_seconds", "last_success_timestamp_seconds", "last_attempt_timestamp_seconds", "failures",
    "renewal_timestamp_seconds", "alarm", "state")}


@pytest.mark.parametrize("text", [
    "a 1", "a 1\n", "# HELP a x\n# TYPE a gauge\na{b=\"c\"x} 1\n", "# HELP a x\n# TYPE a gauge\na{b=\"\\x\"} 1\n",
    "# HELP a x\n# TYPE a gauge\na 1\na 1\n", "# HELP a x\n# TYPE a gauge\n", "# TYPE a gauge\na 1\n",
    "# HELP a x\n# TYPE a gauge\na{b=\"c\",} 1\n", "# HELP a x\n# TYPE a gauge\na  1\n"])
def test_the_parser_is_strict(text):
    with pytest.raises(ValueError):
        parse(text)


def of(metrics, name, certificate=BARE):
    return metrics[f"certd_certificate_{name}"][frozenset({("certificate", certificate)})]


def test_metrics_follow_the_certificate(lab):
    path = lab.path / "metrics" / "certd.prom"
    path.parent.mkdir()
    lab.write_conf(metrics_file=str(path), preflight=False)
    before = int(time.time())
    lab.issued()
    metrics, leaf = parse(path.read_text()), lab.leaf()
    assert [entry.name for entry in path.parent.iterdir()] == ["certd.prom"] and path.stat().st_mode & 0o777 == 0o644
    assert EACH <= set(metrics) and metrics["certd_certificates"] == {frozenset(): 1}
    assert metrics["certd_renewals_due"] == {frozenset(): 0}
    end = lab.status()["not_after"]
    assert time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(of(metrics, "not_after_timestamp_seconds"))) == end
    assert of(metrics, "served_not_after_timestamp_seconds") == of(metrics, "not_after_timestamp_seconds")
    assert of(metrics, "served") == 1 and of(metrics, "failures") == 0 and of(metrics, "alarm") == 0
    assert of(metrics, "last_success_timestamp_seconds") >= before
    assert of(metrics, "not_before_timestamp_seconds") < of(metrics, "renewal_timestamp_seconds")
    assert metrics["certd_certificate_state"] == {frozenset({("certificate", BARE), ("state", "valid")}): 1}

    # Due, and it fails: what is served stays, and that it ends.
    lab.write_conf(metrics_file=str(path), preflight=False, key="ecdsa-p384")
    lab.dns.post("add-a", host=WWW, addresses=["127.0.0.99"])
    assert lab.certd("renew").status == 1
    after = parse(path.read_text())
    assert of(after, "failures") == 1 and of(after, "alarm") == 1 and of(after, "served") == 1
    assert after["certd_renewals_due"] == {frozenset(): 1}
    assert of(after, "not_after_timestamp_seconds") == of(metrics, "not_after_timestamp_seconds")
    assert of(after, "next_attempt_timestamp_seconds") > before and lab.leaf() == leaf

    # Every metric that a rule is about is there.
    known = {name for name in re.findall(r"\bcertd_\w+", RULES.read_text())}
    assert known <= set(after), known - set(after)

    # A folder that is gone costs a warning.
    path.unlink()
    path.parent.rmdir()
    done = lab.certd("renew", BARE)
    assert "metrics" in done.err and str(path) in done.err, done
