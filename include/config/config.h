/* config.h: the configuration files as checked plain structs; every error with file and line.
 *
 * Owns all strings in it. Read once, then never changed. Knows nothing of state. One table of directives (config/directive.h)
 * serves parsing, the options of `certd issue`, "did you mean", printing, and the lint tier's look at certd.conf(5).
 */
#ifndef CERTD_CONFIG_CONFIG_H
#define CERTD_CONFIG_CONFIG_H

#include "base/ident.h"
#include "base/strv.h"
#include "crypto/keytype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;

enum { CONFIG_CAS_MAX = 8 }; /* of one certificate */

enum config_deploy { CONFIG_DEPLOY_NGINX, CONFIG_DEPLOY_NONE };

enum { CONFIG_ADDRESSES_MAX = 4 };

struct config_addresses {
	const char *items[CONFIG_ADDRESSES_MAX]; /* IP literals */
	size_t count;
};

/* So many within any such time. */
struct config_limit {
	unsigned int max; /* 0: there is none */
	int64_t window_s;
};

enum { CONFIG_LIMIT_MAX = 20000, CONFIG_LIMIT_WINDOW_MAX_S = 31 * 24 * 60 * 60 };

enum { CONFIG_KEYS_MAX = KEY_FAMILY_COUNT };

/* The types of key that a certificate is wanted with, the most important first: one certificate of each, for the same names. At most one of each
 * family, so that a server can hold all and show each client the one that it can use. */
struct config_keys {
	enum key_type types[CONFIG_KEYS_MAX];
	size_t count; /* at least 1 */
};

/* A user or a group of this machine. */
struct config_id {
	const char *name; /* NULL for none said */
	unsigned int id;
};

struct config_ca {
	const char *name;
	const char *directory; /* https URL */
	const char *ca_bundle; /* file, or NULL for the system's trust store */
	const char *caa; /* its name in CAA records, of those that are built in; or NULL */
	bool staging; /* known to issue what nobody trusts */
	bool eab_needed; /* known to make no account without external account binding */
	const char *eab_kid; /* or NULL */
	const char *eab_hmac_file; /* base64url of the MAC key; or NULL */
	const char *eab_algorithm; /* "HS256", "HS384", "HS512"; NULL for the first */
	struct config_limit orders_per_account;
	struct config_limit certificates_per_names; /* for exactly the same names */
	struct config_limit failures_per_name; /* validations that failed, of a name by an account */
	bool renewals_exempt; /* what renews does not count, as Let's Encrypt says it (job/polite.h) */
};

/* What can be said for each certificate, and for all of them outside of any. */
struct config_settings {
	const struct config_ca *ca; /* the preferred one: cas[0] */
	const struct config_ca *const *cas; /* all that may be asked, in the order of preference */
	size_t cas_count;
	const char *email; /* or NULL */
	bool agree_tos;
	struct config_keys keys;
	const char *profile; /* or NULL */
	bool require_profile; /* no certificate rather than one of another profile */
	bool reuse_key; /* a renewal keeps the key */
	const char *preferred_chain; /* or NULL */
	struct config_id key_owner; /* whose key and certificate are; none: certd's own user */
	struct config_id key_group;
	unsigned int key_mode; /* 0: not said */
	unsigned int cert_mode; /* likewise */
	const char *challenge; /* "http-01" */
	const char *webroot; /* absolute */
	const char *resolver; /* "ADDRESS[@PORT]" or NULL */
	enum config_deploy deploy;
	struct config_addresses serve; /* what the proof asks; none: loopback, of each family that NGINX listens on */
	uint16_t https_port;
	uint16_t http_port;
	bool preflight;
};

struct config_timeouts { /* milliseconds; each at least one second */
	int64_t connect_ms;
	int64_t idle_ms;
	int64_t request_ms;
	int64_t retry_after_max_ms;
	int64_t attempt_ms;
	int64_t hook_ms;
	int64_t deploy_ms;
};

struct config_nginx {
	const char *binary; /* absolute */
	const char *config; /* or NULL for the one compiled in */
	const char *prefix; /* or NULL */
	const char *hook; /* the deploy hook for NGINX, absolute */
};

/* What NGINX passes on. */
struct config_location {
	const char *path; /* "/ws" */
	const char *to; /* http or https URL */
	bool websocket;
};

/* The site that certd writes for NGINX. */
struct config_site {
	const char *root; /* absolute; or NULL */
	const char *index; /* or NULL */
	const char *error_page_404; /* or NULL */
	const char *error_page_50x; /* or NULL */
	const char *include; /* absolute; or NULL */
	const char *canonical; /* one of the certificate's names; or NULL */
	int64_t hsts_ms; /* 0 for none */
	bool http2;
	bool http3;
	struct config_location *locations; /* in the order of the file */
	size_t locations_count;
};

struct config_certificate {
	const char *name;
	struct ident_list names;
	struct config_settings settings;
	const struct config_site *site; /* or NULL */
	const char *file; /* where it is written, and its line */
	unsigned int line;
};

struct config {
	const char *file; /* the main file, absolute */
	const char *conf_dir; /* conf.d beside it, absolute */
	const char *state_dir;
	const char *runtime_dir;
	const char *hooks_dir;
	const char *nginx_snippet_dir;
	const char *net_user;
	const char *metrics_file; /* absolute; or NULL */
	unsigned int keep_generations; /* 1 to 100 */
	unsigned int jobs; /* of the daemon, side by side; 1 to 64 */
	struct config_timeouts timeouts;
	struct config_nginx nginx;
	struct config_settings defaults;
	struct config_certificate **certificates; /* in the order of the files */
	size_t certificates_count;
	void *owned; /* what config_free() frees */
};

/* The CA with that directory's URL, of those of a certificate, or NULL. */
const struct config_ca *config_settings_ca(const struct config_settings *settings, const char *directory);

/* Receives each error as "FILE:LINE: message", as many as can be found. */
struct config_report {
	void (*line)(void *self, const char *text);
	void *self;
};

/* Reads `file` and, beside it, conf.d/ *.conf in name order. A missing main file is an error unless `may_be_absent` (then all
 * is default). ERROR_USAGE, *err holding the first error; every error goes to report (may be NULL). Files that others may write are
 * refused when this runs as root. */
int config_load(const char *file, bool may_be_absent, const struct config_report *report, struct config **ret,
                struct error *err);
void config_free(struct config *config);
void config_cleanup(struct config **config); /* for CLEANUP() */

/* The certificate of that name, or NULL. Borrowed. */
const struct config_certificate *config_find(const struct config *config, const char *name);

/* Whether the text can stand for `email`. ERROR_USAGE that says why not. */
int config_check_email(const char *text, struct error *err);

/* The CA of that name or with that directory's URL, of those in the files and those known without a word; or NULL. Borrowed. */
const struct config_ca *config_ca_find(const struct config *config, const char *name_or_url);

/* An option of the command line or of composed text: a directive's name and its value as a person writes it: of several CAs with commas in
 * between, or as an option each. Beside the directives of a
 * certificate: those of its site; "site" with "true" (there shall be a site block); "websocket" and "proxy" with "PATH=URL", each of
 * which adds a location or says where an existing one leads. */
struct config_option {
	const char *directive;
	const char *value;
};

/* Appends the text of a `certificate` block for these names: what the block of that name says already (if there is one), with
 * the options in place of what it says of the same directives. `text` is what conf.d/NAME.conf shall hold. */
int config_compose(const struct config *config, const char *name, const struct ident_list *names,
                   const struct config_option *options, size_t options_count, struct buf *text, struct error *err);

/* A second configuration: as the files say, but with the certificate NAME as in `text`. Nothing is written. */
int config_load_with(const struct config *config, const char *name, const char *text, struct config **ret,
                     struct error *err);

/* Writes text as conf.d/NAME.conf (0644), atomically. A certificate that is written in another file is an ERROR_USAGE that names
 * file and line: a person's file is not rewritten. Does nothing when the file holds this text already. */
int config_save(const struct config *config, const char *name, const char *text, struct error *err);

/* 0 when config_save() would write, or has nothing to do; else its error. */
int config_save_check(const struct config *config, const char *name, const char *text, struct error *err);

/* The CAs that are known by name without a word in the files. Static. */
const struct config_ca *config_builtin_cas(size_t *ret_count);

#endif
