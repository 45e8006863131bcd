/* directive.h: the one table of what can stand in the configuration.
 *
 * Reading, checking, printing, the options of `certd issue`, "did you mean" and the lint tier's look at certd.conf(5) all go by it. A
 * new directive is a row here, a member of a struct in config.h, and a paragraph in certd.conf(5).
 */
#ifndef CERTD_CONFIG_DIRECTIVE_H
#define CERTD_CONFIG_DIRECTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a directive may stand; a set of these. */
enum config_scope {
	CONFIG_SCOPE_GLOBAL = 1, /* outside of all blocks */
	CONFIG_SCOPE_CERTIFICATE = 2,
	CONFIG_SCOPE_CA = 4,
	CONFIG_SCOPE_NGINX = 8,
	CONFIG_SCOPE_SITE = 16, /* in a certificate */
	CONFIG_SCOPE_WEBSOCKET = 32, /* in a site */
	CONFIG_SCOPE_PROXY = 64, /* in a site */
};

/* What its value is, and so the type of the member it goes to. */
enum config_kind {
	CONFIG_KIND_NAMES, /* a list; struct ident_list */
	CONFIG_KIND_CAS, /* a list, each a name or a URL; resolved by config_ca_resolve() */
	CONFIG_KIND_URL, /* https; const char * */
	CONFIG_KIND_PATH, /* absolute; const char * */
	CONFIG_KIND_SECRET, /* absolute path, or credential:NAME; const char * */
	CONFIG_KIND_NGINX_PATH, /* a path that NGINX is told; const char * */
	CONFIG_KIND_EMAIL, /* const char * */
	CONFIG_KIND_WORD, /* printable, no space; const char * */
	CONFIG_KIND_TEXT, /* printable, spaces too; const char * */
	CONFIG_KIND_HMAC, /* const char * */
	CONFIG_KIND_USER, /* const char * */
	CONFIG_KIND_OWNER, /* a user that there is; struct config_id */
	CONFIG_KIND_GROUP, /* a group that there is; struct config_id */
	CONFIG_KIND_MODE, /* of a file, in octal digits; unsigned int, with all bits of min and none that max does not have */
	CONFIG_KIND_CHALLENGE, /* const char * */
	CONFIG_KIND_ADDRESSES, /* IP literals, one or a list; struct config_addresses */
	CONFIG_KIND_RESOLVER, /* ADDRESS[@PORT]; const char * */
	CONFIG_KIND_BOOL, /* bool */
	CONFIG_KIND_KEYS, /* one or a list; struct config_keys */
	CONFIG_KIND_DEPLOY, /* enum config_deploy */
	CONFIG_KIND_PORT, /* uint16_t */
	CONFIG_KIND_COUNT, /* unsigned int, from min to max */
	CONFIG_KIND_DURATION, /* int64_t, milliseconds; min and max in seconds */
	CONFIG_KIND_LIMIT, /* COUNT/TIME or "none"; struct config_limit */
	CONFIG_KIND_NAME, /* a DNS name or an IP address; const char * */
	CONFIG_KIND_URI, /* the path of a URL, as NGINX is told it; const char * */
	CONFIG_KIND_FILES, /* names of files, with spaces in between, as NGINX is told them; const char * */
	CONFIG_KIND_UPSTREAM, /* an http or https URL that NGINX shall ask; const char * */
};

#define CONFIG_NO_OFFSET SIZE_MAX

struct config_directive {
	const char *name;
	enum config_kind kind;
	unsigned int scopes;
	bool issue; /* also an option of `certd issue` */
	size_t offset; /* of the member: in struct config_site and struct config_location for what stands in these, in struct config_settings
	                * for what may stand in a certificate, else in struct config */
	int64_t min;
	int64_t max;
	const char *standard; /* the default as one would write it; NULL for none: then "" means none, too */
	const char *argument; /* for help texts: "DIR", "ADDR"; NULL for a bool */
	const char *help; /* one line */
};

/* Static, in the order in which they are printed. */
const struct config_directive *config_directives(size_t *ret_count);

/* Whether it may have more than one value, as a list. */
bool config_directive_is_list(const struct config_directive *directive);

/* Its place in the table; for arrays that hold something for each directive. */
size_t config_directive_index(const struct config_directive *directive);

/* The most there can be, for such arrays. */
enum { CONFIG_DIRECTIVES_MAX = 64 };

/* The directive of that name in one of the scopes, or NULL. */
const struct config_directive *config_directive_find(const char *name, unsigned int scopes);

/* The block that begins with that word: its scope, or 0. */
unsigned int config_block_find(const char *name);
const char *config_block_name(enum config_scope scope);
bool config_block_has_title(enum config_scope scope);

/* The scope in which such a block stands. */
enum config_scope config_block_parent(enum config_scope scope);

/* The scopes of all blocks. Static. */
const enum config_scope *config_block_scopes(size_t *ret_count);

/* The name nearest to `name` of the directives and blocks that stand in these scopes; or NULL. */
const char *config_directive_nearest(const char *name, unsigned int scopes);

#endif
