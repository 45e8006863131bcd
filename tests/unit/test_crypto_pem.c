/* test_crypto_pem.c */
#include "crypto/pem.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN "-----BEGIN X-----\n"
#define END "-----END X-----\n"

static void expect(const char *pem, size_t len, const char *const *blocks)
{
	struct pem_reader reader;
	struct error err = { 0 };

	pem_reader_init(&reader, pem, len);
	for (; *blocks; blocks++) {
		CLEANUP(buf_done) struct buf der = BUF(1024);

		if (pem_next(&reader, "X", &der, &err) != PEM_BLOCK)
			fail_msg("%s: %s", pem, err.message);
		assert_string_equal(buf_text(&der), *blocks);
	}
	for (int i = 0; i < 2; i++) {
		CLEANUP(buf_done) struct buf der = BUF(1024);

		assert_int_equal(pem_next(&reader, "X", &der, &err), PEM_END);
		assert_int_equal(der.len, 0);
	}
}

#define EXPECT(pem, ...) expect(pem, sizeof(pem) - 1, (const char *const[]){ __VA_ARGS__, NULL })

static void refuse(const char *pem, size_t len, const char *expected)
{
	struct pem_reader reader;
	struct error err = { 0 };
	int r;

	pem_reader_init(&reader, pem, len);
	do {
		CLEANUP(buf_done) struct buf der = BUF(1024);

		r = pem_next(&reader, "X", &der, &err);
	} while (r == PEM_BLOCK);
	assert_int_equal(r, -1);
	assert_int_equal(err.kind, ERROR_PROTOCOL);
	if (!strstr(err.message, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.message, expected);
}

#define REFUSE(pem, expected) refuse(pem, sizeof(pem) - 1, expected)

static void test_accepts(void **state)
{
	(void)state;
	EXPECT("", NULL);
	EXPECT("\n\r\n\n", NULL);
	EXPECT(BEGIN "aGVsbG8=\n" END, "hello");
	EXPECT(BEGIN "aGVs\nbG8=\n" END, "hello");
	EXPECT(BEGIN "aGVsbG8=\n-----END X-----", "hello");
	EXPECT("-----BEGIN X-----\r\naGVs\r\nbG8=\r\n-----END X-----\r\n", "hello");
	EXPECT(BEGIN "YQ==\n" END BEGIN "Yg==\n" END, "a", "b");
	EXPECT("\n" BEGIN "YQ==\n" END "\n\n" BEGIN "Yg==\n" END "\n", "a", "b");
	EXPECT(BEGIN "YQ\n=\n=\n" END, "a");
	EXPECT(BEGIN "aGVsbG8g+/+/\n" END, "hello \xfb\xff\xbf");
	/* An empty line within a block carries nothing. */
	EXPECT(BEGIN "\naGVs\n\nbG8=\n" END, "hello");
}

static void test_refuses(void **state)
{
	(void)state;
	REFUSE("text\n" BEGIN "YQ==\n" END, "line 1 is not \"-----BEGIN X-----\"");
	REFUSE(BEGIN "YQ==\n" END "text\n", "line 4 is not");
	REFUSE(BEGIN "YQ==\n" END " \n", "line 4 is not");
	REFUSE(" " BEGIN "YQ==\n" END, "line 1 is not");
	REFUSE("-----BEGIN X----- \nYQ==\n" END, "line 1 begins a block of another kind");
	REFUSE("-----BEGIN TRUSTED X-----\nYQ==\n-----END TRUSTED X-----\n", "another kind: -----BEGIN TRUSTED X-----");
	REFUSE("-----BEGIN Y-----\nYQ==\n-----END Y-----\n", "another kind");
	REFUSE(BEGIN "YQ==\n-----END Y-----\n", "line 3 is not base64");
	REFUSE(BEGIN END, "the block that begins in line 1 is empty");
	REFUSE(BEGIN "\n" END, "is empty");
	REFUSE(BEGIN "====\n" END, "not base64");
	REFUSE(BEGIN "==\n" END, "is empty");
	REFUSE(BEGIN "YQ==\n", "has no end");
	REFUSE(BEGIN, "has no end");
	REFUSE("-----BEGIN X-----", "has no end");
	REFUSE(BEGIN BEGIN BEGIN, "line 2 is not base64");
	REFUSE(BEGIN "YQ=\n" END, "cut or wrongly padded");
	REFUSE(BEGIN "YQ\n" END, "cut or wrongly padded");
	REFUSE(BEGIN "YQ==YQ==\n" END, "line 2 is not base64 (column 5)");
	REFUSE(BEGIN "YR==\n" END, "the block that begins in line 1");
	REFUSE(BEGIN "Y Q=\n" END, "not of its alphabet");
	REFUSE(BEGIN "YQ==\t\n" END, "line 2 is not base64 (column 5)");
	REFUSE(BEGIN "Y-_Q\n" END, "line 2 is not base64 (column 2)");
	REFUSE(BEGIN "Y\r\rQ\n" END, "not of its alphabet");
	REFUSE(BEGIN "Y\0==\n" END, "not of its alphabet");
	REFUSE("\0", "line 1 is not");
	REFUSE(BEGIN "Proc-Type: 4,ENCRYPTED\n\nYQ==\n" END, "line 2 is not base64");
}

static void test_maximum_counts(void **state)
{
	CLEANUP(buf_done) struct buf der = BUF(4);
	struct pem_reader reader;
	struct error err = { 0 };
	const char pem[] = BEGIN "aGVsbG8=\n" END;

	(void)state;
	pem_reader_init(&reader, pem, sizeof(pem) - 1);
	assert_int_equal(pem_next(&reader, "X", &der, &err), -1);
	assert_int_equal(der.len, 0);
}

static void test_thousands_of_beginnings(void **state)
{
	CLEANUP(buf_done) struct buf pem = BUF(1 << 20);

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_append_text(&pem, BEGIN);
	refuse(pem.data, pem.len, "line 2 is not base64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_maximum_counts),
		cmocka_unit_test(test_thousands_of_beginnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
