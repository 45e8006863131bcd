/* test_job_urgency.c: whose turn it is first. */
#include "job/urgency.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "config/config.h"
#include "job/survey.h"
#include "store/store.h"
#include "testca.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scratch.h"

enum { DAY_S = 86400, COUNT = 7 };

static struct error err;

static void add_generation(const struct store *store, const char *name, int64_t not_after_at)
{
	const struct testca_name names[] = { { GEN_DNS, name, 0 } };
	const struct testca_spec root_spec = { .cn = "Root", .ca = true };
	const struct testca_spec spec = { .names = names, .name_count = 1, .not_before_at = not_after_at - 90 * DAY_S, .not_after_at = not_after_at };
	struct testca_cert root = testca_issue(&root_spec, NULL, NULL), leaf = testca_issue(&spec, NULL, &root);
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	CLEANUP(store_cert_cleanup) struct store_cert *cert = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char key[4096] = "";
	uint64_t generation;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, leaf.key, NULL, NULL, 0, NULL, NULL), 1);
	assert_true(BIO_read(bio, key, sizeof(key) - 1) > 0);
	BIO_free(bio);
	testca_append_pem(&leaf, &pem);
	testca_append_pem(&root, &pem);
	assert_works(store_cert_open(store, name, true, &cert, &err));
	assert_works(store_generation_add(cert,
	                                  &(struct store_files){ .privkey = key, .cert = buf_text(&pem), .chain = buf_text(&pem),
	                                                         .fullchain = buf_text(&pem) },
	                                  1, &generation, &err));
	assert_works(store_live_switch(cert, generation, &err));
	testca_done(&leaf);
	testca_done(&root);
}

static void test_sort(void **state)
{
	/* Days that the certificate has left; 0: there is none. Those with more than thirty are not due. */
	static const struct {
		const char *name;
		int left_d;
	} all[COUNT] = {
		{ "later.example", 80 }, { "soon.example", 20 }, { "none.example", 0 },    { "other.example", 31 },
		{ "near.example", 1 },   { "gone.example", -3 }, { "also.example", 20 },
	};
	static const size_t turns[COUNT] = { 5, 2, 4, 1, 6, 0, 3 };
	const struct job_survey_options options = { .now_at = TESTCA_NOW };
	struct config_ca ca = { .name = "ca", .directory = "https://ca.example/" };
	struct config_certificate certificates[COUNT] = { 0 };
	const struct config_certificate *sorted[COUNT];
	CLEANUP(store_cleanup) struct store *store = NULL;
	size_t places[COUNT];

	assert_works(store_open(scratch_path(*state, "state"), true, &store, &err));
	for (size_t i = 0; i < COUNT; i++) {
		struct ident ident;

		assert_works(ident_parse(all[i].name, &ident, &err));
		certificates[i].name = all[i].name;
		certificates[i].settings.ca = &ca;
		certificates[i].settings.keys = (struct config_keys){ { KEY_ECDSA_P256 }, 1 };
		assert_works(ident_list_add(&certificates[i].names, &ident, &err));
		if (all[i].left_d != 0)
			add_generation(store, all[i].name, TESTCA_NOW + (int64_t)all[i].left_d * DAY_S);
		sorted[i] = &certificates[i];
		places[i] = i;
	}
	job_urgency_sort(store, &options, sorted, places, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(places[i], turns[i]);
		assert_string_equal(sorted[i]->name, all[turns[i]].name);
	}
	for (size_t i = 0; i < COUNT; i++)
		ident_list_done(&certificates[i].names);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(test_sort, scratch_make, scratch_remove) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
