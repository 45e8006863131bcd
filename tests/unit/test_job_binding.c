#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "config/config.h"
#include "job/binding.h"

#include "scratch.h"

static const struct config_ca by_credential = { .name = "zerossl", .eab_kid = "k", .eab_hmac_file = "credential:zerossl.hmac" };

static void put(const struct scratch *place, const char *text)
{
	struct error err;

	assert_int_equal(file_write(place->fd, "zerossl.hmac", text, strlen(text), 0600, &err), 0);
}

static int teardown(void **state)
{
	unsetenv("CREDENTIALS_DIRECTORY");
	return scratch_remove(state);
}

static void test_a_file(void **state)
{
	const struct scratch *place = *state;
	CLEANUP(buf_done) struct buf key = BUF_SECRET(64);
	char path[96];
	const struct config_ca ca = { .name = "a", .eab_kid = "k", .eab_hmac_file = path };
	struct error err;

	snprintf(path, sizeof(path), "%s/zerossl.hmac", place->path);
	assert_int_equal(job_binding_load(&ca, true, &key, &err), -1);
	assert_non_null(strstr(err.message, "of eab-hmac-file does not exist"));
	assert_int_equal(job_binding_load(&ca, false, &key, &err), 0);
	assert_int_equal(key.len, 0);
	put(place, "AQID\n");
	assert_int_equal(job_binding_load(&ca, true, &key, &err), 0);
	assert_int_equal(key.len, 3);
	assert_memory_equal(key.data, "\1\2\3", 3);
}

static void test_a_credential(void **state)
{
	const struct scratch *place = *state;
	CLEANUP(buf_done) struct buf key = BUF_SECRET(64);
	struct error err;

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", place->path, 1), 0);
	put(place, "AQID\n");
	assert_int_equal(job_binding_load(&by_credential, true, &key, &err), 0);
	assert_int_equal(key.len, 3);
	assert_memory_equal(key.data, "\1\2\3", 3);

	put(place, "no base64");
	assert_int_equal(job_binding_load(&by_credential, true, &key, &err), -1);
	assert_non_null(strstr(err.message, "the key in credential:zerossl.hmac"));
	assert_null(strstr(err.message, "no base64"));
}

static void test_no_credential(void **state)
{
	const struct scratch *place = *state;
	CLEANUP(buf_done) struct buf key = BUF_SECRET(64);
	struct error err;

	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(job_binding_load(&by_credential, true, &key, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_non_null(strstr(err.message, "the credential zerossl.hmac is not at hand"));
	assert_non_null(strstr(err.advice, "LoadCredential=zerossl.hmac:FILE"));
	/* By hand, with an account that is made already. */
	assert_int_equal(job_binding_load(&by_credential, false, &key, &err), 0);
	assert_int_equal(key.len, 0);

	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", place->path, 1), 0);
	assert_int_equal(job_binding_load(&by_credential, true, &key, &err), -1);
	assert_non_null(strstr(err.message, "there is no credential zerossl.hmac among those of this service, in "));
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "here", 1), 0);
	assert_int_equal(job_binding_load(&by_credential, true, &key, &err), -1);
	assert_non_null(strstr(err.message, "CREDENTIALS_DIRECTORY is \"here\""));
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, scratch_make, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_a_file),
		ROW(test_a_credential),
		ROW(test_no_credential),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
