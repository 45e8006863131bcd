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

static int add_paths(const struct store_cert *store, struct strv *out, struct error *err)
{
	static const struct {
		const char *variable;
		const char *file;
	} paths[] = {
		{ "CERTD_LIVE_DIR", NULL },         { "CERTD_PRIVKEY", "privkey.pem" },     { "CERTD_CERT", "cert.pem" },
		{ "CERTD_CHAIN", "chain.pem" },     { "CERTD_FULLCHAIN", "fullchain.pem" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP(buf_done) struct buf path = BUF(PATH_MAX);

		if (store_live_path(store, paths[i].file, &path, err) < 0)
			return -1;
		strv_addf(out, "%s=%s", paths[i].variable, buf_text(&path));
	}
	return 0;
}

/* 0 when they could be had. A hook that tells of a failure must run also when it is the certificate that cannot be read. */
static int read_facts(const struct store_cert *store, uint64_t generation, struct cert_facts *ret, struct error *err)
{
	CLEANUP(buf_done) struct buf pem = BUF(CERT_PEM_MAX);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;

	if (store_generation_read(store, generation, "fullchain.pem", &pem, err) != STORE_OK)
		return -1;
	if (cert_chain_parse(buf_text(&pem), pem.len, &chain, err) < 0)
		return -1;
	return cert_chain_facts(chain, 0, ret, err);
}

static void add_facts(const struct store_cert *store, uint64_t generation, struct strv *out)
{
	struct cert_facts facts = { .serial = "" };
	char not_after[TIME_TEXT_SIZE] = "";
	struct error ignored;

	if (generation == 0) {
		strv_add(out, "CERTD_GENERATION=");
	} else {
		strv_addf(out, "CERTD_GENERATION=%" PRIu64, generation);
		error_clear(&ignored);
		if (read_facts(store, generation, &facts, &ignored) == 0)
			time_format(facts.not_after_at, not_after);
		else
			log_debug("generation %" PRIu64 " has no certificate to tell hooks of: %s", generation, ignored.message);
	}
	strv_addf(out, "CERTD_NOT_AFTER=%s", not_after);
	strv_addf(out, "CERTD_SERIAL=%s", facts.serial);
}

int deploy_environment(const struct config *config, const struct config_certificate *certificate,
                       const struct store_cert *store, uint64_t generation, struct strv *out, struct error *err)
{
	CLEANUP(buf_done) struct buf snippet = BUF(PATH_MAX);

	/* Without NGINX there is none, and a path that shows nothing would mislead. */
	if (certificate->settings.deploy == CONFIG_DEPLOY_NGINX &&
	    deploy_snippet_path(config, certificate->name, &snippet, err) < 0)
		return -1;
	add_names(&certificate->names, out);
	if (add_paths(store, out, err) < 0)
		return -1;
	strv_addf(out, "CERTD_SNIPPET=%s", buf_text(&snippet));
	add_facts(store, generation, out);
	if (out->failed)
		return error_set(err, ERROR_INTERNAL, "the environment of the hooks is too large, or out of memory");
	return 0;
}
