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
    # Nothing is redirected to where there is no certificate yet.
    assert lab.http(BARE)[::2] == (200, b"the real site\n") and lab.served() is None
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
    assert done.status == 1 and f"{other}:3: this server has the name \"x.example\" too" in done.err, done
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


# --- a site of http that is there already ---

OLD_SITE = """\
# our site
server {{
	listen {port};
	listen [::]:{port};
	server_name {names};

	root {www};
	error_page 404 /404.html;	# shown to people
	location /app/ {{
		return 200 "the app at $uri\\n";
	}}
	location ~ \\.secret$ {{
		return 403;
	}}
	location /away {{ return 302 http://elsewhere.example/; }}
}}
"""


def old_site(lab, name="mysite", names=NAMES, text=OLD_SITE, enabled=True):
    path = (lab.folder / "sites-available" / name) if enabled else (lab.folder / "conf.d" / name)
    path.write_text(text.format(port=lab.nginx.http_port, names=" ".join(names), www=lab.www, other=lab.nginx.https_port))
    if enabled:
        (lab.folder / "sites-enabled" / name).symlink_to(path)
    return path


def reload(lab):
    assert lab.nginx.test_passes() is True
    lab.nginx.stop()
    lab.nginx.start()


def assert_lives_on(lab, fetch):
    for name in NAMES:
        assert fetch(name)[::len(fetch(name)) - 1] == (200, b"the real site\n")
        assert fetch(name, "/none")[-1] == b"not here\n"
        assert fetch(name, "/app/x")[-1] == b"the app at /app/x\n"
        assert fetch(name, "/x.secret")[0] == 403 and fetch(name, "/away")[0] == 302


@pytest.mark.parametrize("kind", ["link", "link-of-our-name", "file-in-sites-enabled", "conf.d"])
def test_taken_over(debian, kind):
    lab = debian(start=False)
    path = old_site(lab, {"link-of-our-name": f"{BARE}.conf", "conf.d": "mysite.conf"}.get(kind, "mysite"),
                    enabled=kind != "conf.d")
    if kind == "file-in-sites-enabled":
        link = lab.folder / "sites-enabled" / "mysite"
        link.unlink()
        path.rename(link)
    text = OLD_SITE.format(port=lab.nginx.http_port, names=" ".join(NAMES), www=lab.www)
    reload(lab)
    before = tree(lab.folder)
    # Asked for first, and shown.
    done = lab.certd("site", *NAMES)
    assert done.status == 1 and "--take-over" in done.err and "would be taken over" in done.err, done
    assert tree(lab.folder) == before
    done = lab.certd("site", "--take-over", *NAMES)
    assert done.status == 0, done
    assert lab.nginx.test_passes() is True and "conflicting server name" not in lab.nginx.command("-t").stderr
    assert text in [file.read_text() for file in lab.folder.rglob("*") if file.is_file()], "the original is kept"
    # Without a certificate it is served as it was.
    assert_lives_on(lab, lab.http)
    done = lab.issue()
    assert done.status == 0, done
    lab.assert_served()
    assert_lives_on(lab, lab.https)
    assert lab.http(BARE)[0] == 301
    include = (lab.snippets / "certd" / f"{BARE}.taken-over.conf").read_text()
    assert "# shown to people" in include and "listen" not in include.split("\n", 1)[1]
    before = tree(lab.folder)
    assert lab.certd("site", BARE).status == 0 and tree(lab.folder) == before
    assert lab.certd("renew", "--force").status == 0


def test_taken_over_in_one_command_with_a_websocket(debian):
    lab = debian(start=False)
    old_site(lab, names=(BARE,))
    old_site(lab, "www", text="server {{ listen {port}; server_name {names}; return 301 http://togetherers.com$request_uri; }}\n",
             names=(WWW,))
    reload(lab)
    done = lab.certd("issue", "--site", "--take-over", "--canonical", BARE, "--websocket", "/ws=http://127.0.0.1:9", *NAMES)
    assert done.status == 0, done
    lab.assert_served()
    assert lab.https(BARE, "/app/x")[1] == b"the app at /app/x\n" and lab.https(BARE, "/ws")[0] == 502
    assert lab.http(WWW)[1]["Location"] == f"https://{BARE}:{lab.nginx.https_port}/"
    assert lab.https(WWW)[0] == 301
    assert lab.certd("renew", "--force").status == 0


def test_put_back_when_nginx_refuses_it(debian):
    lab = debian(start=False)
    old_site(lab, f"{BARE}.conf")
    reload(lab)
    before = tree(lab.path / "etc"), tree(lab.snippets)
    done = lab.certd("site", "--take-over", "--proxy", "/x=http://no.such.host.invalid:1", *NAMES)
    assert done.status == 1 and "host not found" in done.err, done
    assert tree(lab.path / "etc") == before[0] and not list(lab.snippets.rglob("*.taken-over.conf"))
    assert lab.http(BARE)[::2] == (200, b"the real site\n")


SERVER = "server {{\n\tlisten {port};\n\tserver_name {names};\n\t%s\n}}\n"


@pytest.mark.parametrize("text,line,word", [
    ("upstream app {{ server 127.0.0.1:9; }}\n" + SERVER % "root {www};", 1, "upstream"),
    (SERVER % "return 200 x;", 4, "before every location"),
    (SERVER % "location / {{ return 301 https://$host$request_uri; }}", 4, "lead back to itself"),
    (SERVER % "root {www}; server_name other.example;", 4, "other.example"),
    (SERVER % "listen 127.0.0.1:{other};", 4, "way of its own"),
    (SERVER % "ssl_protocols TLSv1;", 4, "ssl_protocols"),
    (SERVER % "root {www};" + SERVER.replace("{names}", "www.togetherers.com") % "root {www};", 6, "both serve"),
])
def test_not_taken_over(debian, text, line, word):
    lab = debian(start=False)
    old_site(lab, text=text, names=NAMES if text.count("server {{") == 1 else (BARE,))
    reload(lab)
    before = tree(lab.folder)
    done = lab.certd("site", "--take-over", "--error-page-404", "/404.html", *NAMES)
    assert done.status == 1 and f"mysite:{line}:" in done.err and word in done.err, done
    assert tree(lab.folder) == before


def test_not_taken_over_out_of_the_main_file(debian):
    lab = debian(start=False)
    block = (SERVER % f"root {lab.www};").format(port=lab.nginx.http_port, names=BARE)
    lab.nginx.config.write_text(lab.nginx.config.read_text().replace("http {\n", "http {\n" + block, 1))
    reload(lab)
    done = lab.certd("site", "--take-over", *NAMES)
    assert done.status == 1 and f"{lab.nginx.config}:" in done.err and "main file" in done.err, done
