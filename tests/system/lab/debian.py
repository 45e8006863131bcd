"""Debian's own configuration of NGINX, as the package leaves it behind, moved into the lab's directory and onto its ports."""
import pathlib
import re
import shutil

ETC = pathlib.Path("/etc/nginx")

DEFAULT_SITE = """\
server {
	listen 80 default_server;
	listen [::]:80 default_server;
	root /var/www/html;
	index index.html index.htm index.nginx-debian.html;
	server_name _;
	location / {
		try_files $uri $uri/ =404;
	}
}
"""

MAIN = """\
user www-data;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {
	worker_connections 768;
}
http {
	sendfile on;
	tcp_nopush on;
	types_hash_max_size 2048;
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; # Dropping SSLv3, ref: POODLE
	ssl_prefer_server_ciphers on;
	access_log /var/log/nginx/access.log;
	gzip on;
	include /etc/nginx/conf.d/*.conf;
	include /etc/nginx/sites-enabled/*;
}
"""


def _moved(text, nginx, folder):
    text = text.replace("/etc/nginx", str(folder)).replace("/var/log/nginx", str(nginx.prefix))
    text = text.replace("/run/nginx.pid", f"{nginx.prefix}/nginx.pid").replace("/var/www/html", f"{nginx.prefix}/html")
    text = re.sub(r"^user .*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^include \S*modules-enabled.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"\b80( default_server)?;", rf"{nginx.http_port}\1;", text)


def adopt(lab, default_site=True, conf_d_only=False, etc=ETC):
    """Makes the lab's NGINX, which must not be running, one with Debian's configuration; etc: of which release."""
    nginx = lab.nginx
    folder = lab.path / "etc" / "nginx"
    for name in ("conf.d", *(() if conf_d_only else ("sites-available", "sites-enabled"))):
        (folder / name).mkdir(parents=True)
    user = re.search(r"^user .*;$", nginx.config.read_text(), flags=re.MULTILINE)
    for name in ("mime.types",):
        if (etc / name).exists():
            shutil.copy(etc / name, folder / name)
        else:
            (folder / name).write_text("types { text/html html; }\n")
    main = (etc / "nginx.conf").read_text() if (etc / "nginx.conf").exists() else MAIN
    text = (user.group(0) + "\n" if user else "") + _moved(main, nginx, folder)
    if conf_d_only:
        text = re.sub(r"^.*sites-enabled.*$", "", text, flags=re.MULTILINE)
    nginx.config = folder / "nginx.conf"
    nginx.config.write_text(text)
    if default_site and not conf_d_only:
        (folder / "sites-available" / "default").write_text(_moved(DEFAULT_SITE, nginx, folder))
        (folder / "sites-enabled" / "default").symlink_to(folder / "sites-available" / "default")
    nginx.service.argv = [nginx.binary, "-p", str(nginx.prefix), "-c", str(nginx.config), "-g", "daemon off;"]
    lab.write_conf()
    return folder
