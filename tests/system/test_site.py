"""certd site and certd issue --site: from nothing, or beside Debian's own configuration, to https."""
import pytest
from lab import BARE, NAMES, WWW
from lab.debian import adopt


@pytest.fixture
def debian(make_lab):
    """A maker of labs with Debian's configuration, with a root of their own."""
    def make(start=True, **options):
        lab = make_lab(start=False)
        lab.dns.start()
        lab.ca.start()
        lab.folder = adopt(lab, **options)
        lab.www = lab.path / "www"
        lab.www.mkdir()
        (lab.www / "index.html").write_text("the real site\n")
        (lab.www / "404.html").write_text("not here\n")
        if start:
            lab.nginx.start()
        return lab
    return make


def site_file(lab, name=f"{BARE}.conf"):
    return lab.folder / "sites-available" / name


def tree(folder):
    return {str(path.relative_to(folder)): (str(path.readlink()) if path.is_symlink() else path.read_bytes())
            for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file()}


def test_written_where_debian_has_sites(debian):
    lab = debian()
    done = lab.certd("site", "--root", lab.www, *NAMES)
    assert done.status == 0, done
    text = site_file(lab).read_text()
    assert f"server_name {BARE} {WWW};" in text and f'root "{lab.www}";' in text
    assert (lab.folder / "sites-enabled" / f"{BARE}.conf").readlink() == site_file(lab)
    assert not (lab.folder / "conf.d").exists() or not list((lab.folder / "conf.d").iterdir())
    # Debian's site is the default server of port 80 and stays it; nobody is of 443.
    default = site_file(lab, "certd_default.conf").read_text()
    assert "ssl_reject_handshake on;" in default and "return 444" not in default
    assert lab.nginx.test_passes() is True
    before = tree(lab.folder)
    done = lab.certd("site", BARE)
    assert done.status == 0 and "there already" in done.err and tree(lab.folder) == before, done


def test_conf_d_where_that_is_all_there_is(debian):
    lab = debian(conf_d_only=True, start=False)
    done = lab.certd("site", "--print", "--root", lab.www, *NAMES)
    assert done.status == 0 and "return 444;" in done.out, done
    assert str(lab.folder / "conf.d" / f"{BARE}.conf") in done.out
    assert not list((lab.folder / "conf.d").iterdir()), "--print writes nothing"


def test_what_a_person_changed_is_kept(debian):
    lab = debian()
    done = lab.certd("site", "--root", lab.www, *NAMES)
    assert done.status == 0, done
    file = site_file(lab)
    file.write_text(file.read_text().replace("server_tokens off;", "server_tokens off; # mine"))
    before = tree(lab.folder)
    done = lab.certd("site", "--error-page-404", "/404.html", BARE)
    assert done.status == 1 and "was changed since" in done.err, done
    assert "# mine" in done.err and "+\terror_page 404 /404.html;" in done.err, "the difference"
    assert tree(lab.folder) == before
    assert "error-page" not in (lab.path / "conf.d" / f"{BARE}.conf").read_text(), "nothing of it is remembered"


def test_a_file_of_a_person_in_the_way(debian):
    lab = debian()
    site_file(lab).write_text("# mine\n")
    done = lab.certd("site", "--root", lab.www, *NAMES)
    assert done.status == 1 and "was not written by certd" in done.err and site_file(lab).read_text() == "# mine\n", done


def test_undone_when_nginx_refuses_it(debian):
    lab = debian()
    before = tree(lab.folder)
    done = lab.certd("site", "--root", lab.www, "--websocket", "/ws=http://no.such.host.invalid:1", *NAMES)
    assert done.status == 1 and "host not found in upstream" in done.err, done
    assert tree(lab.folder) == before and lab.nginx.test_passes() is True
    assert not (lab.path / "conf.d" / f"{BARE}.conf").exists()
    # And again, in a site that is there.
    assert lab.certd("site", "--root", lab.www, *NAMES).status == 0
    before = tree(lab.folder)
    done = lab.certd("site", "--proxy", "/x=http://no.such.host.invalid:1", BARE)
    assert done.status == 1 and tree(lab.folder) == before, done
    done = lab.certd("site", "--error-page-404", "/404.html", BARE)
    assert done.status == 0 and "error_page 404" in site_file(lab).read_text(), done


def test_wrong_usage(debian):
    lab = debian(start=False)
    for arguments in ((), ("--root", "www", BARE), ("--websocket", "/ws", BARE), ("--frobnicate", BARE),
                      ("--canonical", "other.example", BARE), (BARE,)):
        done = lab.certd("site", *arguments)
        assert done.status == 2, done
    done = lab.certd("issue", "--root", lab.www, BARE)
    assert done.status == 2 and "--site" in done.err, done


def test_another_server_with_the_name(debian):
    lab = debian()
    other = lab.folder / "conf.d" / "other.conf"
    other.write_text(f"server {{\n\tlisten {lab.nginx.http_port};\n\tserver_name x.example {WWW};\n\treturn 404;\n}}\n")
    before = tree(lab.folder)
    done = lab.certd("site", "--root", lab.www, *NAMES)
    assert done.status == 1 and f"{other}:1" in done.err and WWW in done.err, done
    assert tree(lab.folder) == before


def test_the_whole_way_from_nothing(debian):
    lab = debian()
    done = lab.certd("issue", "--site", "--root", lab.www, "--websocket", "/ws=http://localhost:8081",
                     "--error-page-404", "/404.html", *NAMES)
    assert done.status == 0, done
    assert "test file" not in done.err.replace("fetching a test file", ""), "NGINX had the site when the preflight came"
    lab.assert_served()
    for name in NAMES:
        status, headers, _ = lab.http(name)
        assert status == 301 and headers["Location"] == f"https://{name}:{lab.nginx.https_port}/", headers
        assert lab.https(name) == (200, b"the real site\n")
        assert lab.https(name, "/none") == (404, b"not here\n")
    assert lab.certd("renew", "--force").status == 0
    lab.assert_served()
