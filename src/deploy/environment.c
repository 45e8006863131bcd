/* environment.c: what hooks are told of a certificate. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strv.h"
#include "config/config.h"
#include "crypto/cert.h"
#include "deploy/deploy.h"
#include "store/store.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

static void add_names(const struct ident_list *names, struct strv *out)
{
	CLEANUP(buf_done) struct buf text = BUF((size_t)IDENT_LIST_MAX * IDENT_VALUE_SIZE);

	for (size_t i = 0; i < names->count; i++)
		buf_printf(&text, "%s%s", i > 0 ? " " : "", names->items[i].value);
	out->failed = out->failed || text.failed;
	strv_addf(out, "CERTD_NAMES=%s", buf_text(&text));
}

/* The files of one certificate; of a second one that there is not, empty texts. */
static int add_files(const struct store_cert *store, const enum key_family *family, bool second, struct strv *out,
                     struct error *err)
{
	static const struct {
		const char *variable;
		const char *file;
	} paths[] = {
		{ "CERTD_PRIVKEY", "privkey" },
		{ "CERTD_CERT", "cert" },
		{ "CERTD_CHAIN", "chain" },
		{ "CERTD_FULLCHAIN", "fullchain" },
	};
	char file[STORE_FILE_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP(buf_done) struct buf path = BUF(PATH_MAX);

		if ((!second || family != NULL) &&
		    store_live_path(store, store_file_name(paths[i].file, family, file), &path, err) < 0)
			return -1;
		strv_addf(out, "%s%s=%s", paths[i].variable, second ? "_2" : "", buf_text(&path));
	}
	return 0;
}

static int add_paths(const struct store_cert *store, const enum key_family *second, struct strv *out, struct error *err)
{
	CLEANUP(buf_done) struct buf live = BUF(PATH_MAX);

	if (store_live_path(store, NULL, &live, err) < 0)
		return -1;
	strv_addf(out, "CERTD_LIVE_DIR=%s", buf_text(&live));
	if (add_files(store, NULL, false, out, err) < 0)
		return -1;
	return add_files(store, second, true, out, err);
}

/* 0 when they could be had. A hook that tells of a failure must run also when it is the certificate that cannot be read. */
static int read_facts(const struct store_cert *store, uint64_t generation, const enum key_family *second, struct cert_facts *ret,
                      struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	char file[STORE_FILE_SIZE];

	if (store_generation_read(store, generation, store_file_name("fullchain", second, file), &pem, err) != STORE_OK)
		return -1;
	if (cert_chain_parse(buf_text(&pem), pem.len, &chain, err) < 0)
		return -1;
	return cert_chain_facts(chain, 0, ret, err);
}

/* *ret_end_at: the earlier of what it was and the certificate's end. */
static void add_certificate(const struct store_cert *store, uint64_t generation, const enum key_family *second, bool there,
                            int64_t *ret_end_at, struct strv *out)
{
	struct cert_facts facts = { .serial = "", .key = "" };
	const char *suffix = second != NULL || !there ? "_2" : "";
	struct error ignored;

	error_clear(&ignored);
	if (there && generation != 0 && read_facts(store, generation, second, &facts, &ignored) < 0) {
		facts = (struct cert_facts){ .serial = "", .key = "" };
		log_debug("generation %" PRIu64 " has no certificate to tell hooks of: %s", generation, ignored.message);
	}
	if (facts.not_after_at != 0 && (*ret_end_at == 0 || facts.not_after_at < *ret_end_at))
		*ret_end_at = facts.not_after_at;
	strv_addf(out, "CERTD_SERIAL%s=%s", suffix, facts.serial);
	strv_addf(out, "CERTD_KEY_TYPE%s=%s", suffix, facts.key);
}

static void add_facts(const struct store_cert *store, uint64_t generation, const enum key_family *second, struct strv *out)
{
	char not_after[TIME_TEXT_SIZE] = "";
	int64_t end_at = 0;

	if (generation == 0)
		strv_add(out, "CERTD_GENERATION=");
	else
		strv_addf(out, "CERTD_GENERATION=%" PRIu64, generation);
	add_certificate(store, generation, NULL, true, &end_at, out);
	add_certificate(store, generation, second, second != NULL, &end_at, out);
	if (end_at != 0)
		time_format(end_at, not_after);
	strv_addf(out, "CERTD_NOT_AFTER=%s", not_after);
}

int deploy_environment(const struct config *config, const struct config_certificate *certificate,
                       const struct store_cert *store, uint64_t generation, struct strv *out, struct error *err)
{
	CLEANUP(buf_done) struct buf snippet = BUF(PATH_MAX);
	const enum key_family *second = NULL;
	enum key_family family;
	struct error ignored;

	/* Without NGINX there is none, and a path that shows nothing would mislead. */
	if (certificate->settings.deploy == CONFIG_DEPLOY_NGINX &&
	    deploy_snippet_path(config, certificate->name, &snippet, err) < 0)
		return -1;
	/* What cannot be read is as good as none here: hooks are told of failures, too. */
	error_clear(&ignored);
	if (store_generation_second(store, generation, &family, &ignored) == STORE_OK)
		second = &family;
	add_names(&certificate->names, out);
	if (add_paths(store, second, out, err) < 0)
		return -1;
	strv_addf(out, "CERTD_SNIPPET=%s", buf_text(&snippet));
	add_facts(store, generation, second, out);
	if (out->failed)
		return error_set(err, ERROR_INTERNAL, "the environment of the hooks is too large, or out of memory");
	return 0;
}
