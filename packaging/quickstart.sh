#!/usr/bin/env bash
# From a source tree to sites that answer over https. See usage() or run it with --help.
set -euo pipefail

usage() {
	cat <<'END'
quickstart.sh: build certd and see it work, or put it to work.

  packaging/quickstart.sh [--keep]
      Builds certd and takes two names from http:// to https:// on this machine only: with Pebble (a small
      certificate authority for tests), an NGINX of its own on free ports, and a name server that knows these names
      for this run. Nothing outside a temporary directory is changed, but for Debian packages that are missing, and
      nothing leaves this machine. --keep leaves it running, and says where.

  packaging/quickstart.sh NAME... --production [OPTIONS]
      The real thing on this server: installs certd, writes an NGINX site for the names where there is none, obtains a
      certificate from Let's Encrypt, and has it renewed. An http site that is there already stays as it is until you say
      --take-over; you are shown first what would become of it.
      --root DIR     the folder with the files of the site (for a new site: /var/www/NAME)
      --websocket PATH=URL   pass websockets on, as /ws=http://localhost:8081; may be repeated
      --proxy PATH=URL       pass requests on; may be repeated
      --take-over    put https before the http site that has these names already
      --email ADDR   the address of the account, optional
      --agree-tos    you agree to the terms of service of Let's Encrypt, https://letsencrypt.org/repository/
      --staging      Let's Encrypt's staging environment: no rate limits to run into, not trusted by browsers
      --prefix DIR   where the program goes (default /usr/local); files stay in /etc/certd and /var/lib/certd

  --certd FILE       takes this program instead of building one (with --production: instead of installing one)
  --help

Needs Debian 12 or newer, or a system where the packages are there already. Root, where packages are to be installed
and with --production.
END
}

# --- saying what happens ---

step_number=0
step() {
	step_number=$((step_number + 1))
	printf '\n%d. %s\n' "$step_number" "$*"
}
say() { printf '   %s\n' "$*"; }
fail() {
	printf '\nquickstart: %s\n' "$1" >&2
	shift
	if [ $# -gt 0 ]; then printf '            %s\n' "$@" >&2; fi
	exit 1
}
wrong_usage() {
	printf 'quickstart: %s (see --help)\n' "$1" >&2
	exit 2
}

# Runs a command whose output matters only if it fails.
quietly() {
	if ! "$@" >"$work/last.log" 2>&1; then
		tail -n 25 "$work/last.log" >&2
		fail "this failed: $*" "Its last words stand above."
	fi
}

# --- arguments ---

original_arguments=$*
names=() site_options=() root='' production=no keep=no email='' agree=no staging=no prefix=/usr/local certd=''
while [ $# -gt 0 ]; do
	case $1 in
	--help | -h) usage; exit 0 ;;
	--production) production=yes ;;
	--keep) keep=yes ;;
	--agree-tos) agree=yes ;;
	--staging) staging=yes ;;
	--take-over) site_options+=("$1") ;;
	--email | --prefix | --certd | --root | --websocket | --proxy)
		[ $# -ge 2 ] || wrong_usage "$1 wants a value"
		case $1 in
		--root) root=$2 ;;
		--websocket | --proxy) site_options+=("$1" "$2") ;;
		--email) email=$2 ;;
		--prefix) prefix=$2 ;;
		--certd) certd=$2 ;;
		esac
		shift
		;;
	-*) wrong_usage "there is no option $1" ;;
	*) names+=("${1,,}") ;;
	esac
	shift
done
for name in "${names[@]}"; do
	[[ $name =~ ^[a-z0-9-]+(\.[a-z0-9-]+)+$ ]] || wrong_usage "'$name' is not a name that http-01 can prove"
done
if [ "$production" = yes ]; then
	[ ${#names[@]} -gt 0 ] || wrong_usage "--production wants the names of the site"
elif [ ${#names[@]} -gt 0 ]; then
	wrong_usage "names go with --production; without it the names of the demonstration are used"
elif [ -n "$root" ] || [ ${#site_options[@]} -gt 0 ]; then
	wrong_usage "options of the site go with --production"
fi
[ -z "$certd" ] || [ -x "$certd" ] || wrong_usage "$certd is no program"
[[ $email != *[\"\\]* ]] || wrong_usage "'$email' is no mail address"

source=$(cd "$(dirname "$0")/.." && pwd)
[ -f "$source/configure.ac" ] || fail "there is no source tree at $source"
work=$(mktemp -d "${TMPDIR:-/tmp}/certd-quickstart.XXXXXX")
chmod 755 "$work"

# --- cleaning up ---

servers=()
stop_servers() {
	local pid
	for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${servers[@]}"; do wait "$pid" 2>/dev/null || true; done
	servers=()
}
clean_up() {
	local status=$?
	if [ "$keep" = yes ] && [ "$production" = no ] && [ $status -eq 0 ]; then return; fi
	stop_servers
	rm -f "${policy_made:-}"
	if [ "$keep" = yes ]; then
		printf '\nKept for you to look at: %s\n' "$work" >&2
	else
		rm -rf "$work"
	fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- packages and the build ---

build_packages=(build-essential autoconf automake pkg-config libssl-dev libcurl4-openssl-dev libjansson-dev
	libconfuse-dev libidn2-dev libpcre2-dev libseccomp-dev libsystemd-dev libunbound-dev)
demo_packages=(nginx pebble curl openssl)
real_packages=(nginx ca-certificates)

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

install_packages() {
	local missing=() package
	command -v dpkg-query >/dev/null 2>&1 || { say "not a Debian: I take it that everything needed is there"; return; }
	for package in "$@"; do is_installed "$package" || missing+=("$package"); done
	if [ ${#missing[@]} -eq 0 ]; then
		say "all there already"
		return
	fi
	say "installing: ${missing[*]}"
	[ "$(id -u)" -eq 0 ] || fail "installing packages needs root" "Try:  sudo $0 $original_arguments" \
		"or first:  sudo apt-get install ${missing[*]}"
	# A demonstration does not leave a web server running on port 80.
	if [ "$production" = no ] && [ ! -e /usr/sbin/policy-rc.d ]; then
		policy_made=/usr/sbin/policy-rc.d
		printf '#!/bin/sh\nexit 101\n' >"$policy_made"
		chmod 755 "$policy_made"
	fi
	export DEBIAN_FRONTEND=noninteractive
	quietly apt-get update
	quietly apt-get install -y --no-install-recommends "${missing[@]}"
	rm -f "${policy_made:-}"
}

build() {
	local build=$work/build dirs=()
	if [ -n "$certd" ]; then
		certd=$(realpath "$certd")
		say "not built: $certd was given"
		return
	fi
	mkdir "$build"
	if [ ! -x "$source/configure" ]; then
		(cd "$source" && quietly autoreconf -fi)
	fi
	# Where systemd looks, wherever the program goes.
	if [ "$production" = yes ] && [ "$prefix" != /usr ]; then
		dirs=(--with-systemdsystemunitdir=/usr/local/lib/systemd/system --with-sysusersdir=/usr/local/lib/sysusers.d
			--with-tmpfilesdir=/usr/local/lib/tmpfiles.d)
	fi
	(cd "$build" && quietly "$source/configure" --prefix="$prefix" --sysconfdir=/etc --localstatedir=/var --runstatedir=/run \
		"${dirs[@]}")
	quietly make -C "$build" -j"$(nproc)"
	certd=$build/certd
	say "built: $("$certd" --version | head -n 1)"
}

# --- the demonstration ---

# Waits until something listens on 127.0.0.1 at that port; the PID is whose it should be.
wait_for_port() {
	local port=$1 pid=$2 what=$3 tries=0
	until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		kill -0 "$pid" 2>/dev/null || { tail -n 20 "$work/$what.log" >&2; fail "$what did not start" "Its last words stand above."; }
		tries=$((tries + 1))
		[ $tries -lt 200 ] || fail "$what does not answer on port $port"
		sleep 0.05
	done
}

given_ports=' '
free_port() { # into $port
	while :; do
		port=$((20000 + RANDOM % 12000))
		case $given_ports in *" $port "*) continue ;; esac
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	given_ports="$given_ports$port "
}

start_server() { # NAME PORT COMMAND...
	local name=$1 port=$2
	shift 2
	"$@" >"$work/$name.log" 2>&1 </dev/null &
	servers+=($!)
	wait_for_port "$port" $! "$name"
}

write_demo() {
	local user=''
	[ "$(id -u)" -ne 0 ] || user='user www-data;'
	mkdir -p "$work"/{html,nginx/tmp,snippets,hooks.d}
	cat >"$work/html/index.html" <<END
<!doctype html><title>it works</title><p>Hello, over https, from ${names[0]}.
END
	cat >"$work/nginx/nginx.conf" <<END
$user
pid $work/nginx/nginx.pid;
error_log $work/nginx/error.log;
events { }
http {
    access_log off;
    client_body_temp_path $work/nginx/tmp;
    proxy_temp_path $work/nginx/tmp;
    fastcgi_temp_path $work/nginx/tmp;
    uwsgi_temp_path $work/nginx/tmp;
    scgi_temp_path $work/nginx/tmp;

    server {
        listen 127.0.0.1:$http_port;
        server_name ${names[*]};
        include $work/snippets/certd-acme-challenge.conf;
        location / { return 301 https://\$host\$request_uri; }
    }
    server {
        listen 127.0.0.1:$https_port ssl;
        server_name ${names[*]};
        include $work/snippets/certd/${names[0]}.conf;
        root $work/html;
    }
}
END
	cat >"$work/certd.conf" <<END
# All of certd in one directory. On a server this file is /etc/certd/certd.conf, and most of it is not needed.
state-dir = "$work/state"
runtime-dir = "$work/run"
hooks-dir = "$work/hooks.d"
webroot = "$work/webroot"
nginx-snippet-dir = "$work/snippets"
email = "admin@${names[0]}"
agree-tos = true
ca = "https://localhost:$pebble_port/dir"
ca-bundle = "$work/pebble.pem"
resolver = "127.0.0.1@$dns_port"
http-port = $http_port
https-port = $https_port
nginx {
    binary = "$(command -v nginx || echo /usr/sbin/nginx)"
    config = "$work/nginx/nginx.conf"
    prefix = "$work/nginx"
    hook = "$source/hooks/nginx"
}
END
	cat >"$work/pebble.json" <<END
{"pebble": {"listenAddress": "127.0.0.1:$pebble_port", "managementListenAddress": "127.0.0.1:$management_port",
 "certificate": "$work/pebble.pem", "privateKey": "$work/pebble.key", "httpPort": $http_port, "tlsPort": $https_port,
 "retryAfter": {"authz": 1, "order": 1},
 "profiles": {"default": {"description": "ninety days", "validityPeriod": 7776000}}}}
END
	quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$work/pebble.key" -out "$work/pebble.pem"
}

start_name_server() {
	local known options=(-http01 '' -https01 '' -tlsalpn01 '' -defaultIPv4 127.0.0.1 -defaultIPv6 '')
	# The options of Debian 12's are older.
	known=$(pebble-challtestsrv -help 2>&1 || true)
	if [[ $known == *' -doh '* ]]; then options+=(-doh ''); fi
	if [[ $known == *' -dnsserver '* ]]; then
		options+=(-dnsserver "127.0.0.1:$dns_port")
	else
		options+=(-dns01 "127.0.0.1:$dns_port")
	fi
	start_server name-server "$dns_management_port" pebble-challtestsrv "${options[@]}" \
		-management "127.0.0.1:$dns_management_port"
}

run_certd() {
	say "\$ certd -c $work/certd.conf $*"
	"$certd" -c "$work/certd.conf" "$@" 2>&1 | sed 's/^/     /' ||
		fail "that did not go well: certd's own words stand above" "With --keep, $work stays for you to look at."
}

fetch() { # URL [CURL OPTIONS]
	curl --silent --show-error --noproxy '*' --max-time 10 "${resolve[@]}" --cacert "$work/root.pem" "${@:2}" "$1"
}

demonstration() {
	local port http_port https_port pebble_port management_port dns_port dns_management_port resolve=() name code
	PATH=$PATH:/usr/sbin:/sbin
	names=(togetherers.com www.togetherers.com)
	step "Looking for the packages that building and this demonstration need"
	install_packages "${build_packages[@]}" "${demo_packages[@]}"
	step "Building certd (a minute or two)"
	build
	free_port; http_port=$port
	free_port; https_port=$port
	free_port; pebble_port=$port
	free_port; management_port=$port
	free_port; dns_port=$port
	free_port; dns_management_port=$port
	write_demo

	step "Starting a certificate authority for tests, and a name server that gives ${names[*]} this machine's address"
	start_name_server
	PEBBLE_VA_NOSLEEP=1 start_server pebble "$pebble_port" pebble -config "$work/pebble.json" -dnsserver "127.0.0.1:$dns_port"
	wait_for_port "$management_port" $! pebble
	quietly curl --silent --show-error --noproxy '*' --cacert "$work/pebble.pem" --output "$work/root.pem" \
		"https://localhost:$management_port/roots/0"

	step "Writing the pieces of NGINX configuration that the site includes"
	run_certd snippet --write "${names[0]}"
	say "The site, with a server for http on port $http_port and one for https on port $https_port: $work/nginx/nginx.conf"
	start_server nginx "$http_port" nginx -p "$work/nginx" -c "$work/nginx/nginx.conf" -g 'daemon off;'

	step "Now the main job, one command: certificate, NGINX, and the proof that it is served"
	run_certd issue "${names[@]}"

	step "Asking as a visitor would"
	for name in "${names[@]}"; do
		resolve+=(--resolve "$name:$http_port:127.0.0.1" --resolve "$name:$https_port:127.0.0.1")
	done
	for name in "${names[@]}"; do
		code=$(fetch "http://$name:$http_port/" --output /dev/null --write-out '%{http_code} to %{redirect_url}') ||
			fail "http://$name does not answer"
		say "http://$name   answers $code"
		code=$(fetch "https://$name:$https_port/" --output /dev/null --write-out '%{http_code}') ||
			fail "https://$name does not answer with a certificate that verifies"
		say "https://$name  answers $code, with a certificate that verifies"
	done
	run_certd status

	if [ "$keep" = yes ]; then
		step "Still running, as you asked. What to try"
		say "$certd -c $work/certd.conf renew            # nothing is due, nothing is done"
		say "$certd -c $work/certd.conf renew --force    # a new certificate and a new key"
		say "$certd -c $work/certd.conf status --json"
		say "curl --cacert $work/root.pem --resolve ${names[0]}:$https_port:127.0.0.1 https://${names[0]}:$https_port/"
		say "To end it:  kill ${servers[*]}; rm -rf $work"
		disown -a
	else
		step "Done, and cleaned up. What to try"
		say "$0 --keep    # the same, left running for you to look around"
	fi
	say "$0 your.name www.your.name --production --email you@your.name    # the real thing, on your server"
}

# --- the real thing ---

# The names among ours for which NGINX has a server already.
served_already() {
	nginx -T 2>/dev/null | sed 's/#.*//' | tr -s ' \t\n' ' ' | grep -oE 'server_name [^;]*;' |
		tr ' ;' '\n' | grep -vxE 'server_name|' | sort -u >"$work/served" || true
	printf '%s\n' "${names[@]}" | grep -xFf "$work/served" || true
}

ask_terms() {
	[ "$agree" = no ] || return 0
	if [ -t 0 ]; then
		printf "   Do you agree to Let's Encrypt's terms of service, https://letsencrypt.org/repository/ ? [y/N] "
		read -r answer
		case $answer in [yY]*) agree=yes; return 0 ;; esac
	fi
	fail "nothing was asked of Let's Encrypt: its terms of service have to be agreed to" "Read them, and add --agree-tos."
}

install_certd() {
	if [ -z "${given:-}" ]; then
		quietly make -C "$work/build" install
		certd=$prefix/sbin/certd
		say "installed: $certd"
		if command -v systemd-sysusers >/dev/null 2>&1; then
			quietly systemd-sysusers certd.conf
			quietly systemd-tmpfiles --create certd.conf
		fi
	fi
	if ! getent passwd certd >/dev/null; then
		quietly useradd --system --home-dir /var/lib/certd --no-create-home --shell /usr/sbin/nologin certd
		say "made the user certd, for the process that talks to the network"
	fi
	mkdir -p /etc/certd
	if [ -e /etc/certd/certd.conf ]; then
		say "/etc/certd/certd.conf is there already and stays as it is"
	else
		{
			echo "# certd.conf(5)"
			[ -z "$email" ] || echo "email = \"$email\""
			echo "agree-tos = true"
			[ "$staging" = no ] || echo "ca = \"letsencrypt-staging\""
		} >/etc/certd/certd.conf
		say "wrote /etc/certd/certd.conf"
	fi
}

# Where the files of a site that nobody has written yet are to lie.
choose_root() {
	[ -z "$root" ] || return 0
	root=/var/www/${names[0]}
	if [ ! -e "$root" ]; then
		mkdir -p "$root"
		printf '<!doctype html><title>%s</title><p>%s is served over https.\n' "${names[0]}" "${names[0]}" >"$root/index.html"
		say "made $root, with a first page: put yours there"
	fi
}

includes_ours() {
	nginx -T 2>/dev/null | grep -qE '^[^#]*include[^#]*certd-acme-challenge\.conf' &&
		nginx -T 2>/dev/null | grep -qE "^[^#]*include[^#]*certd/${names[0]//./\\.}\\.conf"
}

start_nginx() {
	if [ -s /run/nginx.pid ] && kill -0 "$(cat /run/nginx.pid)" 2>/dev/null; then
		say "NGINX runs"
	elif [ -d /run/systemd/system ]; then
		quietly systemctl start nginx
	else
		quietly nginx
	fi
}

renewal() {
	[ ! -d /run/systemd/system ] || quietly systemctl daemon-reload
	if [ -d /run/systemd/system ] && systemctl cat certd-renew.timer >/dev/null 2>&1; then
		quietly systemctl enable --now certd-renew.timer
		say "certd-renew.timer looks after it from now on: systemctl list-timers certd-renew.timer"
	else
		say "There is no certd-renew.timer here. Have this run every hour, for instance by cron:"
		say "    $((RANDOM % 60)) * * * * root $certd -q renew"
	fi
}

production() {
	local given=$certd issue
	[ "$(id -u)" -eq 0 ] || fail "--production installs programs and writes to /etc: it needs root" "Try:  sudo $0 $original_arguments"
	PATH=$PATH:/usr/sbin:/sbin
	step "Looking for packages"
	[ -n "$given" ] || real_packages+=("${build_packages[@]}")
	install_packages "${real_packages[@]}"
	step "Terms of service"
	ask_terms
	say "agreed"
	step "Building certd (a minute or two)"
	build
	step "Installing"
	install_certd
	issue=("$certd" issue --agree-tos ${email:+--email "$email"})
	step "The site and the certificate"
	start_nginx
	if [ -z "$root${site_options[*]}" ] && includes_ours; then
		say "the site is there already, and includes what certd writes"
	else
		[ -n "$(served_already)" ] || choose_root
		issue+=(--site ${root:+--root "$root"} "${site_options[@]}")
	fi
	say "\$ ${issue[*]} ${names[*]}"
	if ! "${issue[@]}" "${names[@]}"; then
		fail "no certificate yet: certd's own words stand above" "Your site answers over http as before. After mending it run this again, or only" \
			"    ${issue[*]} ${names[*]}"
	fi
	step "Renewal"
	renewal
	step "Done. What to try"
	say "https://${names[0]}/"
	say "$certd status"
	say "$certd renew    # nothing is due, nothing is done"
	[ "$staging" = no ] || say "Staging certificates are not trusted: remove the line \`ca\` from /etc/certd/certd.conf, then  $certd issue --force ${names[*]}"
}

if [ "$production" = yes ]; then
	production
else
	demonstration
fi
