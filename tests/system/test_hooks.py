"""What a hook gets: arguments, environment, descriptors."""
from lab import BARE, NAMES

SPY = """#!/bin/sh
out={out}/$1
tr '\\0' '\\n' < /proc/$$/environ > $out.env
printf '%s\\n' "$0" "$@" > $out.argv
ls -l /proc/self/fd > $out.fds
grep -E 'NoNewPrivs|SigBlk|SigIgn' /proc/self/status > $out.status
pwd > $out.cwd
umask >> $out.cwd
"""
ALWAYS = {"CERTD_EVENT", "CERTD_CERTIFICATE", "CERTD_NAMES", "CERTD_LIVE_DIR", "CERTD_PRIVKEY", "CERTD_CERT",
          "CERTD_CHAIN", "CERTD_FULLCHAIN", "CERTD_SNIPPET", "CERTD_NOT_AFTER", "CERTD_SERIAL", "CERTD_GENERATION"}
MAY_BE_THERE = {"PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "CERTD_CONFIG"}


def spy(lab, *events):
    out = lab.path / "spy"
    out.mkdir()
    for event in events:
        lab.hook(event, SPY.format(out=out))
    return out


def environment(path):
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


def test_environment_of_deploy_and_post_renew(lab):
    out = spy(lab, "deploy", "post-renew")
    lab.issued(env={"AWS_SECRET_ACCESS_KEY": "hidden", "LD_LIBRARY_PATH": "/nowhere", "SHELLOPTS": "xtrace"})
    for event in ("deploy", "post-renew"):
        env = environment(out / f"{event}.env")
        assert ALWAYS <= env.keys(), ALWAYS - env.keys()
        others = {key for key in env if not key.startswith("CERTD_")}
        assert others <= MAY_BE_THERE, others - MAY_BE_THERE
        assert "hidden" not in (out / f"{event}.env").read_text()
        assert env["CERTD_EVENT"] == event and env["CERTD_CERTIFICATE"] == BARE
        assert env["CERTD_NAMES"] == " ".join(NAMES) and env["CERTD_LIVE_DIR"] == str(lab.live())
        assert env["CERTD_PRIVKEY"] == f"{lab.live()}/privkey.pem"
        assert env["CERTD_SNIPPET"] == str(lab.snippets / "certd" / f"{BARE}.conf")
        assert env["CERTD_NOT_AFTER"] == lab.leaf().not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert int(env["CERTD_SERIAL"].replace(":", ""), 16) == lab.leaf().serial_number
        assert env["CERTD_GENERATION"] == lab.live().resolve().name
        assert (out / f"{event}.argv").read_text().splitlines()[1:] == [event, BARE]


def test_descriptors_and_signals(lab):
    out = spy(lab, "deploy")
    lab.issued()
    links = [line.rsplit(" -> ", 1) for line in (out / "deploy.fds").read_text().splitlines() if " -> " in line]
    numbers = {int(left.split()[-1]): right for left, right in links}
    assert numbers.pop(0) == "/dev/null"
    assert numbers.pop(1) and numbers.pop(2)
    own = [number for number, target in numbers.items() if target.startswith("/proc/")]  # ls reading the directory
    assert len(own) == 1 and len(numbers) == 1, f"descriptors leaked into a hook: {numbers}"
    status = dict(line.split(":\t") for line in (out / "deploy.status").read_text().splitlines())
    assert int(status["SigBlk"], 16) == 0 and int(status["SigIgn"], 16) == 0, status


def test_each_event_runs_once_in_name_order(lab):
    log = lab.path / "order"
    for event in ("deploy", "post-renew"):
        for name in ("20-second", "10-first"):
            lab.hook(event, f"#!/bin/sh\necho {event} {name} >> {log}\n", name)
    lab.hook("deploy", f"#!/bin/sh\necho never >> {log}\n", "30-not-executable", mode=0o644)
    lab.hook("deploy", f"#!/bin/sh\necho never >> {log}\n", "10-first~")
    lab.issued()
    assert log.read_text().splitlines() == [
        "deploy 10-first", "deploy 20-second", "post-renew 10-first", "post-renew 20-second"]


def test_post_renew_comes_after_the_proof(lab):
    shown = lab.path / "shown"
    lab.hook("post-renew", "#!/bin/sh\nopenssl s_client"
                           f" -connect {lab.address}:{lab.nginx.https_port} -servername {BARE}"
                           f" </dev/null 2>/dev/null | openssl x509 -noout -serial > {shown}\n")
    lab.issued()
    assert int(shown.read_text().strip().split("=")[1], 16) == lab.leaf().serial_number


def test_hook_that_cannot_be_run_is_named(lab):
    hook = lab.hook("deploy", "#!/no/such/interpreter\n")
    done = lab.issue()
    assert done.status == 1 and str(hook) in done.err, done


def test_failure_hook_also_when_the_state_cannot_be_read(lab):
    lab.issued()
    seen = lab.path / "seen"
    lab.hook("failure", f'#!/bin/sh\nprintf "%s\\n" "$CERTD_ERROR" >>{seen}\n')
    state = lab.state / "certificates" / "togetherers.com" / "state.json"
    newer = state.read_text().replace('"version":1', '"version":99')
    state.write_text(newer)
    assert lab.certd("renew").status == 1
    assert "99" in seen.read_text() and len(seen.read_text().splitlines()) == 1
    assert state.read_text() == newer
