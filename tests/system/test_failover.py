"""Two CAs, of which the first one goes away: the second one helps out, and nothing of the one goes to the other."""
import base64
import json

from lab import BARE, Pebble

SECRET = base64.urlsafe_b64encode(b"0123456789abcdef0123456789abcdef").rstrip(b"=").decode()


def second_ca(lab):
    """It opens accounts only for its customers."""
    folder = lab.path / "second"
    folder.mkdir()
    folder.chmod(0o755)
    ca = Pebble(folder, lab.address, lab.nginx.http_port, lab.dns, eab={"customer-7": SECRET}).start()
    secret = folder / "hmac"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    lab.extra = f"""ca = {{ "first", "second" }}
ca "first" {{ directory = "{lab.ca.url}" ca-bundle = "{lab.ca.trust}" }}
ca "second" {{ directory = "{ca.url}" ca-bundle = "{ca.trust}" eab-kid = "customer-7" eab-hmac-file = "{secret}" }}"""
    lab.write_conf(ca=None, ca_bundle=None)
    return ca


def test_the_first_ca_goes_away(lab):
    second = second_ca(lab)
    try:
        lab.issued()
        state = lab.status()
        assert state["ca"] == "first" and state["cas"] == ["first", "second"] and state["issued_by"] == "first", state
        assert state["next_ca"] == {"name": "first", "why": None}, state
        assert second.requests() == []
        paths = state["paths"]

        lab.ca.stop()
        for _ in range(2):
            done = lab.certd("renew", "--force")
            assert done.status == 1, done
        assert second.requests() == []
        done = lab.certd("renew", "--force")
        assert done.status == 0 and "going on with second" in done.err and "issued by second and served" in done.out, done
        lab.assert_served()
        state = lab.status()
        assert (state["issued_by"], state["next_ca"]["name"], state["paths"]) == ("second", "first", paths), state
        assert "issued by second; first is asked next" in lab.certd("status").out
        assert second.orders() == 1 and second.renewal_questions() <= 1
        assert json.loads((lab.state / "certificates" / BARE / "state.json").read_text())["order"]["directory"] == second.url

        # What is due at once waits for nobody; and who issued is who revokes.
        serial = lab.leaf().serial_number
        done = lab.certd("revoke", BARE)
        assert done.status == 0, done
        assert json.loads(second.management_get(f"cert-status-by-serial/{serial:x}"))["Status"] == "Revoked"
        done = lab.certd("renew", "--json")
        assert done.status == 0 and done.json()["certificates"][0]["ca"] == "second", done
        assert second.orders() == 2 and lab.leaf().serial_number != serial
        lab.assert_served()
        done = lab.certd("account", "show", "--json", "--ca", "second")
        assert [account["ca"] for account in done.json()["accounts"]] == ["second"], done

        # The first one is back, with nothing that it knew.
        lab.ca.start()
        orders = lab.ca.orders()
        assert lab.certd("renew").status == 0 and lab.ca.orders() == orders
        done = lab.certd("renew", "--force")
        assert done.status == 0, done
        assert lab.status()["issued_by"] == "first" and second.orders() == 2
        lab.assert_served()
    finally:
        second.stop()


def test_a_ca_for_customers_only(lab):
    """One that is known to want external account binding is not asked without; with another in the list that one is."""
    lab.extra = f"""ca "zerossl" {{ directory = "{lab.ca.url}" ca-bundle = "{lab.ca.trust}" }}"""
    lab.write_conf(ca=None, ca_bundle=None)
    done = lab.issue("--ca", "zerossl")
    assert done.status == 2 and "external account binding" in done.err and "eab-kid" in done.err, done
    assert lab.ca.requests() == []
    done = lab.issue("--ca", "zerossl,letsencrypt", "--eab-kid", "a", "--eab-hmac-file", "/nonexistent/b")
    assert done.status == 2 and "there are 2 CAs" in done.err, done
    done = lab.certd("issue", "--help")
    assert "zerossl              EAB  https://acme.zerossl.com/v2/DV90" in done.out, done
