/* test_dns_resolve.c: lookups against a name server of the test's own, which is good, wrong, broken or silent by name. */
#include "dns/resolve.h"

#include "base/error.h"
#include "base/text.h"
#include "dns/ask.h"
#include "dns/caa.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOERROR = 0, SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5, TYPE_A = 1, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_AAAA = 28 };

static pid_t server;
static char resolver[64];
static struct error err;

/* The server's side. */

struct message {
	uint8_t data[4096];
	size_t len;
	unsigned int answers;
};

static void put(struct message *m, const void *data, size_t len)
{
	memcpy(m->data + m->len, data, len);
	m->len += len;
}

static void put16(struct message *m, unsigned int value)
{
	const uint8_t octets[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(m, octets, 2);
}

static void put_name(struct message *m, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");
		uint8_t octet = (uint8_t)len;

		put(m, &octet, 1);
		put(m, name, len);
		name += len + (name[len] == '.');
	}
	put(m, "", 1);
}

static void put_record(struct message *m, const char *owner, unsigned int type, const void *data, size_t len)
{
	put_name(m, owner);
	put16(m, type);
	put16(m, 1);
	put(m, "\0\0\0\0", 4);
	put16(m, (unsigned int)len);
	put(m, data, len);
	m->answers++;
}

static void put_address(struct message *m, const char *owner, const char *text)
{
	uint8_t address[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	(void)inet_pton(family, text, address);
	put_record(m, owner, family == AF_INET ? TYPE_A : TYPE_AAAA, address, family == AF_INET ? 4 : 16);
}

static void put_alias(struct message *m, const char *owner, const char *target)
{
	struct message name = { .len = 0 };

	put_name(&name, target);
	put_record(m, owner, TYPE_CNAME, name.data, name.len);
}

static void put_many(struct message *m, const char *owner)
{
	char text[32];

	for (int i = 1; i <= 20; i++) {
		(void)snprintf(text, sizeof(text), "192.0.2.%d", i);
		put_address(m, owner, text);
	}
}

/* The answer section. The return code, or -1 for no answer at all. */
static int answer(struct message *m, const char *name, unsigned int type)
{
	bool a = type == TYPE_A;

	if (type == DNS_CAA && text_equal_nocase(name, "caa.test")) {
		put_record(m, name, type, "\0\5issueca.example", 17);
		put_record(m, name, type, "\0\11issuewild;", 12);
	} else if (type == DNS_SOA && text_equal_nocase(name, "test")) {
		put_record(m, name, type, "\2ns\4test\0\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1", 29);
	} else if (text_equal_nocase(name, "both.test")) {
		put_address(m, name, a ? "192.0.2.1" : "2001:db8::1");
		put_address(m, name, a ? "192.0.2.2" : "2001:db8::2");
	} else if (text_equal_nocase(name, "a.test") || text_equal_nocase(name, "xn--nxasmq6b.test") || text_equal_nocase(name, "host.home.arpa")) {
		if (a)
			put_address(m, name, "192.0.2.1");
	} else if (text_equal_nocase(name, "aaaa.test")) {
		if (!a)
			put_address(m, name, "2001:db8::1");
	} else if (text_equal_nocase(name, "alias.test")) {
		put_alias(m, name, "A.test");
		if (a)
			put_address(m, "A.test", "192.0.2.1");
	} else if (text_equal_nocase(name, "dangling.test")) {
		put_alias(m, name, "nx.test");
		return NXDOMAIN;
	} else if (text_equal_nocase(name, "loop.test")) {
		put_alias(m, name, "loop.test");
	} else if (text_equal_nocase(name, "half.test")) {
		if (!a)
			return SERVFAIL;
		put_address(m, name, "192.0.2.1");
	} else if (text_equal_nocase(name, "many.test")) {
		if (a)
			put_many(m, name);
	} else if (text_equal_nocase(name, "short.test")) {
		put_record(m, name, type, "\1\2", 2);
	} else if (text_equal_nocase(name, "other.test")) {
		put_address(m, "victim.test", "192.0.2.66");
	} else if (text_equal_nocase(name, "servfail.test")) {
		return SERVFAIL;
	} else if (text_equal_nocase(name, "refused.test")) {
		return REFUSED;
	} else if (text_equal_nocase(name, "silent.test")) {
		return -1;
	} else if (!text_equal_nocase(name, "nodata.test")) {
		return NXDOMAIN;
	}
	return NOERROR;
}

/* "a.b" out of the question; false when it is none. */
static bool read_question(const uint8_t *in, size_t len, char name[static 256], size_t *ret_end)
{
	size_t at = 12, out = 0;

	while (at < len && in[at]) {
		size_t label = in[at];

		if (label > 63 || at + 1 + label >= len || out + label + 2 > 256)
			return false;
		if (out > 0)
			name[out++] = '.';
		for (size_t i = 0; i < label; i++)
			name[out++] = (char)in[at + 1 + i];
		at += 1 + label;
	}
	name[out] = '\0';
	*ret_end = at + 5;
	return *ret_end <= len;
}

static void serve(int fd)
{
	static const uint8_t soa[22] = { 0, 0, 0, 0, 0, 1 };
	uint8_t in[4096];

	for (;;) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&from, &from_len);
		struct message m = { .len = 0 };
		unsigned int authority = 0;
		char name[256];
		size_t end;
		int rcode;

		if (n < 12 || !read_question(in, (size_t)n, name, &end))
			continue;
		put(&m, in, end);
		rcode = answer(&m, name, (unsigned int)(in[end - 4] << 8 | in[end - 3]));
		if (rcode < 0)
			continue;
		if (m.answers == 0 && rcode != SERVFAIL && rcode != REFUSED) {
			put_record(&m, "test", TYPE_SOA, soa, sizeof(soa));
			m.answers--;
			authority = 1;
		}
		m.data[2] = 0x85;
		m.data[3] = (uint8_t)(0x80 | rcode);
		memcpy(m.data + 4, (const uint8_t[]){ 0, 1, 0, (uint8_t)m.answers, 0, (uint8_t)authority, 0, 0 }, 8);
		(void)sendto(fd, m.data, m.len, 0, (struct sockaddr *)&from, from_len);
	}
}

static int start(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t parent = getpid();

	(void)state;
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -1;
	(void)snprintf(resolver, sizeof(resolver), "127.0.0.1@%u", ntohs(address.sin_port));
	server = fork();
	if (server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			serve(fd);
		_exit(0);
	}
	(void)close(fd);
	return server < 0;
}

static int stop(void **state)
{
	(void)state;
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	return 0;
}

/* Our side. */

static void resolve(struct dns_host *hosts, size_t count, int64_t timeout_ms)
{
	const struct dns_config config = { .resolver = resolver, .timeout_ms = timeout_ms };

	error_clear(&err);
	if (dns_resolve_all(&config, hosts, count, &err) < 0)
		fail_msg("%s", err.message);
}

static void assert_result(const struct dns_host *host, enum dns_result wanted)
{
	if (host->result != wanted)
		fail_msg("%s: %s (%s), not %s", host->name, dns_result_name(host->result), host->reason, dns_result_name(wanted));
	assert_int_equal(host->addresses_count > 0, wanted == DNS_FOUND);
	assert_int_equal(host->reason[0] != '\0', wanted == DNS_FAILED || wanted == DNS_BOGUS);
}

static void test_found(void **state)
{
	struct dns_host hosts[] = {
		{ .name = "both.test" }, { .name = "a.test" },    { .name = "aaaa.test" },
		{ .name = "many.test" }, { .name = "alias.test" }, { .name = "host.home.arpa" },
		{ .name = "xn--nxasmq6b.test" },
	};

	(void)state;
	resolve(hosts, 7, 20000);
	for (size_t i = 0; i < 7; i++)
		assert_result(&hosts[i], DNS_FOUND);
	assert_int_equal(hosts[0].addresses_count, 4);
	assert_true(text_has_prefix(hosts[0].addresses[0], "2001:db8::"));
	assert_true(text_has_prefix(hosts[0].addresses[1], "2001:db8::"));
	assert_true(text_has_prefix(hosts[0].addresses[2], "192.0.2."));
	assert_true(text_has_prefix(hosts[0].addresses[3], "192.0.2."));
	assert_string_equal(hosts[0].canonical, "");
	assert_int_equal(hosts[1].addresses_count, 1);
	assert_string_equal(hosts[1].addresses[0], "192.0.2.1");
	assert_int_equal(hosts[2].addresses_count, 1);
	assert_string_equal(hosts[2].addresses[0], "2001:db8::1");
	assert_int_equal(hosts[3].addresses_count, DNS_ADDRESSES_MAX);
	assert_string_equal(hosts[4].canonical, "a.test");
	assert_string_equal(hosts[4].addresses[0], "192.0.2.1");
}

static void test_not_there(void **state)
{
	struct dns_host hosts[] = { { .name = "nx.test" }, { .name = "nodata.test" }, { .name = "dangling.test" } };

	(void)state;
	resolve(hosts, 3, 20000);
	assert_result(&hosts[0], DNS_NXDOMAIN);
	assert_result(&hosts[1], DNS_NODATA);
	assert_result(&hosts[2], DNS_NXDOMAIN);
}

static void test_failures(void **state)
{
	struct dns_host hosts[] = {
		{ .name = "servfail.test" }, { .name = "refused.test" }, { .name = "loop.test" }, { .name = "half.test" },
		{ .name = "other.test" },    { .name = "short.test" },
	};
	char long_name[300];
	struct dns_host impossible = { .name = long_name };

	(void)state;
	resolve(hosts, 6, 60000);
	assert_result(&hosts[0], DNS_FAILED);
	assert_non_null(strstr(hosts[0].reason, "A: SERVFAIL"));
	assert_result(&hosts[1], DNS_FAILED);
	assert_result(&hosts[2], DNS_FAILED);
	assert_int_equal(hosts[3].result, DNS_FOUND);
	assert_int_equal(hosts[3].addresses_count, 1);
	assert_non_null(strstr(hosts[3].reason, "AAAA: SERVFAIL"));
	assert_true(hosts[4].result != DNS_FOUND); /* an answer about another name is none */
	assert_true(hosts[5].result != DNS_FOUND);

	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	resolve(&impossible, 1, 20000);
	assert_result(&impossible, DNS_FAILED);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_silence(void **state)
{
	struct dns_host hosts[] = { { .name = "silent.test" }, { .name = "a.test" } };
	int64_t begin = now_ms();

	(void)state;
	resolve(hosts, 2, 1000);
	assert_true(now_ms() - begin < 6000);
	assert_result(&hosts[0], DNS_FAILED);
	assert_string_equal(hosts[0].reason, "AAAA: no answer within 1000 ms; A: no answer within 1000 ms");
	assert_result(&hosts[1], DNS_FOUND);
}

static void test_side_by_side(void **state)
{
	enum { COUNT = 100 };
	static char names[COUNT][32];
	static struct dns_host hosts[COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "nx-%zu.test", i);
		hosts[i].name = i % 2 ? names[i] : "both.test";
	}
	resolve(hosts, COUNT, 20000);
	for (size_t i = 0; i < COUNT; i++)
		assert_result(&hosts[i], i % 2 ? DNS_NXDOMAIN : DNS_FOUND);
}

static void test_literals(void **state)
{
	const struct dns_config config = { .resolver = "never looked at" };
	struct dns_host hosts[] = { { .name = "192.0.2.7" }, { .name = "2001:db8:0:0::7" } };

	(void)state;
	assert_int_equal(dns_resolve_all(&config, hosts, 2, &err), 0);
	assert_result(&hosts[0], DNS_FOUND);
	assert_string_equal(hosts[0].addresses[0], "192.0.2.7");
	assert_result(&hosts[1], DNS_FOUND);
	assert_int_equal(hosts[1].addresses_count, 1);
	assert_string_equal(hosts[1].addresses[0], "2001:db8::7");
	assert_int_equal(dns_resolve_all(&config, NULL, 0, &err), 0);
}

static void test_configuration(void **state)
{
	struct dns_config config = { .resolver = "no address", .timeout_ms = 100 };
	struct dns_host host = { .name = "a.test" };

	(void)state;
	assert_int_equal(dns_resolve_all(&config, &host, 1, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, "\"no address\""));
	assert_non_null(strstr(err.advice, "ADDRESS@PORT"));
	config.resolver = resolver;
	config.trust_anchor = "/nonexistent/root.key";
	assert_int_equal(dns_resolve_all(&config, &host, 1, &err), -1);
	assert_int_equal(err.kind, ERROR_SYSTEM);
	assert_non_null(strstr(err.message, "/nonexistent/root.key"));
}

/* A zone that should be signed, says the anchor, and is not. */
static void test_bogus(void **state)
{
	static const char anchor[] =
		"test. 3600 IN DS 2371 13 2 1F987CC6583E92DF0890718C42A5C3B0F3D9A5E9A6C4B1B1A9C8D7E6F5041322\n";
	char path[] = "/tmp/certd-anchor-XXXXXX";
	struct dns_config config = { .resolver = resolver, .trust_anchor = path, .timeout_ms = 20000 };
	struct dns_host host = { .name = "a.test" };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, anchor, sizeof(anchor) - 1), sizeof(anchor) - 1);
	(void)close(fd);
	if (dns_resolve_all(&config, &host, 1, &err) < 0)
		fail_msg("%s", err.message);
	(void)unlink(path);
	assert_result(&host, DNS_BOGUS);
}

static void test_other_types(void **state)
{
	const struct dns_config config = { .resolver = resolver, .timeout_ms = 20000 };
	struct dns_question questions[] = {
		{ .name = "caa.test", .type = DNS_CAA },   { .name = "nodata.test", .type = DNS_CAA },
		{ .name = "alias.test", .type = DNS_CNAME }, { .name = "nx.test", .type = DNS_CNAME },
		{ .name = "test", .type = DNS_SOA },        { .name = "dangling.test", .type = DNS_A },
		{ .name = "servfail.test", .type = DNS_CAA },
	};
	static const enum dns_result wanted[] = {
		DNS_FOUND, DNS_NODATA, DNS_FOUND, DNS_NXDOMAIN, DNS_FOUND, DNS_NXDOMAIN, DNS_FAILED,
	};
	struct dns_caa record;
	char name[DNS_NAME_SIZE];
	const void *target;
	size_t len;

	(void)state;
	assert_int_equal(dns_ask_all(&config, questions, 7, &err), 0);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(questions[i].result, wanted[i]);
		assert_int_equal(questions[i].count > 0, wanted[i] == DNS_FOUND);
		assert_false(questions[i].secure);
	}
	assert_int_equal(questions[0].count, 2);
	for (size_t i = 0; i < 2; i++) {
		const void *data = dns_question_data(&questions[0], i, &len);

		dns_caa_parse(data, len, &record);
		assert_true(text_equal(record.tag, "issue") || text_equal(record.tag, "issuewild"));
		assert_string_equal(record.value, text_equal(record.tag, "issue") ? "ca.example" : ";");
	}
	target = dns_question_data(&questions[2], 0, &len);
	assert_true(dns_name_parse(target, len, name));
	assert_string_equal(name, "a.test");
	assert_string_equal(questions[5].canonical, "nx.test");
	assert_non_null(strstr(questions[6].reason, "SERVFAIL"));
	for (size_t i = 0; i < 7; i++)
		dns_question_done(&questions[i]);
}

static void test_names(void **state)
{
	char name[DNS_NAME_SIZE];

	(void)state;
	assert_true(dns_name_parse("\3WWW\7example\0", 13, name));
	assert_string_equal(name, "www.example");
	assert_true(dns_name_parse("\0", 1, name));
	assert_string_equal(name, "");
	assert_false(dns_name_parse("\3www\7example", 12, name)); /* no end */
	assert_false(dns_name_parse("\3www\0\0", 6, name)); /* something behind it */
	assert_false(dns_name_parse("\300\14", 2, name)); /* compressed */
	assert_false(dns_name_parse("\3a.b\0", 5, name));
	assert_false(dns_name_parse("\3a\033b\0", 5, name));
	assert_false(dns_name_parse("", 0, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),        cmocka_unit_test(test_not_there), cmocka_unit_test(test_failures),
		cmocka_unit_test(test_silence),      cmocka_unit_test(test_literals),  cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_configuration), cmocka_unit_test(test_bogus),
		cmocka_unit_test(test_other_types),   cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
