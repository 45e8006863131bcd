/* test_nginx_advise.c: the corpus tests/vectors/nginx/: what is found in each configuration, and what the NGINX of this machine thinks of it.
 *
 * A file of the corpus is what `nginx -T` prints. Before the configuration stand lines for this test:
 *	names NAME...            who is asked for
 *	websockets PATH...
 *	version 1.22.1
 *	refused TEXT             NGINX does not take it, and says this; without, it does
 *	without challenge        no proof over http
 *	without certd            nothing is known of certd's files
 *	LEVEL CODE NAME FILE:LINE  a finding; "-" for no name and no place
 */
#include "nginx/advise.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/program.h"
#include "base/strv.h"
#include "base/text.h"
#include "nginx/conf.h"
#include "nginx/servers.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch.h"
#include "testca.h"

enum { TEXT_MAX = 1 << 20, NOW = 1782864000, DAY = 86400 };

static struct error err;

struct sample {
	char path[1024];
	struct buf text;
	const char *begin; /* of the configuration */
	struct strv names, websockets, findings;
	struct nginx_expected expected;
	char refused[256];
};

static int not_after(const char *path, int64_t *ret_at)
{
	if (strstr(path, "old") != NULL)
		*ret_at = NOW - DAY;
	else
		*ret_at = NOW + 30 * DAY + 1;
	return strstr(path, "absent") != NULL ? -1 : 0;
}

static void add_words(struct strv *list, char *words)
{
	char *rest = words, *word;

	while ((word = strsep(&rest, " ")) != NULL) {
		if (word[0] != '\0')
			strv_add(list, word);
	}
}

static void read_line(struct sample *s, char *line)
{
	static const struct nginx_expected nothing = { .http_port = 80, .https_port = 443, .now_at = NOW, .not_after = not_after };

	if (text_has_prefix(line, "names "))
		add_words(&s->names, line + strlen("names "));
	else if (text_has_prefix(line, "websockets "))
		add_words(&s->websockets, line + strlen("websockets "));
	else if (text_has_prefix(line, "refused "))
		text_copy(s->refused, sizeof(s->refused), line + strlen("refused "));
	else if (text_has_prefix(line, "version "))
		sscanf(line, "version %u.%u.%u", &s->expected.version.nginx[0], &s->expected.version.nginx[1],
		       &s->expected.version.nginx[2]);
	else if (text_equal(line, "without challenge"))
		s->expected.http_01 = false;
	else if (text_equal(line, "without certd"))
		s->expected = nothing;
	else if (text_has_prefix(line, "ok ") || text_has_prefix(line, "warning ") || text_has_prefix(line, "failure "))
		strv_add(&s->findings, line);
	else if (line[0] != '\0' && !text_has_prefix(line, "nginx: "))
		fail_msg("%s: what is \"%s\"?", s->path, line);
}

static void read_sample(struct sample *s, const char *path)
{
	CLEANUP(clean_free) char *head = NULL;
	char *rest, *line;

	*s = (struct sample){ .text = BUF(TEXT_MAX), .names = STRV(100), .websockets = STRV(100), .findings = STRV(1000) };
	text_copy(s->path, sizeof(s->path), path);
	s->expected = (struct nginx_expected){
		.http_port = 80,
		.https_port = 443,
		.http_01 = true,
		.webroot = "/var/lib/certd/webroot",
		.challenge_snippet = "/etc/nginx/snippets/certd-acme-challenge.conf",
		.ssl_snippet = "/etc/nginx/snippets/certd/a.example.conf",
		.certificate = "/var/lib/certd/live/a.example/fullchain.pem",
		.key = "/var/lib/certd/live/a.example/privkey.pem",
		.live_dir = "/var/lib/certd/live/",
		.now_at = NOW,
		.not_after = not_after,
	};
	assert_works(file_read(-1, path, &s->text, &err));
	s->begin = strstr(buf_text(&s->text), "# configuration file ");
	assert_non_null(s->begin);
	head = strndup(buf_text(&s->text), (size_t)(s->begin - buf_text(&s->text)));
	assert_non_null(head);
	rest = head;
	while ((line = strsep(&rest, "\n")) != NULL)
		read_line(s, line);
	s->expected.names = (const char *const *)s->names.items;
	s->expected.name_count = s->names.count;
	s->expected.websockets = (const char *const *)s->websockets.items;
	s->expected.websocket_count = s->websockets.count;
}

static void sample_done(struct sample *s)
{
	buf_done(&s->text);
	strv_done(&s->names);
	strv_done(&s->websockets);
	strv_done(&s->findings);
}

static void print_finding(const struct nginx_finding *f, char *out, size_t size)
{
	const char *file = strrchr(f->file, '/');

	if (f->line == 0)
		snprintf(out, size, "%s %s %s -", nginx_level_name(f->level), f->code, f->name[0] != '\0' ? f->name : "-");
	else
		snprintf(out, size, "%s %s %s %s:%u", nginx_level_name(f->level), f->code, f->name[0] != '\0' ? f->name : "-",
		         file != NULL ? file + 1 : f->file, f->line);
}

/* With CERTD_TEST_TELL in the environment all is printed, as it goes into the file. */
static void compare(const struct sample *s, const struct nginx_findings *findings)
{
	bool tell = getenv("CERTD_TEST_TELL") != NULL, same = findings->count == s->findings.count;

	if (tell)
		printf("== %s\n", s->path);
	for (size_t i = 0; i < findings->count; i++) {
		const struct nginx_finding *f = &findings->items[i];
		char line[1024];

		print_finding(f, line, sizeof(line));
		if (tell)
			printf("%s\n\t%s; %s\n", line, f->text, f->advice);
		same = same && text_equal(line, s->findings.items[i]);
		if (!tell && (i >= s->findings.count || !text_equal(line, s->findings.items[i])))
			fail_msg("%s: finding %zu is \"%s\" (%s), expected \"%s\"", s->path, i, line, f->text,
			         i < s->findings.count ? s->findings.items[i] : "no more");
		if (f->text[0] == '\0' || (f->level == NGINX_FAILURE && f->advice[0] == '\0'))
			fail_msg("%s: \"%s\" says nothing", s->path, line);
	}
	if (!same)
		fail_msg("%s: %zu findings, expected %zu", s->path, findings->count, s->findings.count);
}

static void judge(const char *path)
{
	CLEANUP(sample_done) struct sample s;
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
	CLEANUP(nginx_servers_cleanup) struct nginx_servers *servers = NULL;
	CLEANUP(nginx_findings_cleanup) struct nginx_findings *findings = NULL;

	read_sample(&s, path);
	assert_works(nginx_conf_parse(buf_text(&s.text), s.text.len, &conf, &err));
	/* As nginx_conf_ask() has it where NGINX refuses. */
	conf->refused = s.refused;
	assert_works(nginx_servers_read(conf, &servers, &err));
	assert_works(nginx_advise(servers, &s.expected, &findings, &err));
	compare(&s, findings);
}

static int is_sample(const struct dirent *entry)
{
	return text_has_suffix(entry->d_name, ".dump");
}

static void with_all(void (*function)(const char *path))
{
	const char *srcdir = getenv("srcdir");
	struct dirent **entries;
	char folder[1024], path[2048];
	int count;

	snprintf(folder, sizeof(folder), "%s/tests/vectors/nginx", srcdir != NULL ? srcdir : ".");
	count = scandir(folder, &entries, is_sample, alphasort);
	assert_true(count > 10);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		function(path);
		free(entries[i]);
	}
	free(entries);
}

static void test_findings(void **state)
{
	(void)state;
	with_all(judge);
}

/* The real NGINX. */

static const struct scratch *place;
static struct buf certificate;

static const char *find_nginx(void)
{
	static const char *const places[] = { "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	return NULL;
}

/* All in one PEM: key and certificate. */
static void make_certificate(void)
{
	static const struct testca_name dns[] = { { GEN_DNS, "a.example", 0 } };
	const struct testca_spec spec = { .cn = "a.example", .names = dns, .name_count = 1 };
	struct testca_cert cert = testca_issue(&spec, NULL, NULL);
	BIO *bio = BIO_new(BIO_s_mem());
	char *key;
	long len;

	certificate = BUF(65536);
	assert_int_equal(PEM_write_bio_PrivateKey(bio, cert.key, NULL, NULL, 0, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &key);
	assert_int_equal(buf_append(&certificate, key, (size_t)len), 0);
	testca_append_pem(&cert, &certificate);
	BIO_free(bio);
	testca_done(&cert);
}

/* The text with all absolute paths of the corpus moved beneath the scratch directory. */
static void relocate(const char *text, struct buf *out)
{
	static const char *const roots[] = { "/etc/", "/var/", "/run/", "/srv/" };

	for (const char *p = text; *p != '\0'; p++) {
		bool begins = p == text || strchr(" \t\n\"'", p[-1]) != NULL;

		for (size_t i = 0; i < ARRAY_SIZE(roots) && begins; i++) {
			if (text_has_prefix(p, roots[i]))
				buf_append_text(out, place->path);
		}
		buf_append_char(out, *p);
	}
	assert_false(out->failed);
}

static void write_file(const char *path, const char *text, size_t len)
{
	CLEANUP(clean_fd) int fd = -1;
	char folder[1024];

	text_copy(folder, sizeof(folder), path);
	*strrchr(folder, '/') = '\0';
	assert_works(file_make_dirs(folder, 0755, &fd, &err));
	assert_works(file_write(fd, strrchr(path, '/') + 1, text, len, 0644, &err));
}

static void write_configuration(const struct nginx_conf *conf, const char *text)
{
	static const char marker[] = "# configuration file ";
	size_t file = 0;

	for (const char *at = text; at != NULL && file < conf->file_count; file++) {
		const char *begin = strchr(at, '\n') + 1;
		const char *end = begin;

		/* The next marker that is one. */
		do {
			end = strstr(end, marker);
			end = end != NULL && file + 1 < conf->file_count && !text_has_prefix(end + strlen(marker), conf->files[file + 1].path)
			              ? end + 1
			              : end;
		} while (end != NULL && (end[0] != '#' || end[-1] != '\n'));
		write_file(conf->files[file].path, begin, end != NULL ? (size_t)(end - begin) : strlen(begin));
		at = end;
	}
}

static void write_certificates(const struct nginx_directive *d)
{
	for (; d != NULL; d = d->next) {
		if (text_has_prefix(d->name, "ssl_certificate") && strchr(nginx_directive_arg(d, 0), '$') == NULL &&
		    text_has_prefix(nginx_directive_arg(d, 0), place->path))
			write_file(d->args[0], buf_text(&certificate), certificate.len);
		write_certificates(d->first);
	}
}

static size_t count_directives(const struct nginx_directive *d)
{
	size_t count = 0;

	for (; d != NULL; d = d->next)
		count += 1 + count_directives(d->first);
	return count;
}

static void try_for_real(const char *path)
{
	CLEANUP(sample_done) struct sample s;
	CLEANUP(buf_done) struct buf text = BUF(TEXT_MAX);
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *real = NULL;

	read_sample(&s, path);
	relocate(s.begin, &text);
	assert_works(nginx_conf_parse(buf_text(&text), text.len, &conf, &err));
	write_configuration(conf, buf_text(&text));
	write_certificates(conf->first);
	write_file(scratch_path(place, "var/log/nginx/access.log"), "", 0);
	write_file(scratch_path(place, "run/nothing"), "", 0);
	assert_works(nginx_conf_ask(runner_system(), find_nginx(), place->path, conf->files[0].path, 30000, &real, &err));
	if (strncmp(real->refused, s.refused, strlen(s.refused)) != 0 || (s.refused[0] == '\0' && real->refused[0] != '\0'))
		fail_msg("%s: NGINX says \"%s\", expected \"%s\"", path, real->refused, s.refused);
	assert_int_equal(real->file_count, conf->file_count);
	if (count_directives(real->first) != count_directives(conf->first))
		fail_msg("%s: %zu directives in files, %zu in the dump", path, count_directives(real->first),
		         count_directives(conf->first));
}

static void clear_place(void)
{
	struct error why;

	(void)file_remove_tree(place->fd, "etc", &why);
}

static void try_and_clear(const char *path)
{
	try_for_real(path);
	clear_place();
}

static void test_for_real(void **state)
{
	place = *state;
	if (find_nginx() == NULL || geteuid() != 0)
		skip();
	make_certificate();
	with_all(try_and_clear);
	buf_done(&certificate);
}

static void test_certificate(void **state)
{
	int64_t at = 0;

	place = *state;
	make_certificate();
	write_file(scratch_path(place, "x.pem"), buf_text(&certificate), certificate.len);
	assert_int_equal(nginx_certificate_not_after(scratch_path(place, "x.pem"), &at), 0);
	assert_true(at > NOW);
	write_file(scratch_path(place, "x.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 58);
	assert_int_equal(nginx_certificate_not_after(scratch_path(place, "x.pem"), &at), -1);
	assert_int_equal(nginx_certificate_not_after(scratch_path(place, "absent.pem"), &at), -1);
	buf_done(&certificate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_findings),
		cmocka_unit_test_setup_teardown(test_for_real, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_certificate, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
