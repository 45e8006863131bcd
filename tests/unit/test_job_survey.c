/* test_job_survey.c: what is remembered of a generation counts exactly as long as nothing of it has changed. */
#include "job/survey.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "config/config.h"
#include "job/known.h"
#include "store/index.h"
#include "store/store.h"
#include "testca.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static struct error err;

static const struct testca_name names[] = { { GEN_DNS, "a.example", 0 }, { GEN_DNS, "*.a.example", 0 }, { GEN_IPADD, "\xc0\x00\x02\x01", 4 } };

static struct config_ca ca = { .name = "ca", .directory = "https://ca.example/" };
static const struct config_ca *const cas[] = { &ca };
static struct config_certificate certificate = { .name = "a.example", .settings = { .ca = &ca, .cas = cas, .cas_count = 1 } };

struct place {
	struct scratch *scratch;
	struct store *store;
	struct store_cert *cert;
};

static void key_text(EVP_PKEY *key, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_read(bio, out, (int)size - 1);
	assert_true(n > 0);
	out[n] = '\0';
	BIO_free(bio);
}

static void add_generation(const struct store_cert *cert)
{
	const struct testca_spec root_spec = { .cn = "Root", .ca = true }, leaf_spec = { .cn = "a\xc3\xa4", .names = names, .name_count = 3 };
	struct testca_cert root = testca_issue(&root_spec, NULL, NULL);
	struct testca_cert leaf = testca_issue(&leaf_spec, NULL, &root);
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	char key[4096];
	uint64_t generation;

	key_text(leaf.key, key, sizeof(key));
	testca_append_pem(&leaf, &pem);
	testca_append_pem(&root, &pem);
	assert_works(store_generation_add(cert,
	                                  &(struct store_files){ .privkey = key, .cert = buf_text(&pem), .chain = buf_text(&pem),
	                                                         .fullchain = buf_text(&pem) },
	                                  1, &generation, &err));
	assert_works(store_live_switch(cert, generation, &err));
	testca_done(&leaf);
	testca_done(&root);
}

/* One of two: its texts into `pem` and `key`. */
static struct store_files make_pair(const struct testca_cert *root, const char *kind, int64_t earlier_s, struct buf *pem,
                                    char key[static 4096])
{
	const struct testca_spec spec = { .names = names, .name_count = 3, .not_before_at = TESTCA_NOW - 1000,
		                          .not_after_at = TESTCA_NOW + 1000 - earlier_s };
	struct testca_cert leaf = testca_issue(&spec, testca_key(kind), root);

	key_text(leaf.key, key, 4096);
	testca_append_pem(&leaf, pem);
	testca_append_pem(root, pem);
	testca_done(&leaf);
	return (struct store_files){ .privkey = key, .cert = buf_text(pem), .chain = buf_text(pem), .fullchain = buf_text(pem) };
}

static void add_two(const struct store_cert *cert)
{
	const struct testca_spec root_spec = { .cn = "Root", .ca = true };
	struct testca_cert root = testca_issue(&root_spec, NULL, NULL);
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	CLEANUP(buf_done) struct buf rsa_pem = BUF(CERT_PEM_MAX);
	char key[4096], rsa_key[4096];
	struct store_files files[2];
	uint64_t generation;

	files[0] = make_pair(&root, "P-256", 0, &pem, key);
	files[1] = make_pair(&root, "RSA-2048", 500, &rsa_pem, rsa_key);
	files[0].family = KEY_FAMILY_ECDSA;
	files[1].family = KEY_FAMILY_RSA;
	assert_works(store_generation_add(cert, files, 2, &generation, &err));
	assert_works(store_live_switch(cert, generation, &err));
	testca_done(&root);
}

static struct place open_place(struct scratch *s)
{
	struct place p = { .scratch = s };

	assert_works(store_open(scratch_path(s, "state"), true, &p.store, &err));
	assert_works(store_cert_open(p.store, "a.example", true, &p.cert, &err));
	return p;
}

static void close_place(struct place *p)
{
	store_cert_free(p->cert);
	store_free(p->store);
}

static struct job_survey look(const struct place *p)
{
	struct job_survey survey;

	assert_works(job_survey_read(p->cert, &certificate, &survey, &err));
	return survey;
}

/* Remembers something that is not so: what is shown next tells whether it was remembered or looked at. */
static void remember_falsely(const struct place *p)
{
	struct job_survey survey = look(p);
	struct store_stamp stamp;

	assert_true(survey.have);
	assert_int_equal(store_generation_stamp(p->cert, survey.newest, &stamp, &err), 0);
	stamp.fresh = false;
	survey.facts.not_after_at += 1;
	job_known_keep(p->cert, &stamp, &survey);
	assert_works(store_index_save(p->store, &err));
	job_survey_done(&survey);
}

static void test_remembered(void **state)
{
	struct place p = open_place(*state);
	struct job_survey looked, remembered;

	add_generation(p.cert);
	looked = look(&p);
	assert_true(looked.have);
	remember_falsely(&p);
	close_place(&p);

	p = open_place(*state);
	remembered = look(&p);
	assert_true(remembered.have);
	assert_int_equal(remembered.facts.not_after_at, looked.facts.not_after_at + 1);
	assert_int_equal(remembered.facts.not_before_at, looked.facts.not_before_at);
	assert_string_equal(remembered.facts.serial, looked.facts.serial);
	assert_string_equal(remembered.facts.fingerprint, looked.facts.fingerprint);
	assert_string_equal(remembered.facts.subject, looked.facts.subject);
	assert_string_equal(remembered.facts.issuer, "Root");
	assert_string_equal(remembered.facts.ari_id, looked.facts.ari_id);
	assert_ptr_equal(remembered.facts.key, looked.facts.key);
	assert_int_equal(remembered.names.count, 3);
	assert_true(ident_list_same(&remembered.names, &looked.names));
	assert_true(remembered.names.items[1].wildcard);
	assert_int_equal(remembered.names.items[2].type, IDENT_IP);
	job_survey_done(&looked);
	job_survey_done(&remembered);
	close_place(&p);
}

static void test_changed(void **state)
{
	struct scratch *s = *state;
	struct place p = open_place(s);
	struct job_survey survey;
	const char *key = scratch_path(s, "state/certificates/a.example/1/privkey.pem");

	add_generation(p.cert);
	remember_falsely(&p);
	assert_int_equal(chmod(key, 0640), 0);
	survey = look(&p);
	assert_true(survey.have);
	assert_int_equal(survey.facts.not_after_at % 2, 0); /* as it is */
	job_survey_done(&survey);

	/* The key of another certificate. */
	remember_falsely(&p);
	add_generation(p.cert);
	assert_works(store_live_switch(p.cert, 1, &err));
	assert_int_equal(rename(scratch_path(s, "state/certificates/a.example/2/privkey.pem"), key), 0);
	survey = look(&p);
	assert_false(survey.have);
	assert_non_null(strstr(survey.damage, "is not for its key"));
	job_survey_done(&survey);
	assert_int_equal(unlink(scratch_path(s, "state/certificates/a.example/1/cert.pem")), 0);
	survey = look(&p);
	assert_false(survey.have);
	assert_non_null(strstr(survey.damage, "cert.pem of generation 1 is missing"));
	job_survey_done(&survey);
	close_place(&p);
}

static void test_two(void **state)
{
	struct scratch *s = *state;
	struct place p = open_place(s);
	struct job_survey survey, remembered;
	const char *rsa_key = scratch_path(s, "state/certificates/a.example/1/privkey-rsa.pem");
	size_t i = 9;

	add_two(p.cert);
	survey = look(&p);
	assert_true(survey.have);
	assert_int_equal(survey.pairs, 2);
	assert_string_equal(survey.facts.key, "ecdsa-p256");
	assert_string_equal(survey.second.key, "rsa-2048");
	assert_int_equal(job_survey_not_after_at(&survey), TESTCA_NOW + 500);
	assert_true(job_survey_find(&survey, KEY_FAMILY_RSA, &i));
	assert_int_equal(i, 1);
	remember_falsely(&p);
	remembered = look(&p);
	assert_int_equal(remembered.pairs, 2);
	assert_int_equal(remembered.facts.not_after_at, survey.facts.not_after_at + 1);
	assert_string_equal(remembered.second.fingerprint, survey.second.fingerprint);
	job_survey_done(&survey);
	job_survey_done(&remembered);

	/* Swapped: NGINX would take it, and refuse every client of that kind. */
	assert_int_equal(rename(scratch_path(s, "state/certificates/a.example/1/privkey.pem"), rsa_key), 0);
	scratch_write(s, "state/certificates/a.example/1/privkey.pem", "x", 0600);
	survey = look(&p);
	assert_false(survey.have);
	job_survey_done(&survey);
	add_two(p.cert);
	rsa_key = scratch_path(s, "state/certificates/a.example/2/privkey-rsa.pem");
	assert_int_equal(unlink(rsa_key), 0);
	survey = look(&p);
	assert_false(survey.have);
	assert_non_null(strstr(survey.damage, "privkey-rsa.pem"));
	job_survey_done(&survey);
	add_two(p.cert);
	add_two(p.cert);
	assert_int_equal(rename(scratch_path(s, "state/certificates/a.example/3/privkey-rsa.pem"),
	                        scratch_path(s, "state/certificates/a.example/4/privkey-rsa.pem")),
	                 0);
	survey = look(&p);
	assert_false(survey.have);
	assert_non_null(strstr(survey.damage, "fullchain-rsa.pem of generation 4 is not for its key"));
	job_survey_done(&survey);
	close_place(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_remembered, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_changed, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_two, scratch_make, scratch_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
