"""certd status: the document that scripts read, and the table that people read."""
import json
import re
from datetime import datetime, timezone

from cryptography.hazmat.primitives import hashes
from lab import BARE, NAMES, WWW

TIME = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")


def parsed(text):
    assert TIME.match(text), text
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def test_schema_of_a_valid_certificate(lab):
    lab.issued()
    done = lab.certd("status", "--json")
    assert done.status == 0, done
    document = json.loads(done.out)
    assert list(document) == ["certificates"] and len(document["certificates"]) == 1
    entry, leaf = document["certificates"][0], lab.leaf()
    assert entry["name"] == BARE and sorted(entry["names"]) == sorted(NAMES)
    assert entry["state"] == "valid"
    assert entry["ca"] and entry["profile"] is None
    assert entry["key"] == "ecdsa-p256" and entry["challenge"] == "http-01"
    assert int(entry["serial"].replace(":", ""), 16) == leaf.serial_number
    assert entry["fingerprint_sha256"].replace(":", "").lower() == leaf.fingerprint(hashes.SHA256()).hex()
    assert "Pebble" in entry["issuer"]
    assert parsed(entry["not_before"]).replace(tzinfo=None) == leaf.not_valid_before
    assert parsed(entry["not_after"]).replace(tzinfo=None) == leaf.not_valid_after
    assert entry["generation"] == int(lab.live().resolve().name)
    start, end = parsed(entry["not_before"]), parsed(entry["not_after"])
    assert start + (end - start) * 0.5 < parsed(entry["renew_at"]) < end
    assert entry["renew_reason"] in ("ari", "lifetime")
    assert entry["served"]["verified"] is True and parsed(entry["served"]["at"])
    attempt = entry["last_attempt"]
    assert attempt["result"] == "ok" and attempt["error"] is None and attempt["attempts"] == 0 and parsed(attempt["at"])
    assert entry["paths"] == {
        "live": str(lab.live()), "private_key": f"{lab.live()}/privkey.pem", "fullchain": f"{lab.live()}/fullchain.pem",
        "snippet": str(lab.snippets / "certd" / f"{BARE}.conf")}


def test_nothing_managed(lab):
    done = lab.certd("status", "--json")
    assert done.status == 0 and json.loads(done.out) == {"certificates": []}, done
    assert lab.certd("status").status == 0


def test_failure_is_told_with_advice(lab):
    lab.issued()
    lab.write_conf(preflight=False)
    lab.dns.post("add-a", host=WWW, addresses=["127.0.0.99"])
    assert lab.certd("renew", "--force").status == 1
    entry = lab.status()
    assert entry["last_attempt"]["result"] == "failed" and entry["served"]["verified"] is True, entry
    error = entry["last_attempt"]["error"]
    assert set(error) == {"kind", "message", "advice", "problem"}
    assert error["kind"] == "refused" and WWW in error["message"] and error["advice"], error
    assert error["problem"]["type"].startswith("urn:ietf:params:acme:error:"), error
    assert entry["last_attempt"]["attempts"] == 1
    assert parsed(entry["last_attempt"]["next_at"]) > parsed(entry["last_attempt"]["at"])
    text = lab.certd("status")
    assert BARE in text.out and WWW in text.out
    # It was only forced: nothing is due, nothing will be tried, and no monitor shall be alarmed for two months.
    assert entry["state"] == "valid" and text.status == 0 and "not due" in text.out, text


def test_a_failure_is_not_tried_again_before_its_time(lab):
    lab.write_conf(preflight=False)
    lab.dns.post("add-a", host=WWW, addresses=["127.0.0.99"])
    assert lab.issue().status == 1
    orders = lab.ca.orders()
    assert lab.status()["state"] == "failing" and lab.certd("status").status == 1
    done = lab.certd("renew")
    assert done.status in (0, 1, 3) and lab.ca.orders() == orders, done


def test_one_document_and_nothing_else(lab):
    for command in (("issue", *NAMES), ("renew",), ("renew", "--force"), ("status",)):
        done = lab.certd(*command, "--json")
        assert done.status == 0, done
        assert isinstance(json.loads(done.out), dict), done


def test_table(lab):
    lab.issued()
    done = lab.certd("status")
    assert done.status == 0 and BARE in done.out and "valid" in done.out, done
    assert "89 d" in done.out and "yes" in done.out


def test_only_the_asked_one(lab):
    lab.issued(names=(BARE,))
    lab.certd("issue", "--no-deploy", WWW)
    done = lab.certd("status", "--json", WWW)
    assert [entry["name"] for entry in done.json()["certificates"]] == [WWW]


def test_status_while_the_ca_is_down(lab):
    lab.issued()
    lab.ca.stop()
    entry = lab.status()
    assert entry["state"] == "valid"
