/* test_config_build.c: texts in, a configuration or all errors with their lines out. */
#include "config/build.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "config/config.h"
#include "config/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CERT "certificate \"a.example\" { names = { \"a.example\" } "

static void collect(void *self, const char *text)
{
	struct buf *lines = self;

	buf_append_text(lines, text);
	buf_append_char(lines, '\n');
}

/* Errors into lines; the configuration or NULL. */
static struct config *build(const char *const *texts, size_t count, struct buf *lines, struct error *err)
{
	static const char *const paths[] = { "/etc/certd/certd.conf", "/etc/certd/conf.d/a.conf",
		                             "/etc/certd/conf.d/b.conf" };
	struct config_report report = { collect, lines };
	struct config_problems problems = { .report = &report, .err = err };
	struct config_file files[3];
	struct config_input input = { .main_file = paths[0], .files = files, .count = count };
	struct config *config = NULL;

	for (size_t i = 0; i < count; i++)
		files[i] = (struct config_file){ paths[i], texts[i], strlen(texts[i]) };
	if (config_build(&input, &problems, &config) < 0) {
		assert_null(config);
		assert_true(problems.count > 0);
		assert_string_not_equal(err->message, "");
		return NULL;
	}
	assert_int_equal(problems.count, 0);
	return config;
}

static struct config *build_one(const char *text)
{
	CLEANUP(buf_done) struct buf lines = BUF(65536);
	struct error err;
	struct config *config = build(&text, 1, &lines, &err);

	if (config == NULL)
		fail_msg("refused: %s\n%s", text, buf_text(&lines));
	return config;
}

static void expect(const char *text, const char *errors)
{
	CLEANUP(buf_done) struct buf lines = BUF(65536);
	CLEANUP(buf_done) struct buf wanted = BUF(65536);
	struct error err;
	struct config *config = build(&text, 1, &lines, &err);
	const char *line = errors;

	if (config != NULL) {
		config_free(config);
		fail_msg("accepted: %s", text);
	}
	assert_int_equal(err.kind, ERROR_USAGE);
	/* Each line of `errors` begins a line of what is told. */
	const char *told = buf_text(&lines);

	while (*line != '\0') {
		size_t len = strcspn(line, "\n");

		buf_reset(&wanted);
		buf_printf(&wanted, "/etc/certd/certd.conf:%.*s", (int)len, line);
		if (strncmp(told, buf_text(&wanted), wanted.len) != 0)
			fail_msg("for: %s\nwanted: %s\ntold:   %s", text, buf_text(&wanted), told);
		told += strcspn(told, "\n") + 1;
		line += len + (line[len] == '\n');
	}
	if (*told != '\0')
		fail_msg("for: %s\nalso told: %s", text, told);
}

static void test_nothing_said_is_all_default(void **state)
{
	struct config *c = build_one("");

	(void)state;
	assert_string_equal(c->file, "/etc/certd/certd.conf");
	assert_string_equal(c->conf_dir, "/etc/certd/conf.d");
	assert_string_equal(c->state_dir, CERTD_LOCALSTATEDIR "/lib/certd");
	assert_string_equal(c->runtime_dir, CERTD_RUNSTATEDIR "/certd");
	assert_string_equal(c->hooks_dir, CERTD_SYSCONFDIR "/certd/hooks.d");
	assert_string_equal(c->nginx_snippet_dir, CERTD_SYSCONFDIR "/nginx/snippets");
	assert_string_equal(c->net_user, "certd");
	assert_int_equal(c->keep_generations, 5);
	assert_int_equal(c->timeouts.connect_ms, 15000);
	assert_int_equal(c->timeouts.idle_ms, 30000);
	assert_int_equal(c->timeouts.request_ms, 60000);
	assert_int_equal(c->timeouts.retry_after_max_ms, 300000);
	assert_int_equal(c->timeouts.attempt_ms, 600000);
	assert_int_equal(c->timeouts.hook_ms, 300000);
	assert_int_equal(c->timeouts.deploy_ms, 10000);
	assert_string_equal(c->nginx.binary, "/usr/sbin/nginx");
	assert_null(c->nginx.config);
	assert_null(c->nginx.prefix);
	assert_string_equal(c->nginx.hook, CERTD_LIBEXECDIR "/hooks/nginx");
	assert_string_equal(c->defaults.ca->name, "letsencrypt");
	assert_string_equal(c->defaults.ca->directory, "https://acme-v02.api.letsencrypt.org/directory");
	assert_null(c->defaults.ca->ca_bundle);
	assert_null(c->defaults.ca->eab_kid);
	assert_null(c->defaults.email);
	assert_false(c->defaults.agree_tos);
	assert_int_equal(c->defaults.keys.types[0], KEY_ECDSA_P256);
	assert_null(c->defaults.profile);
	assert_false(c->defaults.require_profile);
	assert_false(c->defaults.reuse_key);
	assert_string_equal(c->defaults.challenge, "http-01");
	assert_string_equal(c->defaults.webroot, CERTD_LOCALSTATEDIR "/lib/certd/webroot");
	assert_null(c->defaults.resolver);
	assert_int_equal(c->defaults.deploy, CONFIG_DEPLOY_NGINX);
	assert_int_equal(c->defaults.serve.count, 0);
	assert_int_equal(c->defaults.https_port, 443);
	assert_int_equal(c->defaults.http_port, 80);
	assert_true(c->defaults.preflight);
	assert_null(c->defaults.key_owner.name);
	assert_null(c->defaults.key_group.name);
	assert_int_equal(c->defaults.key_mode, 0);
	assert_int_equal(c->certificates_count, 0);
	assert_null(config_find(c, "a.example"));
	config_free(c);
}

static void test_everything_can_be_said(void **state)
{
	struct config *c = build_one(
		"# a comment with \"quotes' and {\n"
		"state-dir = /srv//certd/./state/ // another\n"
		"runtime-dir = '/srv/certd/run' /* and\n a third */\n"
		"hooks-dir = /srv/h\nnginx-snippet-dir = /srv/s\nnet-user = _net\nkeep-generations = 100\n"
		"connect-timeout = 1\nidle-timeout = 2s\nrequest-timeout = \"1min\"\nretry-after-max = 1h\n"
		"attempt-timeout = 1d\nhook-timeout = 1min deploy-timeout = 5s\n"
		"email = \"admin@example.com\"\nagree-tos = yes\nca = test\nkey = rsa-2048\nprofile = short.lived_1\n"
		"challenge = http-01\nresolver = 127.0.0.1@5353\ndeploy = none\nserve-address = { ::1, 127.0.0.1 }\nhttps-port = 65535\n"
		"http-port = 1\npreflight = off\nkey-owner = root\nkey-group = 4711\nkey-mode = 440\ncert-mode = 0444\n"
		"ca \"test\" {\n\tdirectory = https://ca.example:14000/dir\n\tca-bundle = /srv/ca.pem\n"
		"\teab-kid = kid-1\n\teab-hmac-file = /nonexistent/hmac\n}\n"
		"nginx { binary = /opt/nginx config = /srv/nginx.conf prefix = /srv hook = /srv/hook }\n"
		"certificate \"www.example\" {\n\tnames = { # first\n\"www.example\", 'B\xc3\xbc"
		"cher.example', 192.0.2.1,\n\t2001:db8::1 }\n"
		"\tnames += WWW2.example.\n\tkey = ecdsa-p384\n\temail = \"\"\n\tpreflight = true\n\tkey-owner = \"\"\n\tkey-mode = \"\"\n}\n"
		"certificate alone.example { names = { alone.example, } serve-address = 192.0.2.1 }\n");
	const struct config_certificate *one;

	(void)state;
	assert_string_equal(c->state_dir, "/srv/certd/state");
	assert_string_equal(c->defaults.webroot, "/srv/certd/state/webroot");
	assert_string_equal(c->runtime_dir, "/srv/certd/run");
	assert_string_equal(c->net_user, "_net");
	assert_int_equal(c->keep_generations, 100);
	assert_int_equal(c->timeouts.connect_ms, 1000);
	assert_int_equal(c->timeouts.request_ms, 60000);
	assert_int_equal(c->timeouts.attempt_ms, 86400000);
	assert_int_equal(c->timeouts.deploy_ms, 5000);
	assert_string_equal(c->defaults.email, "admin@example.com");
	assert_true(c->defaults.agree_tos);
	assert_string_equal(c->defaults.ca->name, "test");
	assert_string_equal(c->defaults.ca->directory, "https://ca.example:14000/dir");
	assert_string_equal(c->defaults.ca->ca_bundle, "/srv/ca.pem");
	assert_string_equal(c->defaults.ca->eab_kid, "kid-1");
	assert_string_equal(c->defaults.ca->eab_hmac_file, "/nonexistent/hmac");
	assert_int_equal(c->defaults.keys.types[0], KEY_RSA_2048);
	assert_string_equal(c->defaults.profile, "short.lived_1");
	assert_string_equal(c->defaults.resolver, "127.0.0.1@5353");
	assert_int_equal(c->defaults.deploy, CONFIG_DEPLOY_NONE);
	assert_int_equal(c->defaults.serve.count, 2);
	assert_string_equal(c->defaults.serve.items[0], "::1");
	assert_string_equal(c->defaults.serve.items[1], "127.0.0.1");
	assert_int_equal(c->defaults.https_port, 65535);
	assert_int_equal(c->defaults.http_port, 1);
	assert_false(c->defaults.preflight);
	assert_string_equal(c->defaults.key_owner.name, "root");
	assert_int_equal(c->defaults.key_owner.id, 0);
	assert_int_equal(c->defaults.key_group.id, 4711);
	assert_int_equal(c->defaults.key_mode, 0440);
	assert_int_equal(c->defaults.cert_mode, 0444);
	assert_string_equal(c->nginx.binary, "/opt/nginx");
	assert_string_equal(c->nginx.config, "/srv/nginx.conf");
	assert_string_equal(c->nginx.prefix, "/srv");
	assert_string_equal(c->nginx.hook, "/srv/hook");
	assert_int_equal(c->certificates_count, 2);
	one = c->certificates[0];
	assert_string_equal(one->name, "www.example");
	assert_string_equal(one->file, "/etc/certd/certd.conf");
	assert_int_equal(one->line, 38);
	assert_int_equal(one->names.count, 5);
	assert_string_equal(one->names.items[1].value, "xn--bcher-kva.example");
	assert_int_equal(one->names.items[2].type, IDENT_IP);
	assert_string_equal(one->names.items[3].value, "2001:db8::1");
	assert_string_equal(one->names.items[4].value, "www2.example");
	assert_int_equal(one->settings.keys.types[0], KEY_ECDSA_P384);
	assert_null(one->settings.email);
	assert_true(one->settings.preflight);
	assert_ptr_equal(one->settings.ca, c->defaults.ca);
	assert_ptr_equal(config_find(c, "alone.example"), c->certificates[1]);
	config_free(c);
}

static void test_every_error_has_its_line(void **state)
{
	(void)state;
	/* Names that there are not, and what stands in the wrong place: all of them, and the values beside them. */
	expect("stat-dir = /x\nemail = x@\n\ncertificate \"a.example\" {\n\tnames = { \"a.example\" }\n\tchalange = x\n"
	       "\tstate-dir = /x\n\tkey = rsa2048\n}\nnames = { a }\nbinary = /x\nzzzzzzz { a = { 1 } b { } }\n"
	       "https-port = 0\nkey { }\ncertificate = x\n",
	       "1: there is no directive \"stat-dir\"; did you mean \"state-dir\"?\n"
	       "6: there is no directive \"chalange\"; did you mean \"challenge\"?\n"
	       "7: state-dir stands outside of all blocks\n"
	       "10: names stands in a certificate block\n"
	       "11: binary stands in a nginx block\n"
	       "12: there is no directive \"zzzzzzz\"\n"
	       "14: key is no block: key = VALUE\n"
	       "15: certificate is a block: certificate \"NAME\" { ... }\n"
	       "2: email \"x@\": an address has one @\n"
	       "13: https-port \"0\": a port is a number\n"
	       "8: key \"rsa2048\": there is no such key; did you mean \"rsa-2048\"?\n");
	/* Syntax. */
	expect("email \"a@b.example\"\nkey\nprofile = x\nwebroot = /\n}\n",
	       "1: '=' is missing behind \"email\"\n2: '=' is missing behind \"key\"\n5: a '}' that closes nothing\n");
	expect("\n\nemail = \"a@b.example\nkey = rsa-2048\n", "3: this string is not closed before the end of its line");
	expect("email = 'a@b.example\n", "1: this string is not closed");
	expect("\n/* never\nended\n", "2: this comment has no end");
	expect("\ncertificate \"a\" {\nnames = { a.example }\n", "2: the block that begins here is not closed");
	expect("certificate \"a\" {\nnames = { a.example\nkey = rsa-2048 }\n", "2: the list that begins here is not closed");
	expect("certificate \"a\" {\nnames = { a.example }\ncertificate \"b\" { names = { b.example } }\n",
	       "3: a block in a block\n1: the block that begins here is not closed");
	expect("certificate { names = { a.example } }\nnginx \"x\" { }\nemail += x@y.example\nprofile = { x }",
	       "1: this certificate block has no name: certificate \"NAME\" { ... }\n"
	       "2: the nginx block has no name: nginx { ... }\n"
	       "3: email has one value, not a list\n4: profile has one value, not a list\n");
	expect("email = \n", "1: email has no value");
	expect("\"email\" = x\n", "1: a directive is expected here, and not \"email\"");
	expect("= x", "1: a directive is expected here, and not '='");
	expect("email", "1: '=' is missing behind \"email\"");
	expect("include(\"/etc/x\")", "1: a value with '(' in it goes into quotes");
	expect("email = a+b@c.example", "1: a value with '+' in it goes into quotes");
	expect("email = \"a\\x00b\"", "1: a NUL in a string");
	expect("email = \"a\\0b\"", "1: a NUL in a string");
	expect("email = \"a\\400\"", "1: invalid octal number");
	expect("email = a\001b", "1: a control character (0x01)");
	expect(CERT "names = { b.example } }", "1: names is said in line 1 already");
	expect("key = rsa-2048\nkey = rsa-3072", "2: key is said in line 1 already");
	expect("c { directory = https://x.example/ }\nnginx|binary = x", "1: there is no directive \"c\"\n"
	                                                                   "2: there is no directive \"nginx|binary\"");
}

static void test_no_wildcard_loses_its_star(void **state)
{
	(void)state;
	expect("certificate \"a\" {\nnames = { *.a.example }\n}", "2: a value with '*' in it goes into quotes");
	expect("certificate \"a\" {\nnames = { \"*.a.example\" }\n}",
	       "2: names: *.a.example: a wildcard cannot be proven by http-01");
}

static void test_values(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} rows[] = {
		{ "state-dir = certd", "1: state-dir \"certd\": a path is absolute" },
		{ "state-dir = \"\"", "1: state-dir \"\": a path is absolute" },
		{ "state-dir = /", "1: state-dir \"/\": this is the root" },
		{ "state-dir = \"//./\"", "1: state-dir \"//./\": this is the root" },
		{ "state-dir = /var/../..", "1: state-dir \"/var/../..\": a path without \"..\"" },
		{ "webroot = '/srv/$host'", "1: webroot \"/srv/$host\": NGINX cannot be told" },
		{ "webroot = \"/a\\nb\"", "1: webroot \"/a?b\": a control character" },
		{ "https-port = 65536", "1: https-port \"65536\": a port is" },
		{ "https-port = -1", "1: https-port \"-1\": a port is" },
		{ "https-port = 99999999999999999999", "1: https-port \"99999999999999999999\": a port is" },
		{ "https-port = \"443 \"", "1: https-port \"443 \": a port is" },
		{ "https-port = 0x1bb", "1: https-port \"0x1bb\": a port is" },
		{ "keep-generations = 0", "1: keep-generations \"0\": a number from 1 to 100" },
		{ "keep-generations = 102%", "1: keep-generations \"102%\": a number from 1 to 100" },
		{ "attempt-timeout = 0", "1: attempt-timeout \"0\": a time from 1s to 24h" },
		{ "attempt-timeout = -5s", "1: attempt-timeout \"-5s\": a time" },
		{ "attempt-timeout = 5weeks", "1: attempt-timeout \"5weeks\": a time" },
		{ "attempt-timeout = 99999999999999999999d", "1: attempt-timeout" },
		{ "idle-timeout = 2h", "1: idle-timeout \"2h\": a time from 1s to 1h" },
		{ "agree-tos = maybe", "1: agree-tos \"maybe\": there is no such agree-tos; there is: true, false" },
		{ "key = ed25519", "1: key \"ed25519\": there is no such key; there is: ecdsa-p256, ecdsa-p384, rsa-2048" },
		{ "challenge = http01", "1: challenge \"http01\": there is no such challenge; did you mean \"http-01\"?" },
		{ "challenge = dns-01", "1: challenge \"dns-01\": this version of certd" },
		{ "deploy = nginz", "1: deploy \"nginz\": there is no such deploy; did you mean \"nginx\"?" },
		{ "serve-address = localhost", "1: serve-address \"localhost\": an IP address is needed" },
		{ "serve-address = { ::1,\n127.1 }", "2: serve-address \"127.1\": an IP address is needed" },
		{ "serve-address = { 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5 }",
		  "1: serve-address \"192.0.2.5\": more than 4 addresses" },
		{ "serve-address = { }", "1: serve-address is an empty list" },
		{ "key = { }", "1: key is an empty list" },
		{ "key = { ecdsa-p256,\nrsa-1024 }", "2: key \"rsa-1024\": there is no such key; did you mean \"rsa-" },
		{ "key = { rsa-2048, rsa-2048 }", "1: key \"rsa-2048\": it is named twice" },
		{ "key = { ecdsa-p384, rsa-2048, ecdsa-p256 }",
		  "1: key \"ecdsa-p256\": beside ecdsa-p384 there is room for a key of the other kind only" },
		{ "key = { rsa-2048, \"\" }", "1: key \"\": there is no such key" },
		{ "serve-address = ::1\nserve-address = ::2", "2: serve-address is said in line 1 already" },
		{ "resolver = ns.example", "1: resolver \"ns.example\": ADDRESS or ADDRESS@PORT" },
		{ "resolver = 127.0.0.1@", "1: resolver \"127.0.0.1@\": the port" },
		{ "resolver = 127.0.0.1:53", "1: resolver \"127.0.0.1:53\": ADDRESS" },
		{ "resolver = ::1@0", "1: resolver \"::1@0\": the port" },
		{ "key-owner = nobody-of-that-name", "1: key-owner \"nobody-of-that-name\": this machine has no such user" },
		{ "\nkey-group = nobody-of-that-name", "2: key-group \"nobody-of-that-name\": this machine has no such group" },
		{ "key-group = \"a b\"", "1: key-group \"a b\": a group's name" },
		{ "key-mode = 0644", "1: key-mode \"0644\": a key is for its owner and for its group, never for everybody" },
		{ "key-mode = 0660", "1: key-mode \"0660\": the owner must be able to read, and only that can be granted" },
		{ "key-mode = 0040", "1: key-mode \"0040\": the owner must be able to read" },
		{ "key-mode = 640x", "1: key-mode \"640x\": a mode is three or four octal digits" },
		{ "key-mode = 86", "1: key-mode \"86\": a mode is" },
		{ "cert-mode = 0755", "1: cert-mode \"0755\": the owner must be able to read, and only that" },
		{ "net-user = -x", "1: net-user \"-x\": a user's name" },
		{ "profile = \"a b\"", "1: profile \"a b\": up to 255" },
		{ "email = \"a b@c.example\"", "1: email" },
		{ "email = a@b@c", "1: email" },
		{ "email = @b", "1: email" },
		{ "email = mailto:a@b.example", "1: email \"mailto:a@b.example\": the address alone" },
		{ "email = \"a@b.example?cc=x\"", "1: email" },
		{ "email = \"a@b.example,c@d.example\"", "1: email" },
		{ "ca = letsencript", "1: ca \"letsencript\": there is no such CA; did you mean \"letsencrypt\"?" },
		{ "ca = nobody", "1: ca \"nobody\": there is no such CA" },
		{ "ca = http://ca.example/dir", "1: ca" },
		{ "ca = \"https://u:p@ca.example/dir\"", "1: ca" },
		{ "ca = \"https://ca.example:0/dir\"", "1: ca" },
		{ "ca \"x\" { directory = ftp://x/ }\n", "1: directory" },
		{ "ca \"x\" { directory = x }\nca = https://x.example/dir\n", "1: directory" },
		{ "ca \"x\" { }\n", "1: ca \"x\": its directory is missing" },
		{ "ca \"X\" { directory = https://x.example/ }\n", "1: ca \"X\": a CA's name is made of" },
		{ "ca \"x\" { directory = https://x.example/\neab-kid = a }\n", "2: eab-kid: eab-kid and eab-hmac-file go together" },
		{ "eab-hmac-file = /x", "1: eab-hmac-file: eab-kid and eab-hmac-file go together" },
		{ "eab-kid = k\neab-hmac-file = \"credential:../x\"", "2: eab-hmac-file \"credential:../x\": a credential's name is made of" },
		{ "eab-kid = k\neab-hmac-file = credential:", "2: eab-hmac-file \"credential:\": a credential's name is made of" },
		{ "eab-kid = k\neab-hmac-file = /dev/null", "2: eab-hmac-file /dev/null: its mode" },
		{ "email = \"${CERTD_TEST_UNSET}\"", "1: the environment variable CERTD_TEST_UNSET is not set" },
		{ "email = \"${}\"", "1: \"${\" begins an environment variable" },
		{ "email = \"${A", "1: \"${\" begins an environment variable" },
		{ "email = \"a$ {b}${C:-d\"", "1: \"${\" begins an environment variable" },
		{ "email = ${HOME}", "1: a value with '$' in it goes into quotes" },
		{ "certificate \"../x\" { names = { a.example } }", "1: " },
		{ "certificate \"\" { names = { a.example } }", "1: " },
		{ "certificate \"a\" { }", "1: certificate \"a\": its names are missing" },
		{ "certificate \"a\" { names = { } }", "1: certificate \"a\": its names are missing" },
		{ CERT "names += a.EXAMPLE }", "1: names: " },
		{ CERT "names += a..example }", "1: names: " },
		{ CERT "names += \" b.example\" }", "1: names: " },
		{ CERT "names += { ;rm } }", "1: names: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(rows[i].text, rows[i].error);
}

static void test_a_hundred_names_and_no_more(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF(65536);
	struct config *c;

	(void)state;
	buf_append_text(&text, "certificate \"many\" {\nnames = {");
	for (int i = 0; i < 100; i++)
		buf_printf(&text, "%s n%d.example", i > 0 ? ",\n" : "\n", i);
	buf_append_text(&text, " }\n}\n");
	c = build_one(buf_text(&text));
	assert_int_equal(c->certificates[0]->names.count, 100);
	config_free(c);
	text.len -= strlen(" }\n}\n");
	buf_append_text(&text, ",\nx.example, y.example, z.example }\n}\n");
	expect(buf_text(&text), "103: names: ");
}

/* Each name with its directory, as certd.conf(5) has them; and all differ. */
static void test_the_manual_knows_the_cas(void **state)
{
	CLEANUP(buf_done) struct buf manual = BUF(1 << 20);
	const char *srcdir = getenv("srcdir");
	size_t count;
	const struct config_ca *cas = config_builtin_cas(&count);
	char path[512], item[512];
	FILE *file;
	int c;

	(void)state;
	snprintf(path, sizeof(path), "%s/packaging/man/certd.conf.5.in", srcdir != NULL ? srcdir : ".");
	file = fopen(path, "re");
	assert_non_null(file);
	while ((c = fgetc(file)) != EOF) {
		if (c != '\\')
			buf_append_char(&manual, (char)c);
	}
	fclose(file);
	for (size_t i = 0; i < count; i++) {
		snprintf(item, sizeof(item), ".It Cm %s\n%s\n", cas[i].name, cas[i].directory);
		if (strstr(buf_text(&manual), item) == NULL)
			fail_msg("certd.conf(5) lacks %s", item);
		assert_int_equal(strncmp(cas[i].directory, "https://", 8), 0);
		for (size_t k = 0; k < i; k++)
			assert_true(strcmp(cas[i].name, cas[k].name) != 0 && strcmp(cas[i].directory, cas[k].directory) != 0);
	}
}

static void test_several_cas(void **state)
{
	struct config *c = build_one("ca = { zerossl, letsencrypt }\n"
	                             "ca \"zerossl\" { eab-kid = z eab-hmac-file = /nonexistent/z }\n"
	                             "certificate \"all\" { names = { all.example } ca-bundle = /b.pem }\n"
	                             "certificate \"own\" { names = { own.example } ca = { letsencrypt,\n google, https://x.example/dir } }\n"
	                             "certificate \"one\" { names = { one.example } ca = google eab-kid = g eab-hmac-file = /nonexistent/g }\n");
	const struct config_settings *settings = &config_find(c, "all")->settings;

	(void)state;
	assert_int_equal(c->defaults.cas_count, 2);
	assert_int_equal(settings->cas_count, 2);
	assert_ptr_equal(settings->ca, settings->cas[0]);
	assert_string_equal(settings->cas[0]->name, "zerossl");
	assert_string_equal(settings->cas[0]->eab_kid, "z");
	assert_true(settings->cas[0]->eab_needed);
	assert_string_equal(settings->cas[1]->name, "letsencrypt");
	assert_null(settings->cas[1]->eab_kid);
	assert_false(settings->cas[1]->eab_needed);
	assert_string_equal(settings->cas[1]->ca_bundle, "/b.pem");
	assert_ptr_equal(config_settings_ca(settings, settings->cas[1]->directory), settings->cas[1]);
	assert_null(config_settings_ca(settings, ""));
	settings = &config_find(c, "own")->settings;
	assert_int_equal(settings->cas_count, 3);
	assert_string_equal(settings->ca->name, "letsencrypt");
	assert_string_equal(settings->cas[1]->name, "google");
	assert_string_equal(settings->cas[2]->directory, "https://x.example/dir");
	settings = &config_find(c, "one")->settings;
	assert_int_equal(settings->cas_count, 1);
	assert_string_equal(settings->ca->eab_kid, "g");
	config_free(c);
}

static void test_several_cas_that_cannot_be(void **state)
{
	(void)state;
	expect("ca = { letsencrypt, zerosll }\n", "1: ca \"zerosll\": there is no such CA; did you mean");
	expect("ca = { letsencrypt,\nletsencrypt }\n", "2: ca \"letsencrypt\" stands there twice");
	expect("ca = letsencrypt\nca = zerossl\n", "2: ca is said in line 1 already");
	expect("ca = { letsencrypt, zerossl }\neab-kid = a\neab-hmac-file = /nonexistent/a\n",
	       "2: eab-kid: there are 2 CAs, and each has its own");
	expect("ca = { letsencrypt, zerossl }\ncertificate \"a\" { names = { a.example }\neab-kid = a eab-hmac-file = /nonexistent/a }\n",
	       "3: eab-kid: there are 2 CAs");
	expect("ca = {\nzerossl, letsencrypt-staging }\n",
	       "2: ca: letsencrypt-staging issues certificates that no browser trusts: it cannot stand in for zerossl");
	expect("ca = { google, zerossl, letsencrypt, actalis, sslcom-rsa, sslcom-ecc, sectigo, https://x.example/, https://y.example/ }\n",
	       "1: ca: more than 8 are too many");
}

static void test_the_nearest_word_on_a_ca_counts(void **state)
{
	struct config *c = build_one(
		"ca = zerossl\neab-kid = all\neab-hmac-file = /nonexistent/all\nca-bundle = /all.pem\n"
		"ca \"own\" { directory = https://own.example/dir ca-bundle = /own.pem }\n"
		"ca \"google\" { eab-kid = g eab-hmac-file = /nonexistent/g }\n"
		"certificate \"plain\" { names = { plain.example } }\n"
		"certificate \"le\" { names = { le.example } ca = letsencrypt }\n"
		"certificate \"own\" { names = { own.example } ca = own }\n"
		"certificate \"g\" { names = { g.example } ca = google ca-bundle = \"\" }\n"
		"certificate \"e\" { names = { e.example } eab-kid = mine eab-hmac-file = credential:mine ca-bundle = /my.pem }\n"
		"certificate \"url\" { names = { u.example } ca = https://own.example/dir }\n"
		"certificate \"url2\" { names = { u2.example } ca = https://localhost:14000/dir }\n");
	const struct config_ca *ca;

	(void)state;
	ca = config_find(c, "plain")->settings.ca;
	assert_string_equal(ca->name, "zerossl");
	assert_string_equal(ca->eab_kid, "all");
	assert_string_equal(ca->eab_hmac_file, "/nonexistent/all");
	assert_string_equal(ca->ca_bundle, "/all.pem");
	ca = config_find(c, "le")->settings.ca;
	assert_string_equal(ca->name, "letsencrypt");
	assert_null(ca->eab_kid);
	assert_null(ca->eab_hmac_file);
	assert_string_equal(ca->ca_bundle, "/all.pem");
	ca = config_find(c, "own")->settings.ca;
	assert_string_equal(ca->ca_bundle, "/own.pem");
	assert_null(ca->eab_kid);
	ca = config_find(c, "g")->settings.ca;
	assert_string_equal(ca->directory, "https://dv.acme-v02.api.pki.goog/directory");
	assert_string_equal(ca->eab_kid, "g");
	assert_null(ca->ca_bundle);
	ca = config_find(c, "e")->settings.ca;
	assert_string_equal(ca->name, "zerossl");
	assert_string_equal(ca->eab_kid, "mine");
	assert_string_equal(ca->eab_hmac_file, "credential:mine");
	assert_string_equal(ca->ca_bundle, "/my.pem");
	ca = config_find(c, "url")->settings.ca;
	assert_string_equal(ca->name, "own");
	ca = config_find(c, "url2")->settings.ca;
	assert_string_equal(ca->name, "localhost:14000");
	assert_string_equal(ca->directory, "https://localhost:14000/dir");
	config_free(c);
}

static void assert_limit(const struct config_limit *limit, unsigned int max, int64_t window_s)
{
	assert_int_equal(limit->max, max);
	assert_int_equal(limit->window_s, window_s);
}

/* What is known of a CA holds by whatever name its directory goes; what the block says counts. */
static void test_the_limits_of_a_ca(void **state)
{
	CLEANUP(config_cleanup) struct config *config = build_one(
		"ca \"le\" { directory = \"https://acme-v02.api.letsencrypt.org/directory\" }\n"
		"ca \"letsencrypt\" { orders-per-account = \"30/90min\" certificates-per-names = \"none\" }\n"
		"ca \"own\" { directory = \"https://ca.example/d\" failures-per-name = \"7/1d\" renewals-exempt = true }\n");
	const struct config_ca *ca = config_ca_find(config, "le");

	(void)state;
	assert_limit(&ca->orders_per_account, 300, 3 * 3600);
	assert_limit(&ca->certificates_per_names, 5, 7 * 86400);
	assert_limit(&ca->failures_per_name, 5, 3600);
	assert_true(ca->renewals_exempt);
	ca = config_ca_find(config, "letsencrypt");
	assert_limit(&ca->orders_per_account, 30, 90 * 60);
	assert_int_equal(ca->certificates_per_names.max, 0);
	assert_limit(&ca->failures_per_name, 5, 3600);
	ca = config_ca_find(config, "own");
	assert_int_equal(ca->orders_per_account.max, 0);
	assert_limit(&ca->certificates_per_names, 100, 86400);
	assert_limit(&ca->failures_per_name, 7, 86400);
	assert_true(ca->renewals_exempt);
	assert_limit(&config_ca_find(config, "zerossl")->certificates_per_names, 100, 86400);
	for (size_t i = 0; i < 7; i++) {
		static const char *const bad[] = { "0/1h", "300", "300/", "/3h", "-1/3h", "20001/3h", "3/32d" };
		char text[200];

		snprintf(text, sizeof(text), "ca \"letsencrypt\" { orders-per-account = \"%s\" }", bad[i]);
		expect(text, "1: orders-per-account");
	}
}

static void test_both_places_of_a_duplicate(void **state)
{
	static const char *const texts[] = {
		"email = a@b.example\nca \"x\" { directory = https://x.example/ }\n" CERT "}\n",
		"nginx { hook = /a }\n\nemail = c@d.example\n",
		"nginx { hook = /b }\nca \"x\" { directory = https://y.example/ }\n\n" CERT "}\n" CERT "}\n",
	};
	CLEANUP(buf_done) struct buf lines = BUF(65536);
	struct error err;

	(void)state;
	assert_null(build(texts, 3, &lines, &err));
	assert_string_equal(
		buf_text(&lines),
		"/etc/certd/conf.d/a.conf:3: email is said in /etc/certd/certd.conf:1 already\n"
		"/etc/certd/conf.d/b.conf:1: hook is said in /etc/certd/conf.d/a.conf:1 already\n"
		"/etc/certd/conf.d/b.conf:2: ca \"x\" is described in /etc/certd/certd.conf:2 already\n"
		"/etc/certd/conf.d/b.conf:4: certificate \"a.example\" is described in /etc/certd/certd.conf:3 already\n"
		"/etc/certd/conf.d/b.conf:5: certificate \"a.example\" is described in /etc/certd/conf.d/b.conf:4 already\n");
	assert_string_equal(err.message,
	                    "/etc/certd/conf.d/a.conf:3: email is said in /etc/certd/certd.conf:1 already");
}

static void test_a_broken_file_hides_no_other(void **state)
{
	static const char *const texts[] = { "key = rsa-1\n", "email =\n}", "challenge = x" };
	CLEANUP(buf_done) struct buf lines = BUF(65536);
	struct error err;

	(void)state;
	assert_null(build(texts, 3, &lines, &err));
	assert_non_null(strstr(buf_text(&lines), "certd.conf:1: key \"rsa-1\""));
	assert_non_null(strstr(buf_text(&lines), "a.conf:1: email has no value"));
	assert_non_null(strstr(buf_text(&lines), "b.conf:1: challenge \"x\""));
}

static void test_endless_errors_end(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF(65536);
	CLEANUP(buf_done) struct buf lines = BUF(65536);
	struct error err;
	const char *one;
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "zzz%d = 1\n", i);
	one = buf_text(&text);
	assert_null(build(&one, 1, &lines, &err));
	for (const char *p = buf_text(&lines); *p != '\0'; p++)
		count += *p == '\n';
	assert_int_equal(count, CONFIG_PROBLEMS_MAX + 1);
}

static void test_the_environment(void **state)
{
	struct config *c;

	(void)state;
	assert_int_equal(setenv("CERTD_TEST_SET", "/srv/\"x'#{", 1), 0);
	c = build_one("hooks-dir = \"${CERTD_TEST_SET}/${CERTD_TEST_UNSET:-other}\"\nruntime-dir = '/srv/${X}'\n"
	              "net-user = \"\\x61${CERTD_TEST_UNSET:-}\"");
	assert_string_equal(c->hooks_dir, "/srv/\"x'#{/other");
	assert_string_equal(c->runtime_dir, "/srv/${X}");
	assert_string_equal(c->net_user, "a");
	config_free(c);
}

static void test_many_certificates(void **state)
{
	CLEANUP(buf_done) struct buf text = BUF(4 * 1024 * 1024);
	struct config *c;
	char name[64];

	(void)state;
	for (int i = 0; i < 2000; i++)
		buf_printf(&text, "certificate \"c%d\" { names = { n%d.example } }\n", i, i);
	c = build_one(buf_text(&text));
	assert_int_equal(c->certificates_count, 2000);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		assert_ptr_equal(config_find(c, name), c->certificates[i]);
		assert_int_equal(c->certificates[i]->line, i + 1);
	}
	assert_null(config_find(c, "c2000"));
	config_free(c);
}

static void test_windows_line_ends_and_a_mark(void **state)
{
	struct config *c = build_one("\xef\xbb\xbf" "key = rsa-3072\r\ncertificate \"a\" {\r\n\tnames = { \"a.example\" }\r\n}\r\n");

	(void)state;
	assert_int_equal(c->defaults.keys.types[0], KEY_RSA_3072);
	assert_int_equal(c->certificates[0]->line, 2);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_said_is_all_default),
		cmocka_unit_test(test_everything_can_be_said),
		cmocka_unit_test(test_every_error_has_its_line),
		cmocka_unit_test(test_no_wildcard_loses_its_star),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_a_hundred_names_and_no_more),
		cmocka_unit_test(test_the_manual_knows_the_cas),
		cmocka_unit_test(test_several_cas),
		cmocka_unit_test(test_several_cas_that_cannot_be),
		cmocka_unit_test(test_the_nearest_word_on_a_ca_counts),
		cmocka_unit_test(test_the_limits_of_a_ca),
		cmocka_unit_test(test_both_places_of_a_duplicate),
		cmocka_unit_test(test_a_broken_file_hides_no_other),
		cmocka_unit_test(test_endless_errors_end),
		cmocka_unit_test(test_the_environment),
		cmocka_unit_test(test_many_certificates),
		cmocka_unit_test(test_windows_line_ends_and_a_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
