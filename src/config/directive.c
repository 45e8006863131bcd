/* directive.c: the one table of what can stand in the configuration. */
#include "config/directive.h"

#include "base/clean.h"
#include "base/text.h"
#include "config/config.h"

#include <assert.h>

#define GLOBAL CONFIG_SCOPE_GLOBAL
#define EACH (CONFIG_SCOPE_GLOBAL | CONFIG_SCOPE_CERTIFICATE)
#define FOR_CA (EACH | CONFIG_SCOPE_CA)
#define ALL(member) offsetof(struct config, member)
#define ONE(member) offsetof(struct config_settings, member)
#define SITE(member) offsetof(struct config_site, member)
#define NONE CONFIG_NO_OFFSET
#define HOURS_S ((int64_t)60 * 60)

static const struct config_directive directives[] = {
	{ "names", CONFIG_KIND_NAMES, CONFIG_SCOPE_CERTIFICATE, false, NONE, 0, 0, NULL, "NAME",
	  "the names that the certificate is for" },
	{ "email", CONFIG_KIND_EMAIL, EACH, true, ONE(email), 0, 0, NULL, "ADDR", "address for the CA's account" },
	{ "agree-tos", CONFIG_KIND_BOOL, EACH, true, ONE(agree_tos), 0, 0, "false", NULL,
	  "agree to the CA's terms of service" },
	{ "ca", CONFIG_KIND_CAS, EACH, true, NONE, 0, 0, "letsencrypt", "NAME|URL",
	  "the CA, by name or URL of its directory; with commas several, in order" },
	{ "directory", CONFIG_KIND_URL, CONFIG_SCOPE_CA, false, NONE, 0, 0, NULL, "URL", "the CA's directory" },
	{ "ca-bundle", CONFIG_KIND_PATH, FOR_CA, true, NONE, 0, 0, NULL, "FILE",
	  "whom to trust for the CA's own HTTPS, in place of the system" },
	{ "eab-kid", CONFIG_KIND_WORD, FOR_CA, true, NONE, 0, 0, NULL, "ID",
	  "the CA's key identifier for external account binding" },
	{ "eab-hmac-file", CONFIG_KIND_SECRET, FOR_CA, true, NONE, 0, 0, NULL, "FILE",
	  "file (or credential:NAME) with the CA's key for external account binding" },
	{ "eab-algorithm", CONFIG_KIND_HMAC, FOR_CA, true, NONE, 0, 0, NULL, "HS256|HS384|HS512",
	  "the algorithm of external account binding" },
	{ "orders-per-account", CONFIG_KIND_LIMIT, CONFIG_SCOPE_CA, false, NONE, 0, 0, NULL, "NUMBER/TIME",
	  "how many orders the CA takes from an account within that time" },
	{ "certificates-per-names", CONFIG_KIND_LIMIT, CONFIG_SCOPE_CA, false, NONE, 0, 0, NULL, "NUMBER/TIME",
	  "how many certificates for exactly the same names it issues within that time" },
	{ "failures-per-name", CONFIG_KIND_LIMIT, CONFIG_SCOPE_CA, false, NONE, 0, 0, NULL, "NUMBER/TIME",
	  "how many validations of a name may fail within that time" },
	{ "renewals-exempt", CONFIG_KIND_BOOL, CONFIG_SCOPE_CA, false, NONE, 0, 0, "false", NULL,
	  "whether the CA does not count renewals" },
	{ "key", CONFIG_KIND_KEYS, EACH, true, ONE(keys), 0, 0, "ecdsa-p256", "TYPE[,TYPE]",
	  "the type of the certificate's key; two for one of each" },
	{ "profile", CONFIG_KIND_WORD, EACH, true, ONE(profile), 0, 0, NULL, "NAME",
	  "the CA's profile for the certificate" },
	{ "require-profile", CONFIG_KIND_BOOL, EACH, true, ONE(require_profile), 0, 0, "false", NULL,
	  "no certificate where the CA does not offer that profile" },
	{ "reuse-key", CONFIG_KIND_BOOL, EACH, true, ONE(reuse_key), 0, 0, "false", NULL,
	  "keep the key when the certificate is renewed" },
	{ "key-owner", CONFIG_KIND_OWNER, EACH, false, ONE(key_owner), 0, 0, NULL, "USER", "whose the files of key and certificate are" },
	{ "key-group", CONFIG_KIND_GROUP, EACH, false, ONE(key_group), 0, 0, NULL, "GROUP", "the group that may read the key" },
	{ "key-mode", CONFIG_KIND_MODE, EACH, false, ONE(key_mode), 0400, 0640, NULL, "MODE", "the mode of the key's file" },
	{ "cert-mode", CONFIG_KIND_MODE, EACH, false, ONE(cert_mode), 0400, 0644, NULL, "MODE", "the mode of the certificate's files" },
	{ "preferred-chain", CONFIG_KIND_TEXT, EACH, true, ONE(preferred_chain), 0, 0, NULL, "NAME|FINGERPRINT",
	  "which of the CA's chains, by a name in it or its root's" },
	{ "challenge", CONFIG_KIND_CHALLENGE, EACH, true, ONE(challenge), 0, 0, "http-01", "TYPE",
	  "how to prove control of the names" },
	{ "webroot", CONFIG_KIND_NGINX_PATH, EACH, true, ONE(webroot), 0, 0, NULL, "DIR",
	  "where NGINX serves the proofs of http-01 from" },
	{ "resolver", CONFIG_KIND_RESOLVER, EACH, true, ONE(resolver), 0, 0, NULL, "ADDRESS[@PORT]",
	  "DNS resolver to ask in place of the system's" },
	{ "preflight", CONFIG_KIND_BOOL, EACH, false, ONE(preflight), 0, 0, "true", NULL,
	  "ask first what the CA will ask" },
	{ "http-port", CONFIG_KIND_PORT, EACH, false, ONE(http_port), 0, 0, "80", "PORT",
	  "the port of the preflight's own request" },
	{ "deploy", CONFIG_KIND_DEPLOY, EACH, false, ONE(deploy), 0, 0, "nginx", "nginx|none",
	  "what is done with a new certificate" },
	{ "serve-address", CONFIG_KIND_ADDRESSES, EACH, false, ONE(serve), 0, 0, NULL, "ADDRESS",
	  "the local listeners that are asked for the new certificate" },
	{ "https-port", CONFIG_KIND_PORT, EACH, false, ONE(https_port), 0, 0, "443", "PORT", "the port of that listener" },

	{ "state-dir", CONFIG_KIND_NGINX_PATH, GLOBAL, false, ALL(state_dir), 0, 0, CERTD_LOCALSTATEDIR "/lib/certd", "DIR",
	  "keys, certificates, accounts" },
	{ "runtime-dir", CONFIG_KIND_PATH, GLOBAL, false, ALL(runtime_dir), 0, 0, CERTD_RUNSTATEDIR "/certd", "DIR",
	  "the lock" },
	{ "hooks-dir", CONFIG_KIND_PATH, GLOBAL, false, ALL(hooks_dir), 0, 0, CERTD_SYSCONFDIR "/certd/hooks.d", "DIR",
	  "the folder of the hooks' folders" },
	{ "nginx-snippet-dir", CONFIG_KIND_NGINX_PATH, GLOBAL, false, ALL(nginx_snippet_dir), 0, 0,
	  CERTD_SYSCONFDIR "/nginx/snippets", "DIR", "where the snippets for NGINX are written" },
	{ "net-user", CONFIG_KIND_USER, GLOBAL, false, ALL(net_user), 0, 0, "certd", "USER",
	  "whom the net process runs as" },
	{ "metrics-file", CONFIG_KIND_PATH, GLOBAL, false, ALL(metrics_file), 0, 0, NULL, "FILE",
	  "where metrics for Prometheus are written" },
	{ "keep-generations", CONFIG_KIND_COUNT, GLOBAL, false, ALL(keep_generations), 1, 100, "5", "NUMBER",
	  "how many generations of a certificate are kept" },
	{ "jobs", CONFIG_KIND_COUNT, GLOBAL, false, ALL(jobs), 1, 64, "4", "NUMBER",
	  "how many jobs the daemon has side by side" },
	{ "connect-timeout", CONFIG_KIND_DURATION, GLOBAL, false, ALL(timeouts.connect_ms), 1, HOURS_S, "15s", "TIME",
	  "for a connection to be there" },
	{ "idle-timeout", CONFIG_KIND_DURATION, GLOBAL, false, ALL(timeouts.idle_ms), 1, HOURS_S, "30s", "TIME",
	  "for a peer that sends nothing" },
	{ "request-timeout", CONFIG_KIND_DURATION, GLOBAL, false, ALL(timeouts.request_ms), 1, HOURS_S, "60s", "TIME",
	  "for one request" },
	{ "retry-after-max", CONFIG_KIND_DURATION, GLOBAL, false, ALL(timeouts.retry_after_max_ms), 1, HOURS_S, "5min",
	  "TIME", "the longest Retry-After that is waited for within a run" },
	{ "attempt-timeout", CONFIG_KIND_DURATION, GLOBAL, false, ALL(timeouts.attempt_ms), 1, 24 * HOURS_S, "10min",
	  "TIME", "for one certificate's attempt" },
	{ "hook-timeout", CONFIG_KIND_DURATION, GLOBAL, false, ALL(timeouts.hook_ms), 1, 24 * HOURS_S, "5min", "TIME",
	  "for one hook" },
	{ "deploy-timeout", CONFIG_KIND_DURATION, GLOBAL, false, ALL(timeouts.deploy_ms), 1, HOURS_S, "10s", "TIME",
	  "for reload and proof together" },

	{ "binary", CONFIG_KIND_PATH, CONFIG_SCOPE_NGINX, false, ALL(nginx.binary), 0, 0, "/usr/sbin/nginx", "FILE",
	  "the NGINX program" },
	{ "config", CONFIG_KIND_PATH, CONFIG_SCOPE_NGINX, false, ALL(nginx.config), 0, 0, NULL, "FILE",
	  "its configuration (nginx -c)" },
	{ "prefix", CONFIG_KIND_PATH, CONFIG_SCOPE_NGINX, false, ALL(nginx.prefix), 0, 0, NULL, "DIR",
	  "its prefix (nginx -p)" },
	{ "hook", CONFIG_KIND_PATH, CONFIG_SCOPE_NGINX, false, ALL(nginx.hook), 0, 0, CERTD_LIBEXECDIR "/hooks/nginx",
	  "FILE", "the program that makes NGINX take new files" },

	{ "root", CONFIG_KIND_NGINX_PATH, CONFIG_SCOPE_SITE, true, SITE(root), 0, 0, NULL, "DIR",
	  "the folder with the files of the site" },
	{ "index", CONFIG_KIND_FILES, CONFIG_SCOPE_SITE, true, SITE(index), 0, 0, NULL, "FILES",
	  "the file that stands for a folder" },
	{ "error-page-404", CONFIG_KIND_URI, CONFIG_SCOPE_SITE, true, SITE(error_page_404), 0, 0, NULL, "URI",
	  "the page for what there is not" },
	{ "error-page-50x", CONFIG_KIND_URI, CONFIG_SCOPE_SITE, true, SITE(error_page_50x), 0, 0, NULL, "URI",
	  "the page for when something behind NGINX is broken" },
	{ "include", CONFIG_KIND_NGINX_PATH, CONFIG_SCOPE_SITE, true, SITE(include), 0, 0, NULL, "FILE",
	  "directives of one's own for the server of https" },
	{ "canonical", CONFIG_KIND_NAME, CONFIG_SCOPE_SITE, true, SITE(canonical), 0, 0, NULL, "NAME",
	  "the name to which the others redirect" },
	{ "hsts", CONFIG_KIND_DURATION, CONFIG_SCOPE_SITE, true, SITE(hsts_ms), 1, 3 * 365 * 24 * HOURS_S, NULL, "TIME",
	  "browsers shall refuse http for that long (cannot be taken back)" },
	{ "http2", CONFIG_KIND_BOOL, CONFIG_SCOPE_SITE, false, SITE(http2), 0, 0, "true", NULL, "serve HTTP/2" },
	{ "http3", CONFIG_KIND_BOOL, CONFIG_SCOPE_SITE, true, SITE(http3), 0, 0, "false", NULL,
	  "serve HTTP/3, where NGINX can" },
	{ "to", CONFIG_KIND_UPSTREAM, CONFIG_SCOPE_WEBSOCKET | CONFIG_SCOPE_PROXY, false,
	  offsetof(struct config_location, to), 0, 0, NULL, "URL", "whom NGINX asks" },
};

static_assert(ARRAY_SIZE(directives) <= CONFIG_DIRECTIVES_MAX, "CONFIG_DIRECTIVES_MAX is too small");

static const struct block {
	const char *name;
	enum config_scope scope;
	bool title;
	enum config_scope parent;
} block_directives[] = {
	{ "certificate", CONFIG_SCOPE_CERTIFICATE, true, CONFIG_SCOPE_GLOBAL },
	{ "ca", CONFIG_SCOPE_CA, true, CONFIG_SCOPE_GLOBAL },
	{ "nginx", CONFIG_SCOPE_NGINX, false, CONFIG_SCOPE_GLOBAL },
	{ "site", CONFIG_SCOPE_SITE, false, CONFIG_SCOPE_CERTIFICATE },
	{ "websocket", CONFIG_SCOPE_WEBSOCKET, true, CONFIG_SCOPE_SITE },
	{ "proxy", CONFIG_SCOPE_PROXY, true, CONFIG_SCOPE_SITE },
};

const struct config_directive *config_directives(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(directives);
	return directives;
}

bool config_directive_is_list(const struct config_directive *directive)
{
	return directive->kind == CONFIG_KIND_NAMES || directive->kind == CONFIG_KIND_CAS || directive->kind == CONFIG_KIND_KEYS ||
	       directive->kind == CONFIG_KIND_ADDRESSES;
}

size_t config_directive_index(const struct config_directive *directive)
{
	return (size_t)(directive - directives);
}

const struct config_directive *config_directive_find(const char *name, unsigned int scopes)
{
	for (size_t i = 0; i < ARRAY_SIZE(directives); i++) {
		if ((directives[i].scopes & scopes) != 0 && text_equal(directives[i].name, name))
			return &directives[i];
	}
	return NULL;
}

unsigned int config_block_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(block_directives); i++) {
		if (text_equal(block_directives[i].name, name))
			return block_directives[i].scope;
	}
	return 0;
}

const char *config_block_name(enum config_scope scope)
{
	for (size_t i = 0; i < ARRAY_SIZE(block_directives); i++) {
		if (block_directives[i].scope == scope)
			return block_directives[i].name;
	}
	return "";
}

bool config_block_has_title(enum config_scope scope)
{
	for (size_t i = 0; i < ARRAY_SIZE(block_directives); i++) {
		if (block_directives[i].scope == scope)
			return block_directives[i].title;
	}
	return false;
}

enum config_scope config_block_parent(enum config_scope scope)
{
	for (size_t i = 0; i < ARRAY_SIZE(block_directives); i++) {
		if (block_directives[i].scope == scope)
			return block_directives[i].parent;
	}
	return CONFIG_SCOPE_GLOBAL;
}

const enum config_scope *config_block_scopes(size_t *ret_count)
{
	static const enum config_scope scopes[] = {
		CONFIG_SCOPE_CERTIFICATE, CONFIG_SCOPE_CA,        CONFIG_SCOPE_NGINX,
		CONFIG_SCOPE_SITE,        CONFIG_SCOPE_WEBSOCKET, CONFIG_SCOPE_PROXY,
	};

	static_assert(ARRAY_SIZE(scopes) == ARRAY_SIZE(block_directives), "a block is missing in one of the two");
	*ret_count = ARRAY_SIZE(scopes);
	return scopes;
}

const char *config_directive_nearest(const char *name, unsigned int scopes)
{
	const char *names[ARRAY_SIZE(directives) + ARRAY_SIZE(block_directives) + 1];
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(directives); i++) {
		if ((directives[i].scopes & scopes) != 0)
			names[count++] = directives[i].name;
	}
	for (size_t i = 0; i < ARRAY_SIZE(block_directives); i++) {
		if ((block_directives[i].parent & scopes) != 0)
			names[count++] = block_directives[i].name;
	}
	names[count] = NULL;
	return text_nearest(name, names);
}
