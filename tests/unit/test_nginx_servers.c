/* test_nginx_servers.c: which server and which location answers: by tables, and by the NGINX of this machine, asked over a unix socket, for
 * configurations made at random. */
#include "nginx/servers.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/program.h"
#include "base/text.h"
#include "nginx/conf.h"
#include "nginx/regex.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "scratch.h"

static struct error err;

struct listen_sample {
	const char *text;
	const char *address; /* NULL where NGINX refuses it */
	unsigned int port, last_port;
	const char *flags; /* s: ssl, d: default_server, h: http2, q: quic, p: proxy_protocol, 4: ipv4_too */
};

static const struct listen_sample listens[] = {
	{ "80", "0.0.0.0", 80, 80, "" },
	{ "*", "0.0.0.0", 80, 80, "" },
	{ "*:443 ssl http2 default_server", "0.0.0.0", 443, 443, "sdh" },
	{ "0.0.0.0:8080 default", "0.0.0.0", 8080, 8080, "d" },
	{ "127.0.0.1", "127.0.0.1", 80, 80, "" },
	{ "localhost:81", "127.0.0.1", 81, 81, "" },
	{ "WWW.Example", "www.example", 80, 80, "" },
	{ "[::]:443 ssl ipv6only=off", "[::]", 443, 443, "s4" },
	{ "[::]:443 quic reuseport ipv6only=on", "[::]", 443, 443, "q" },
	{ "[0:0::0001] proxy_protocol", "[::1]", 80, 80, "p" },
	{ "8000-8010", "0.0.0.0", 8000, 8010, "" },
	{ "127.0.0.1:8000-8010 ssl", "127.0.0.1", 8000, 8010, "s" },
	{ "unix:/run/a.sock ssl", "unix:/run/a.sock", 0, 0, "s" },
	{ "0", NULL, 0, 0, "" },
	{ "65536", NULL, 0, 0, "" },
	{ "*:65536", NULL, 0, 0, "" },
	{ "a:", NULL, 0, 0, "" },
	{ ":80", NULL, 0, 0, "" },
	{ "[::1", NULL, 0, 0, "" },
	{ "[::1]80", NULL, 0, 0, "" },
	{ "[g::]", NULL, 0, 0, "" },
	{ "90-80", NULL, 0, 0, "" },
	{ "*:90-80", NULL, 0, 0, "" },
	{ "''", NULL, 0, 0, "" },
};

static struct nginx_conf *parse(const char *text)
{
	struct nginx_conf *conf = NULL;

	assert_works(nginx_conf_parse_file("/x", text, strlen(text), &conf, &err));
	return conf;
}

static void test_listen(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(listens); i++) {
		const struct listen_sample *sample = &listens[i];
		CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
		struct nginx_listen l = { 0 };
		char text[256], flags[16];
		bool good;

		snprintf(text, sizeof(text), "listen %s;", sample->text);
		conf = parse(text);
		good = nginx_listen_parse(conf->first, &l);
		if (good != (sample->address != NULL))
			fail_msg("%s: %s", sample->text, good ? "good" : "bad");
		if (!good)
			continue;
		snprintf(flags, sizeof(flags), "%s%s%s%s%s%s", l.ssl ? "s" : "", l.default_server ? "d" : "", l.http2 ? "h" : "",
		         l.quic ? "q" : "", l.proxy_protocol ? "p" : "", l.ipv4_too ? "4" : "");
		if (strcmp(l.address, sample->address) != 0 || l.port != sample->port || l.last_port != sample->last_port ||
		    strcmp(flags, sample->flags) != 0)
			fail_msg("%s: %s %u-%u %s", sample->text, l.address, l.port, l.last_port, flags);
	}
}

static void test_sockets(void **state)
{
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf =
		parse("stream { server { listen 443; } }\n"
	              "http { server { server_name a; }\n"
	              "server { listen 80; listen [::]:80; listen 443 ssl; }\n"
	              "server { listen 127.0.0.1:80 default_server; listen *:443 default_server; listen 443 quic; ssl on; } }");
	CLEANUP(nginx_servers_cleanup) struct nginx_servers *servers = NULL;
	const struct nginx_socket *s;

	(void)state;
	assert_works(nginx_servers_read(conf, &servers, &err));
	assert_int_equal(servers->count, 3);
	assert_int_equal(servers->socket_count, 5);
	assert_int_equal(servers->stream_count, 1);
	assert_null(servers->items[0].listens[0].directive);
	s = nginx_servers_socket(servers, "192.0.2.1", 80);
	assert_string_equal(s->address, "0.0.0.0");
	assert_int_equal(s->server_count, 2);
	assert_ptr_equal(s->default_server, &servers->items[0]);
	assert_false(s->ssl);
	s = nginx_servers_socket(servers, "127.0.0.1", 80);
	assert_string_equal(s->address, "127.0.0.1");
	assert_true(s->ssl);
	s = nginx_servers_socket(servers, "192.0.2.1", 443);
	assert_true(s->ssl);
	assert_ptr_equal(s->default_server, &servers->items[2]);
	assert_string_equal(nginx_servers_socket(servers, "[2001:db8::1]", 80)->address, "[::]");
	assert_null(nginx_servers_socket(servers, "[2001:db8::1]", 443));
	assert_null(nginx_servers_socket(servers, "192.0.2.1", 81));
}

static void test_conflict(void **state)
{
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = parse(
		"http { server { server_name a.example a.example b.example; } server { server_name x a.example; }\n"
		"server { server_name .b.example A.Example; } server { listen 81; server_name a.example; } }");
	CLEANUP(nginx_servers_cleanup) struct nginx_servers *servers = NULL;
	const struct nginx_name *found;
	struct nginx_choice choice;

	(void)state;
	assert_works(nginx_servers_read(conf, &servers, &err));
	found = nginx_servers_conflict(servers, &servers->sockets[0], "a.example", NULL);
	assert_ptr_equal(found, &servers->items[1].names[1]);
	found = nginx_servers_conflict(servers, &servers->sockets[0], "a.example", found);
	assert_ptr_equal(found, &servers->items[2].names[1]);
	assert_null(nginx_servers_conflict(servers, &servers->sockets[0], "a.example", found));
	assert_non_null(nginx_servers_conflict(servers, &servers->sockets[0], "b.example", NULL));
	assert_null(nginx_servers_conflict(servers, &servers->sockets[1], "a.example", NULL));
	/* What is ignored for one name is ignored for all that it matches. */
	choice = nginx_servers_choose(servers, &servers->sockets[0], "c.b.example");
	assert_int_equal(choice.kind, NGINX_NAME_NONE);
	assert_ptr_equal(choice.server, &servers->items[0]);
	choice = nginx_servers_choose(servers, &servers->sockets[0], "x");
	assert_ptr_equal(choice.server, &servers->items[1]);
	assert_ptr_equal(nginx_server_match(&servers->items[2], "c.b.example"), &servers->items[2].names[0]);
}

static void test_unsure(void **state)
{
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf =
		parse("http { server { server_name ~^(a; location ~ (b { } } server { server_name c; } }");
	CLEANUP(nginx_servers_cleanup) struct nginx_servers *servers = NULL;
	bool unsure = false;

	(void)state;
	assert_works(nginx_servers_read(conf, &servers, &err));
	assert_true(nginx_servers_choose(servers, &servers->sockets[0], "a").unsure);
	assert_false(nginx_servers_choose(servers, &servers->sockets[0], "c").unsure);
	assert_null(nginx_location_choose(servers->items[0].block, "/", &unsure));
	assert_true(unsure);
	/* An expression that would run for years. */
	assert_int_equal(nginx_regex_match("^(a+)+$", false, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), NGINX_MATCH_UNSURE);
}

/* The real one. */

struct place {
	struct scratch *s;
	const char *binary;
	char socket[128];
	uint32_t random;
};

static const char *find_nginx(void)
{
	static const char *const places[] = { "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	return NULL;
}

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL || scratch_make((void **)&p->s) < 0)
		return -1;
	p->binary = find_nginx();
	p->random = 1;
	snprintf(p->socket, sizeof(p->socket), "%s/sock", p->s->path);
	*state = p;
	return 0;
}

static int run_nginx(const struct place *p, const char *signal)
{
	const char *const argv[] = { p->binary, "-p", p->s->path, "-c", "nginx.conf", signal != NULL ? "-s" : NULL, signal, NULL };
	const char *const envp[] = { "PATH=/usr/bin:/bin", NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = 30000 };
	struct program_result result = { .output = BUF(1 << 20) };
	int r = program_run(runner_system(), &spec, &result, &err);

	if (r == 0)
		r = program_check(&spec, &result, &err);
	buf_done(&result.output);
	return r;
}

/* NGINX that was told to stop removes its sockets, then its PID file, then ends. */
static int remove_place(void **state)
{
	struct place *p = *state;
	struct stat st;
	int r;

	if (p->binary != NULL && stat(scratch_path(p->s, "nginx.pid"), &st) == 0 && run_nginx(p, "stop") == 0) {
		for (int i = 0; i < 2000 && stat(scratch_path(p->s, "nginx.pid"), &st) == 0; i++)
			poll(NULL, 0, 5);
	}
	r = scratch_remove((void **)&p->s);
	free(p);
	return r;
}

static unsigned int random_below(struct place *p, unsigned int n)
{
	p->random = p->random * 1103515245 + 12345;
	return (p->random >> 16) % n;
}

/* What is between the braces of http. */
static void start(struct place *p, const char *servers)
{
	CLEANUP(buf_done) struct buf text = BUF(1 << 20);

	buf_printf(&text,
	           "pid nginx.pid; error_log error.log emerg; worker_processes 1;\n"
	           "events { }\n"
	           "http {\n"
	           "access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;\n"
	           "scgi_temp_path t5; server_names_hash_max_size 8192; server_names_hash_bucket_size 256; default_type text/plain;\n"
	           "%s}\n",
	           servers);
	scratch_write(p->s, "nginx.conf", buf_text(&text), 0644);
	assert_works(run_nginx(p, NULL));
}

static void ask(const struct place *p, const char *host, const char *path, char *answer, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP(clean_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[4096];
	size_t len = 0;
	ssize_t n;

	text_copy(address.sun_path, sizeof(address.sun_path), p->socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\n%s%s%s\r\n", path, host[0] != '\0' ? "Host: " : "", host,
	         host[0] != '\0' ? "\r\n" : "");
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	text_copy(answer, size, strstr(text, "\r\n\r\n") != NULL ? strstr(text, "\r\n\r\n") + 4 : "");
}

static struct nginx_servers *read_servers(const struct place *p, struct nginx_conf **ret_conf)
{
	struct nginx_servers *servers = NULL;

	assert_works(nginx_conf_ask(runner_system(), p->binary, p->s->path, "nginx.conf", 30000, ret_conf, &err));
	assert_string_equal((*ret_conf)->refused, "");
	assert_works(nginx_servers_read(*ret_conf, &servers, &err));
	return servers;
}

static const char *const labels[] = { "a", "b", "c" };

static void random_host(struct place *p, struct buf *out)
{
	unsigned int count = 1 + random_below(p, 4);

	buf_reset(out);
	for (unsigned int i = 0; i < count; i++)
		buf_printf(out, "%s%s", i > 0 ? "." : "", labels[random_below(p, ARRAY_SIZE(labels))]);
}

static void random_name(struct place *p, struct buf *out)
{
	CLEANUP(buf_done) struct buf host = BUF(256);

	random_host(p, &host);
	switch (random_below(p, 8)) {
	case 0:
		buf_printf(out, " *.%s", buf_text(&host));
		break;
	case 1:
		buf_printf(out, " .%s", buf_text(&host));
		break;
	case 2:
		buf_printf(out, " %s.*", buf_text(&host));
		break;
	case 3:
		buf_printf(out, " \"~^%s\\.(?<x>%s|%s){1,2}$\"", labels[random_below(p, 3)], labels[random_below(p, 3)],
		           random_below(p, 2) == 0 ? "C" : "\\w+\\.\\w");
		break;
	default:
		buf_printf(out, " %s", buf_text(&host));
		break;
	}
}

static void test_names_for_real(void **state)
{
	struct place *p = *state;
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
	CLEANUP(nginx_servers_cleanup) struct nginx_servers *servers = NULL;
	CLEANUP(buf_done) struct buf text = BUF(1 << 20);
	CLEANUP(buf_done) struct buf host = BUF(256);
	size_t of_kind[NGINX_NAME_NONE + 1] = { 0 };

	if (p->binary == NULL)
		skip();
	/* Several sockets, so that there are many small worlds in one configuration. */
	for (unsigned int world = 0; world < 40; world++) {
		for (unsigned int i = 0; i < 6; i++) {
			unsigned int names = random_below(p, 4);

			buf_printf(&text, "server { listen unix:%s%u%s; return 200 \"%u\"; %s", p->socket, world,
			           i == world % 7 ? " default_server" : "", world * 6 + i, names > 0 ? "server_name" : "");
			for (unsigned int j = 0; j < names; j++)
				random_name(p, &text);
			buf_printf(&text, "%s }\n", names > 0 ? ";" : "");
		}
	}
	start(p, buf_text(&text));
	servers = read_servers(p, &conf);
	assert_int_equal(servers->socket_count, 40);
	for (unsigned int i = 0; i < 2000; i++) {
		const struct nginx_socket *socket = &servers->sockets[i % 40];
		struct nginx_choice choice;
		char answer[64];

		random_host(p, &host);
		if (i < 40)
			buf_reset(&host);
		text_copy(p->socket, sizeof(p->socket), socket->address + strlen("unix:"));
		ask(p, buf_text(&host), "/", answer, sizeof(answer));
		choice = nginx_servers_choose(servers, socket, buf_text(&host));
		of_kind[choice.kind]++;
		if (strcmp(answer, nginx_directive_arg(nginx_directive_find(choice.server->block->first, "return"), 1)) != 0)
			fail_msg("\"%s\": NGINX answers from server %s, not as %s at line %u", buf_text(&host), answer,
			         choice.name != NULL ? choice.name->text : "the default", choice.server->block->line);
		assert_false(choice.unsure);
	}
	for (size_t i = 0; i <= NGINX_NAME_NONE; i++)
		assert_true(of_kind[i] >= 20);
}

static const char *const parts[] = { "/", "/a", "/a/", "/a/b", "/ab", "/a/b/c", "/.well-known", "/.well-known/a", "/b.php", "/a/b.php" };
static const char *const expressions[] = { "~ /\\.", "~* \\.PHP$", "~ ^/a", "~/b", "~*^/A/B", "~ ^/(?!\\.well-known)" };

/* Locations at the place, within `outer`, each once. */
static void random_locations(struct place *p, struct buf *out, const char *outer, unsigned int *id, unsigned int depth)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		static const char *const marks[] = { "", "", "^~ ", "= ", "^~" };
		unsigned int mark = random_below(p, ARRAY_SIZE(marks));

		if (random_below(p, 3) != 0 || !text_has_prefix(parts[i], outer) || text_equal(parts[i], outer))
			continue;
		buf_printf(out, "location %s%s { return 200 \"%u\";", marks[mark], parts[i], (*id)++);
		if (mark != 3 && depth < 2 && random_below(p, 2) == 0)
			random_locations(p, out, parts[i], id, depth + 1);
		buf_append_text(out, "}\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(expressions); i++) {
		if (random_below(p, 6) == 0)
			buf_printf(out, "location %s { return 200 \"%u\"; }\n", expressions[i], (*id)++);
	}
}

static void test_locations_for_real(void **state)
{
	struct place *p = *state;
	CLEANUP(nginx_conf_cleanup) struct nginx_conf *conf = NULL;
	CLEANUP(nginx_servers_cleanup) struct nginx_servers *servers = NULL;
	CLEANUP(buf_done) struct buf text = BUF(1 << 20);
	unsigned int id = 1000;

	if (p->binary == NULL)
		skip();
	for (unsigned int i = 0; i < 60; i++) {
		buf_printf(&text, "server { listen unix:%s; server_name s%u;\n", p->socket, i);
		random_locations(p, &text, "", &id, 0);
		buf_append_text(&text, "}\n");
	}
	start(p, buf_text(&text));
	servers = read_servers(p, &conf);
	for (unsigned int i = 0; i < 60 * ARRAY_SIZE(parts) * 2; i++) {
		const struct nginx_directive *found;
		const struct nginx_server *server = &servers->items[i % 60];
		char answer[4096], path[64];
		const char *expected;

		snprintf(path, sizeof(path), "%s%s", parts[i / 60 % ARRAY_SIZE(parts)], i < 60 * ARRAY_SIZE(parts) ? "" : "x");
		ask(p, server->names[0].text, path, answer, sizeof(answer));
		found = nginx_location_choose(server->block, path, NULL);
		expected = found != NULL ? nginx_directive_arg(nginx_directive_find(found->first, "return"), 1) : "<html>";
		if (!text_has_prefix(answer, expected) || answer[0] == '\0')
			fail_msg("%s of %s: NGINX answers \"%s\", not \"%s\"", path, server->names[0].text, answer, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_conflict),
		cmocka_unit_test(test_unsure),
		cmocka_unit_test_setup_teardown(test_names_for_real, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_locations_for_real, make_place, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
