/* test_http_header.c: header lines of others, good ones and bad ones. */
#include "http/header.h"
#include "http/http.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct http_exchange x;

static int setup(void **state)
{
	const struct http_request request = { .url = "https://ca.example/" };

	(void)state;
	http_exchange_init(&x, &request);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	http_exchange_done(&x);
	return 0;
}

static void add(const char *line)
{
	http_header_add(&x.response, line, strlen(line));
}

static void assert_link(const char *rel, const char *url)
{
	const char *found = http_response_link(&x.response, rel);

	if (!url) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_string_equal(found, url);
}

static void test_simple(void **state)
{
	(void)state;
	add("Content-Type: Application/Problem+JSON; charset=utf-8\r\n");
	assert_string_equal(x.response.content_type, "application/problem+json");
	add("LOCATION:https://ca.example/acct/1\r\n");
	assert_string_equal(x.response.location, "https://ca.example/acct/1");
	add("retry-after:\t 120 \t\r\n");
	assert_string_equal(x.response.retry_after, "120");
	add("Date: Sun, 06 Nov 1994 08:49:37 GMT");
	assert_string_equal(x.response.date, "Sun, 06 Nov 1994 08:49:37 GMT");
	add("Replay-Nonce: oFvnlFP1wIhRlYS2jTaXbA\r\n");
	assert_string_equal(x.response.replay_nonce, "oFvnlFP1wIhRlYS2jTaXbA");
	http_header_begin(&x.response);
	assert_string_equal(x.response.content_type, "");
	assert_string_equal(x.response.location, "");
	assert_string_equal(x.response.retry_after, "");
	assert_string_equal(x.response.replay_nonce, "");
	assert_string_equal(x.response.date, "");
}

static void test_nonsense(void **state)
{
	char line[8192];

	(void)state;
	add("");
	add("\r\n");
	add(":");
	add("no colon");
	add("Content-Type");
	add("Content-Typ: text/plain");
	add("Content-Types: text/plain");
	add("Content-Type : text/plain");
	assert_string_equal(x.response.content_type, "");
	add("Location: https://ca.example/a b");
	add("Location: https://ca.example/\x01");
	add("Location: https://c\xc3\xa4.example/");
	assert_string_equal(x.response.location, "");
	http_header_add(&x.response, "Location: https://ca\0.example/", 30);
	assert_string_equal(x.response.location, "");

	memset(line, 'a', sizeof(line));
	memcpy(line, "Location: ", 10);
	http_header_add(&x.response, line, 10 + HTTP_URL_MAX + 1);
	assert_string_equal(x.response.location, "");
	http_header_add(&x.response, line, 10 + HTTP_URL_MAX);
	assert_int_equal(strlen(x.response.location), HTTP_URL_MAX);
	memcpy(line, "Content-Type: ", 14);
	http_header_add(&x.response, line, sizeof(line));
	assert_string_equal(x.response.content_type, "");
}

static void test_nonce(void **state)
{
	char line[1024];

	(void)state;
	add("Replay-Nonce: good-1_A");
	add("Replay-Nonce: ");
	add("Replay-Nonce: bad=");
	add("Replay-Nonce: b a d");
	add("Replay-Nonce: bad+/");
	add("Replay-Nonce: \"bad\"");
	assert_string_equal(x.response.replay_nonce, "good-1_A");
	memset(line, 'n', sizeof(line));
	memcpy(line, "Replay-Nonce: ", 14);
	http_header_add(&x.response, line, 14 + 512);
	assert_string_equal(x.response.replay_nonce, "good-1_A");
	http_header_add(&x.response, line, 14 + 511);
	assert_int_equal(strlen(x.response.replay_nonce), 511);
}

static void test_links(void **state)
{
	(void)state;
	add("Link: <https://ca.example/dir>;rel=\"index\"\r\n");
	add("link: <https://ca.example/tos> ; rel = terms-of-service, <https://ca.example/c/2>;rel=\"alternate\"\r\n");
	add("Link: <https://ca.example/c/3>; title=\"a, <b>; rel=x\"; Rel=\"Alternate Next\"; rel=prev\r\n");
	add("Link:\t,, <https://ca.example/u>;x;rel=\"u\\p\" , , <https://ca.example/v>; rel=v;\r\n");
	assert_link("index", "https://ca.example/dir");
	assert_link("terms-of-service", "https://ca.example/tos");
	assert_link("alternate", "https://ca.example/c/2");
	assert_link("next", "https://ca.example/c/3");
	assert_link("prev", NULL);
	assert_link("x", NULL);
	assert_link("up", "https://ca.example/u");
	assert_link("v", "https://ca.example/v");
	assert_link("alt", NULL);
	assert_link("", NULL);
	assert_int_equal(x.response.links.count, 7);
}

static void test_bad_links(void **state)
{
	static const char *const lines[] = {
		"Link: https://ca.example/;rel=next",
		"Link: <https://ca.example/;rel=next",
		"Link: <>;rel=next",
		"Link: <https://ca.example/>",
		"Link: <https://ca.example/>;rel",
		"Link: <https://ca.example/>;rel=",
		"Link: <https://ca.example/>;rel=\"next",
		"Link: <https://ca.example/>;rel=\"next\"x",
		"Link: <https://ca.example/>;rel=next; anchor=\"#other\"",
		"Link: <https://ca.example/a b>;rel=next",
		"Link: <https://ca.example/>x;rel=next",
		"Link: <https://ca.example/>;rel=\"next\\",
		"Link: ",
		"Link: <",
		"Link: <>",
		"Link: ;",
	};
	char line[HTTP_URL_MAX + 64];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		add(lines[i]);
		if (x.response.links.count != 0)
			fail_msg("%s: %s", lines[i], x.response.links.items[0]);
	}
	/* a value that is cut off does not spoil what stands before it */
	add("Link: <https://ca.example/1>;rel=index, <https://ca.example/2");
	assert_link("index", "https://ca.example/1");
	assert_int_equal(x.response.links.count, 1);

	memset(line, 'a', sizeof(line));
	memcpy(line, "Link: <", 7);
	memcpy(line + 7 + HTTP_URL_MAX + 1, ">;rel=long", sizeof(">;rel=long"));
	add(line);
	assert_link("long", NULL);
	memset(line, 'r', sizeof(line));
	memcpy(line, "Link: <u>;rel=", 14);
	line[1000] = '\0';
	add(line);
	assert_int_equal(x.response.links.count, 1);
}

static void test_links_max(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		add("Link: <https://ca.example/dir>;rel=\"a b c\"");
	assert_int_equal(x.response.links.count, HTTP_LINKS_MAX);
	assert_link("a", "https://ca.example/dir");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_simple, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonce, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_max, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
