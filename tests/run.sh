#!/bin/bash
# Runs every tier of the tests from a fresh clone: `sudo tests/run.sh`.
#
#   tests/run.sh [--quick] [--keep] [TIER...]
#
# As root it installs, by apt-get, what the tests need and the machine lacks; as another user it takes what is there.
# Everything is built in a folder of its own, from a copy of the sources. Without TIER all of them run, in this order:
#
#   units      a build with ASan and UBSan, -Werror; make check: unit tests, scenarios, fuzz corpora, lint
#   hardening  the build that is shipped: make check, and its PIE, RELRO, NX and stack protector as readelf sees them
#   system     pytest tests/system with that build: real CA, NGINX and DNS; not with --quick
#   install    make install and uninstall into a DESTDIR
#   distcheck  the tarball builds and tests itself
#   clang      the same with clang, its sanitizers and libFuzzer
#   valgrind   gcc -fanalyzer over the sources, and the unit tests under valgrind
#   tidy       clang-tidy
#   cppcheck   cppcheck
#
# --quick leaves out what needs a server. --keep leaves the folder of the builds and the logs behind.
# The last line of the output is `N passed, N failed, N skipped`, with a line for each skip and its reason before it.
set -u
exec </dev/null
export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH" LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1

ALL_TIERS="units hardening system install distcheck clang valgrind tidy cppcheck"
PACKAGES="build-essential autoconf automake pkg-config xz-utils
	libssl-dev libcurl4-openssl-dev libjansson-dev libconfuse-dev libunbound-dev libidn2-dev libpcre2-dev libseccomp-dev
	libsystemd-dev libcmocka-dev
	clang libclang-rt-dev clang-tidy cppcheck valgrind shellcheck mandoc python3 systemd"
SYSTEM_PACKAGES="testssl.sh chromium chromium-driver python3-pytest python3-pytest-xdist python3-cryptography python3-websockets nginx caddy openssl curl knot dns-root-data iproute2 strace ca-certificates
	mmdebstrap systemd-container"
# What the build gives every source beside config.h, for the tools that do not go through make.
DEFINES=(-D_GNU_SOURCE '-DCERTD_SYSCONFDIR="/etc"' '-DCERTD_LOCALSTATEDIR="/var"' '-DCERTD_RUNSTATEDIR="/run"'
	'-DCERTD_LIBEXECDIR="/usr/libexec/certd"')

top=$(cd "$(dirname "$0")/.." && pwd)
jobs=$(nproc 2>/dev/null || echo 2)
quick=
keep=
tiers=
declare -A running=() # the processes of what was begun, by name
for word in "$@"; do
	case $word in
	--quick) quick=yes ;;
	--keep) keep=yes ;;
	-h | --help)
		sed -n '2,/^set -u/{s/^# \{0,1\}//p}' "$0"
		exit 0
		;;
	*)
		case " $ALL_TIERS " in
		*" $word "*) tiers="$tiers $word" ;;
		*)
			echo "no tier $word; there are: $ALL_TIERS" >&2
			exit 2
			;;
		esac
		;;
	esac
done

work=$(mktemp -d "${TMPDIR:-/tmp}/certd-tests.XXXXXX") || exit 1
chmod 755 "$work" # some tests run certd as another user
source=$work/source
logs=$work/logs
mkdir -p "$logs"
passed=0
failed=0
skipped=0
: >"$work/skips"
: >"$work/failures"
trap 'end_running; [ -n "$keep" ] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

say() { printf '== %s\n' "$*"; }

pass() { passed=$((passed + 1)); }

fail() {
	failed=$((failed + 1))
	printf 'FAIL %s\n' "$*" | tee -a "$work/failures"
}

skip() {
	skipped=$((skipped + 1))
	printf 'SKIP %s\n' "$*" >>"$work/skips"
}

# log NAME COMMAND...: runs it with its output in a log; when it fails, shows the end of that.
log() {
	local name=$1
	shift
	if timeout -k 30 900 "$@" >"$logs/$name.log" 2>&1; then
		return 0
	fi
	printf -- '-- %s: the end of its output:\n' "$name"
	tail -n 60 "$logs/$name.log"
	return 1
}

# step NAME COMMAND...: one thing that passes or fails.
step() {
	if log "$@"; then
		pass
	else
		fail "$1"
		return 1
	fi
}

# begin NAME COMMAND...: the same, beside what comes next; finish NAME waits for it.
begin() {
	local name=$1
	shift
	log "$name" nice -n 19 "$@" >"$work/$name.end" &
	running[$name]=$!
}

finish() {
	if [ -n "${running[$1]-}" ] && wait "${running[$1]}"; then
		pass
	else
		cat "$work/$1.end" 2>/dev/null
		fail "$1"
	fi
	unset "running[$1]"
}

# What was begun and is not finished: timeout(1) passes the signal on to all that it started.
end_running() {
	local pid
	for pid in "${running[@]}"; do
		pkill -TERM -P "$pid" 2>/dev/null
	done
}

# tally TIER KIND PLACE: adds up what a tier's tests said; false when there was nothing to add up.
tally() {
	local tier=$1 counts numbers
	counts=$(python3 "$source/tests/tally.py" "$2" "$3") || {
		fail "$tier: its results cannot be read"
		return 1
	}
	numbers=$(printf '%s\n' "$counts" | tail -n 1)
	printf '%s\n' "$counts" | sed -n "s/^SKIP /SKIP $tier: /p" >>"$work/skips"
	printf '%s\n' "$counts" | sed -n "s/^FAIL /FAIL $tier: /p" | tee -a "$work/failures"
	# shellcheck disable=SC2086
	set -- $numbers
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
	say "$tier: $1 passed, $2 failed, $3 skipped"
	[ $(($1 + $2 + $3)) -gt 0 ] || {
		fail "$tier: no test ran"
		return 1
	}
	[ "$2" = 0 ]
}

# check TIER BUILD [ARGUMENT...]: make check there, its results added up.
check() {
	local tier=$1 build=$2 before=$failed
	shift 2
	if ! log "$tier-build" make -C "$build" -j"$jobs" "$@" ||
		! log "$tier-build" make -C "$build" -j"$jobs" check "$@" TESTS=; then
		fail "$tier: build"
		return 1
	fi
	if log "$tier-check" make -C "$build" -j"$jobs" check "$@"; then
		tally "$tier" check "$build"
	else
		tally "$tier" check "$build"
		[ "$failed" -gt "$before" ] || fail "$tier: make check failed"
		show_failed "$build"
		return 1
	fi
}

show_failed() {
	local result
	grep -lE '^:test-result: (FAIL|ERROR|XPASS)' -r --include='*.trs' "$1" | while IFS= read -r result; do
		printf -- '-- %s\n' "${result%.trs}"
		tail -n 60 "${result%.trs}.log"
	done
}

# build_of NAME [ARGUMENT...]: configures a build with -Werror, and says where it is in $build.
build_of() {
	local name=$1
	shift
	build=$work/$name
	mkdir -p "$build"
	if ! (cd "$build" && log "$name-configure" "$source/configure" -q --enable-werror "$@"); then
		fail "$name: configure"
		return 1
	fi
}

# --- what the machine needs ------------------------------------------------------------------------------------------

installed() { dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'; }

install_packages() {
	local package missing='' guard=
	for package in "$@"; do
		installed "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	say "installing:$missing"
	log apt-update apt-get update || say "apt-get update failed: going on with the lists that are there"
	# Services of what is installed for a test must not start.
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		guard=yes
		printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
		chmod 755 /usr/sbin/policy-rc.d
	fi
	# shellcheck disable=SC2086
	if ! log apt-install apt-get install -y --no-install-recommends $missing; then
		# One that cannot be had must not keep the others out.
		for package in $missing; do
			log "apt-install-$package" apt-get install -y --no-install-recommends "$package" ||
				say "cannot install $package"
		done
	fi
	[ -z "$guard" ] || rm -f /usr/sbin/policy-rc.d
}

# The ACME server of the tests. Debian's own release has an old one, the one of sid runs on Debian 12 and 13 as it is.
# It is taken from the mirror that the machine uses, with apt's state in our own folder: the machine's sources,
# preferences and lists stay as they are. A mirror that lags behind will do: its signature is checked all the same.
install_pebble() {
	local apt=$work/apt mirror version
	version=$(dpkg-query -W -f '${Version}' pebble 2>/dev/null)
	if [ -n "$version" ] && dpkg --compare-versions "$version" ge 2.8; then
		return 0
	fi
	# shellcheck disable=SC2016
	mirror=$(apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' 2>/dev/null |
		sed -n 's/^Debian main //p' | head -n 1)
	if [ -n "$mirror" ]; then
		mkdir -p "$apt/lists/partial" "$apt/preferences" "$apt/parts"
		printf 'deb [signed-by=%s] %s sid main\n' /usr/share/keyrings/debian-archive-keyring.gpg "$mirror" >"$apt/sources.list"
		printf 'Package: *\nPin: release a=unstable\nPin-Priority: -1\n\nPackage: pebble\nPin: release a=unstable\nPin-Priority: 990\n' \
			>"$apt/preferences/sid"
		set -- -o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=$apt/parts" \
			-o "Dir::Etc::PreferencesParts=$apt/preferences" -o "Dir::State::Lists=$apt/lists" \
			-o "Dir::Cache::pkgcache=$apt/pkgcache.bin" -o "Dir::Cache::srcpkgcache=$apt/srcpkgcache.bin" \
			-o APT::Sandbox::User=root \
			-o Acquire::Check-Valid-Until=false
		say "installing: pebble from sid"
		if log sid-update apt-get "$@" update &&
			log sid-install apt-get "$@" install -y --no-install-recommends pebble; then
			return 0
		fi
	fi
	say "sid is out of reach: taking the pebble of this release"
	install_packages pebble
}

prepare() {
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		# shellcheck disable=SC2086
		install_packages $PACKAGES
		if [ -z "$quick" ]; then
			# shellcheck disable=SC2086
			install_packages $SYSTEM_PACKAGES
			install_pebble
		fi
	fi
	mkdir -p "$source"
	if git -c safe.directory="$top" -C "$top" ls-files -z -co --exclude-standard >"$work/files" 2>/dev/null; then
		# A file that git knows may be gone from the disk.
		(cd "$top" && xargs -0 -r ls -d 2>/dev/null) <"$work/files" | tar -C "$top" -T - -cf - | tar -C "$source" -xf -
	else
		tar -C "$top" --exclude=.git -cf - . | tar -C "$source" -xf -
	fi
	# A tarball brings its configure.
	if [ ! -x "$source/configure" ] && ! (cd "$source" && log autoreconf autoreconf -fi); then
		fail "prepare: autoreconf"
		return 1
	fi
}

# --- the tiers -------------------------------------------------------------------------------------------------------

tier_units() {
	build_of units --enable-sanitizers=address,undefined && check units "$build"
}

# The build that is shipped, for the tiers that try it.
plain_build() {
	[ ! -x "$work/plain/certd" ] || return 0
	build_of plain || return 1
	if ! log plain-build make -C "$build" -j"$jobs"; then
		fail "plain: build"
		return 1
	fi
}

hardened() {
	local file=$1 pattern=$2 what=$3
	shift 3
	if readelf -W "$@" "$file" | grep -qE "$pattern"; then
		pass
	else
		fail "hardening: ${file##*/} has no $what"
	fi
}

tier_hardening() {
	plain_build || return
	hardened "$work/plain/certd" 'Type:[[:space:]]+DYN' 'PIE' -h
	hardened "$work/plain/certd" 'GNU_RELRO' 'RELRO' -l
	hardened "$work/plain/certd" 'BIND_NOW|FLAGS.*NOW' 'immediate binding' -d
	hardened "$work/plain/certd" 'GNU_STACK.* RW ' 'stack without execution' -l
	hardened "$work/plain/certd" '__stack_chk_fail' 'stack protector' -s
	if readelf -W -s "$work/plain/certd" | grep -qE '__[a-z]+_chk(@|$| )'; then
		pass
	else
		fail "hardening: certd has no fortified call"
	fi
	check hardening "$work/plain"
}

# The system tier waits more than it works: what it leaves of the machine goes to these, with the lowest priority.
begin_tidy() {
	command -v clang-tidy >/dev/null && plain_build || return 0
	find "$source/src" -name '*.c' >"$work/sources"
	begin tidy xargs -P "$jobs" -a "$work/sources" -I '{}' clang-tidy --quiet '{}' -- -std=gnu17 \
		-include "$work/plain/config.h" "-I$source/include" "${DEFINES[@]}"
}

begin_distcheck() {
	build_of dist || return 0
	begin distcheck make -C "$build" -j"$jobs" distcheck DISTCHECK_CONFIGURE_FLAGS=CFLAGS=-O0
}

tier_system() {
	if [ -n "$quick" ]; then
		skip "system: --quick"
		return
	fi
	if [ ! -d "$source/tests/system" ]; then
		skip "system: there is no tests/system"
		return
	fi
	if ! /usr/bin/python3 -c 'import pytest' 2>/dev/null; then
		skip "system: no pytest for /usr/bin/python3"
		return
	fi
	plain_build || return
	case " ${tiers:-$ALL_TIERS} " in *' tidy '*) begin_tidy ;; esac
	case " ${tiers:-$ALL_TIERS} " in *' distcheck '*) begin_distcheck ;; esac
	local status=0 before=$failed
	# Its tests wait more than they work: several of them at once where pytest can do that.
	set --
	! /usr/bin/python3 -c 'import xdist' 2>/dev/null || set -- -n "$((jobs * 3))" --dist loadgroup
	log system env CERTD="$work/plain/certd" /usr/bin/python3 -B -m pytest -p no:cacheprovider -q -ra "$@" \
		--rootdir="$source/tests/system" --junitxml="$work/system.xml" "$source/tests/system" || status=1
	tally system junit "$work/system.xml"
	if [ "$status" != 0 ] && [ "$failed" = "$before" ]; then
		fail "system: pytest failed"
	fi
}

tier_install() {
	local left
	plain_build || return
	step install make -C "$work/plain" install DESTDIR="$work/root" || return
	if "$work/root/usr/local/sbin/certd" --version >/dev/null; then
		pass
	else
		fail "install: the installed certd does not start"
	fi
	step uninstall make -C "$work/plain" uninstall DESTDIR="$work/root" || return
	left=$(find "$work/root" ! -type d)
	if [ -z "$left" ]; then
		pass
	else
		fail "uninstall: leaves behind" "$left"
	fi
}

tier_distcheck() {
	[ -n "${running[distcheck]-}" ] || begin_distcheck
	finish distcheck
}

tier_clang() {
	local engine=
	if ! command -v clang >/dev/null; then
		skip "clang: no clang"
		return
	fi
	echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 9; }' >"$work/fuzzer.c"
	if clang -fsanitize=fuzzer,address -o "$work/fuzzer" "$work/fuzzer.c" >"$logs/fuzzer.log" 2>&1; then
		engine=--enable-fuzzers
	else
		skip "clang: no libFuzzer: the fuzz targets run over their corpus without it"
	fi
	build_of clang CC=clang --enable-sanitizers=address,undefined ${engine:+"$engine"} && check clang "$build"
}

tier_valgrind() {
	# GCC 12's analyzer does not see what a cleanup function frees or closes: leaks are valgrind's and LeakSanitizer's.
	build_of valgrind --disable-hardening CFLAGS='-g -O1' || return
	step analyzer make -C "$build" -k -j"$jobs" certd libcertd.a \
		CFLAGS='-g -O1 -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-file-leak'
	if ! command -v valgrind >/dev/null; then
		skip "valgrind: no valgrind"
		return
	fi
	# Lint has nothing to run under valgrind, and the scenarios' months of virtual time take too long there.
	# shellcheck disable=SC2016
	CERTD_TEST_TOOL="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
		--child-silent-after-fork=yes --trace-children=no" \
		check valgrind "$build" CFLAGS='-g -O1' TESTS='$(filter tests/unit/%,$(check_PROGRAMS))'
}

tier_tidy() {
	if ! command -v clang-tidy >/dev/null; then
		skip "tidy: no clang-tidy"
		return
	fi
	[ -n "${running[tidy]-}" ] || begin_tidy
	finish tidy
}

tier_cppcheck() {
	if ! command -v cppcheck >/dev/null; then
		skip "cppcheck: no cppcheck"
		return
	fi
	plain_build || return
	# Suppressed: what is about headers that cppcheck is not given, and leaks: it does not know the cleanup attribute.
	step cppcheck cppcheck -q -j"$jobs" --std=c11 --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 --suppress=missingInclude --suppress=missingIncludeSystem --suppress=unmatchedSuppression \
		--suppress=memleak --suppress=resourceLeak \
		--include="$work/plain/config.h" -I "$source/include" "${DEFINES[@]}" "$source/src"
}

if prepare; then
	for tier in ${tiers:-$ALL_TIERS}; do
		say "$tier"
		began=$SECONDS
		"tier_$tier"
		say "$tier took $((SECONDS - began)) s"
	done
fi

say "all of it took $SECONDS s"
if [ -n "$keep" ]; then
	say "builds and logs are in $work"
fi
cat "$work/failures" "$work/skips"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
