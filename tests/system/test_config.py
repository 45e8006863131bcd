"""certd.conf: what is wrong, in which file, on which line."""
import pytest
from lab import BARE, NAMES


def test_good_configuration(lab):
    done = lab.certd("check-config")
    assert done.status == 0, done
    assert lab.ca.requests() == []


@pytest.mark.parametrize("line, words", [
    ("emial = \"x@togetherers.com\"", ["emial", "email"]),
    ("keep-generations = lots", ["keep-generations"]),
    ("hook-timeout = \"5 parsecs\"", ["hook-timeout", "parsecs"]),
    ("hook-timeout = \"-1s\"", ["hook-timeout"]),
    ("https-port = 99999", ["https-port"]),
    ("https-port = 99999999999999999999", ["https-port"]),
    ("key = \"rsa-512\"", ["rsa-512"]),
    ("challenge = \"http-1\"", ["http-1", "http-01"]),
    ("ca = \"http://ca.example/dir\"", ["https"]),
    ("state-dir = \"relative/path\"", ["state-dir"]),
    ("state-dir = \"/\"", ["state-dir"]),
    ("resolver = \"not an address\"", ["resolver"]),
    ("certificate \"x.example\" { names = { \"x..example\" } }", ["x..example"]),
    ("certificate \"../x\" { names = { \"x.example\" } }", ["../x"]),
    ("certificate \"x.example\" { namse = { \"x.example\" } }", ["namse", "names"]),
    ("certificate \"x.example\" { names = { \"*.x.example\" } }", ["*.x.example"]),
    ("certificate \"x.example\" {", []),
    ("email = \"unterminated", []),
])
def test_error_names_file_and_line(lab, line, words):
    lab.extra = "# one\n# two\n" + line
    lab.write_conf(**{line.split(" ")[0]: None})
    number = lab.conf.read_text().splitlines().index(line) + 1
    for command in (("check-config",), ("issue", *NAMES)):
        done = lab.certd(*command)
        assert done.status == 2, done
        assert f"{lab.conf}:" in done.err, done
        if words:
            assert f"{lab.conf}:{number}: " in done.err, done
        for word in words:
            assert word in done.err, done
    assert lab.ca.requests() == [] and not lab.live().exists()


def test_all_errors_at_once(lab):
    lab.extra = "key = \"rsa-512\"\nhttps-port = 99999\nchallenge = \"carrier-pigeon\""
    lab.write_conf(https_port=None)
    done = lab.certd("check-config")
    assert done.status == 2, done
    assert all(word in done.err for word in ("rsa-512", "99999", "carrier-pigeon")), done


def test_error_in_an_included_file_names_that_file(lab):
    lab.issued()
    included = lab.conf.parent / "conf.d" / f"{BARE}.conf"
    included.write_text(included.read_text() + "\nbogus-directive = 1\n")
    done = lab.certd("check-config")
    assert done.status == 2 and f"{included}:" in done.err and "bogus-directive" in done.err, done
    lab.assert_served()


def test_no_such_file(lab):
    lab.conf.unlink()
    done = lab.certd("status")
    assert done.status == 2 and str(lab.conf) in done.err, done
