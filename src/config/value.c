/* value.c: one value, checked. */
#include "config/value.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/text.h"
#include "config/arena.h"
#include "config/config.h"
#include "config/secret.h"
#include "config/site.h"
#include "config/words.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 255, EMAIL_MAX = 254, USER_MAX = 32, PORT_MAX = 65535 };

/* (uid_t)-1 means something else to chown(2). */
#define ID_MAX_VALUE (UINT32_MAX - 1)

/* "key "foo": ..." into err. */
__attribute__((format(printf, 4, 5))) static int refuse(struct error *err, const struct config_directive *directive,
                                                        const char *text, const char *format, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(why, sizeof(why), format, ap) < 0)
		why[0] = '\0';
	va_end(ap);
	return error_set(err, ERROR_USAGE, "%s \"%.128s\": %s", directive->name, text, why);
}

static int refuse_choice(struct error *err, const struct config_directive *directive, const char *text,
                         const char *const *choices)
{
	const char *near = text_nearest(text, choices);
	char all[256];
	size_t at = 0;

	if (near != NULL)
		return refuse(err, directive, text, "there is no such %s; did you mean \"%s\"?", directive->name, near);
	all[0] = '\0';
	for (size_t i = 0; choices[i] != NULL && at < sizeof(all); i++) {
		int n = snprintf(all + at, sizeof(all) - at, "%s%s", i == 0 ? "" : ", ", choices[i]);

		at += n > 0 ? (size_t)n : 0;
	}
	return refuse(err, directive, text, "there is no such %s; there is: %s", directive->name, all);
}

/* "/a//b/./c/" as "/a/b/c", into out, which is as long as text. 0, or -1 with a reason. */
static int clean_path(const char *text, char *out, const char **ret_why)
{
	size_t n = 0;

	*ret_why = "a path is absolute: it begins with \"/\"";
	if (text[0] != '/')
		return -1;
	while (*text != '\0') {
		size_t len;

		text += strspn(text, "/");
		len = strcspn(text, "/");
		*ret_why = "a path without \"..\" in it is needed";
		if (len == 2 && text[0] == '.' && text[1] == '.')
			return -1;
		if (len > 0 && !(len == 1 && text[0] == '.')) {
			out[n++] = '/';
			memcpy(out + n, text, len);
			n += len;
		}
		text += len;
	}
	out[n] = '\0';
	*ret_why = "this is the root of the file system, not a place for certd's files";
	return n == 0 ? -1 : 0;
}

static int read_path(const struct config_directive *directive, const char *text, struct config_arena *arena,
                     const char **ret, struct error *err)
{
	char *path;
	const char *why;

	if (strlen(text) >= PATH_MAX)
		return refuse(err, directive, text, "a path of more than %d octets", PATH_MAX - 1);
	path = config_arena_alloc(arena, strlen(text) + 2, 1);
	if (path == NULL)
		return error_oom(err);
	if (clean_path(text, path, &why) < 0)
		return refuse(err, directive, text, "%s", why);
	/* NGINX expands variables in paths, also in quotes. */
	if (directive->kind == CONFIG_KIND_NGINX_PATH && strpbrk(path, "$\"'\\;{}") != NULL)
		return refuse(err, directive, text, "NGINX cannot be told a path with one of $ \" ' \\ ; { } in it");
	*ret = path;
	return 0;
}

static bool is_word(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	}
	return len > 0 && len <= max;
}

/* Nothing in it that text_clean() would replace, and something beside spaces. */
static bool is_line(const char *text, size_t max)
{
	char clean[WORD_MAX + 1];

	if (strlen(text) > max || text[strspn(text, " ")] == '\0')
		return false;
	text_copy(clean, sizeof(clean), text);
	text_clean(clean);
	return text_equal(clean, text);
}

/* What goes behind "mailto:" as it is (RFC 6068): no header fields, no second address, nothing to escape. */
static const char *email_fault(const char *text)
{
	const char *at = strchr(text, '@');

	if (text_has_prefix(text, "mailto:"))
		return "the address alone is needed, without \"mailto:\"";
	if (at == NULL || at == text || at[1] == '\0' || strchr(at + 1, '@') != NULL)
		return "an address has one @ with something on both sides";
	if (!is_word(text, EMAIL_MAX))
		return "an address is made of up to 254 ASCII characters, without spaces";
	if (strpbrk(text, ",?#%<>\"()[]\\:;&/") != NULL)
		return "one address is needed, without a name, quotes, or any of , ? # % < > ( ) [ ] : ; & / \\";
	if (at[1] == '.' || text_has_suffix(text, ".") || strstr(at, "..") != NULL)
		return "the part behind the @ is no domain";
	return NULL;
}

int config_check_email(const char *text, struct error *err)
{
	const char *fault = email_fault(text);

	return fault == NULL ? 0 : error_set(err, ERROR_USAGE, "\"%.260s\": %s", text, fault);
}

static bool is_address(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static const char *resolver_fault(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	const char *at = strchr(text, '@');
	size_t len = at == NULL ? strlen(text) : (size_t)(at - text);
	uint64_t port;

	if (len >= sizeof(address))
		return "ADDRESS or ADDRESS@PORT is needed, with an IP address";
	memcpy(address, text, len);
	address[len] = '\0';
	if (!is_address(address))
		return "ADDRESS or ADDRESS@PORT is needed, with an IP address (a name would have to be resolved first)";
	if (at != NULL && text_parse_u64(at + 1, 1, PORT_MAX, &port) < 0)
		return "the port behind the @ is a number from 1 to 65535";
	return NULL;
}

static const char *user_fault(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	if (text[len] != '\0' || len == 0 || len > USER_MAX || text[0] == '-')
		return "a user's name is made of letters, digits, \"_\", \".\" and \"-\"";
	return NULL;
}

static const char *owner_fault(const char *text, unsigned int *ret)
{
	const struct passwd *user;
	uint64_t number;

	if (text_parse_u64(text, 0, ID_MAX_VALUE, &number) == 0) {
		*ret = (unsigned int)number;
		return NULL;
	}
	if (user_fault(text) != NULL)
		return user_fault(text);
	user = getpwnam(text);
	if (user == NULL)
		return "this machine has no such user";
	*ret = user->pw_uid;
	return NULL;
}

static const char *group_fault(const char *text, unsigned int *ret)
{
	const struct group *group;
	uint64_t number;

	if (text_parse_u64(text, 0, ID_MAX_VALUE, &number) == 0) {
		*ret = (unsigned int)number;
		return NULL;
	}
	if (user_fault(text) != NULL)
		return "a group's name is made of letters, digits, \"_\", \".\" and \"-\"";
	group = getgrnam(text);
	if (group == NULL)
		return "this machine has no such group";
	*ret = group->gr_gid;
	return NULL;
}

static int read_id(const struct config_directive *directive, const char *text, struct config_arena *arena, struct config_id *ret,
                   struct error *err)
{
	struct config_id id = { .name = NULL };
	const char *fault = NULL;

	if (text[0] == '\0') {
		*ret = id;
		return 0;
	}
	fault = directive->kind == CONFIG_KIND_OWNER ? owner_fault(text, &id.id) : group_fault(text, &id.id);
	if (fault != NULL)
		return refuse(err, directive, text, "%s", fault);
	id.name = config_arena_text(arena, text);
	if (id.name == NULL)
		return error_oom(err);
	*ret = id;
	return 0;
}

/* As chmod(1) takes it, in digits. */
static int read_mode(const struct config_directive *directive, const char *text, unsigned int *ret, struct error *err)
{
	unsigned int must = (unsigned int)directive->min, may = (unsigned int)directive->max, mode = 0;
	size_t len = strspn(text, "01234567");

	if (text[0] == '\0') {
		*ret = 0;
		return 0;
	}
	if (text[len] != '\0' || len < 3 || len > 4)
		return refuse(err, directive, text, "a mode is three or four octal digits, as 0640");
	for (size_t i = 0; i < len; i++)
		mode = mode * 8 + (unsigned int)(text[i] - '0');
	if ((mode & ~may) != 0 && (may & 0007) == 0 && (mode & 0007) != 0)
		return refuse(err, directive, text, "a key is for its owner and for its group, never for everybody");
	if ((mode & ~may) != 0 || (mode & must) != must)
		return refuse(err, directive, text, "the owner must be able to read, and only that can be granted to others: at most %04o", may);
	*ret = mode;
	return 0;
}

static bool is_hmac(const char *text)
{
	return text_equal(text, "HS256") || text_equal(text, "HS384") || text_equal(text, "HS512");
}

static int read_bool(const char *text, bool *ret)
{
	static const char *const words[] = { "false", "no", "off", "true", "yes", "on" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (text_equal_nocase(text, words[i])) {
			*ret = i >= ARRAY_SIZE(words) / 2;
			return 0;
		}
	}
	return -1;
}

static int read_url(const struct config_directive *directive, const char *text, struct error *err)
{
	struct error why;

	if (http_url_check(text, false, directive->name, &why) == 0)
		return 0;
	return error_set(err, ERROR_USAGE, "%s", why.message);
}

static int read_challenge(const struct config_directive *directive, const char *text, struct error *err)
{
	static const char *const types[] = { "http-01", NULL };

	if (text_equal(text, types[0]))
		return 0;
	if (text_equal(text, "dns-01") || text_equal(text, "tls-alpn-01"))
		return refuse(err, directive, text, "this version of certd proves control by http-01 only");
	return refuse_choice(err, directive, text, types);
}

static int read_name(const struct config_directive *directive, const char *text, struct config_arena *arena, const char **ret,
                     struct error *err)
{
	struct ident ident;
	struct error why;

	if (ident_parse(text, &ident, &why) < 0)
		return error_set(err, ERROR_USAGE, "%s: %s", directive->name, why.message);
	*ret = config_arena_text(arena, ident.value);
	return *ret == NULL ? error_oom(err) : 0;
}

/* The kinds whose member is a text. */
static int read_text(const struct config_directive *directive, const char *text, struct config_arena *arena,
                     const char **member, struct error *err)
{
	const char *fault = NULL;

	switch (directive->kind) {
	case CONFIG_KIND_PATH:
	case CONFIG_KIND_NGINX_PATH:
		return read_path(directive, text, arena, member, err);
	case CONFIG_KIND_SECRET:
		if (config_secret_credential(text) == NULL)
			return read_path(directive, text, arena, member, err);
		fault = config_secret_fault(text);
		break;
	case CONFIG_KIND_URL:
		if (read_url(directive, text, err) < 0)
			return -1;
		break;
	case CONFIG_KIND_CAS:
		if (strchr(text, '/') != NULL && read_url(directive, text, err) < 0)
			return -1;
		fault = is_word(text, HTTP_URL_MAX) ? NULL : "the name of a CA or the URL of its directory is needed";
		break;
	case CONFIG_KIND_CHALLENGE:
		if (read_challenge(directive, text, err) < 0)
			return -1;
		break;
	case CONFIG_KIND_EMAIL:
		fault = email_fault(text);
		break;
	case CONFIG_KIND_WORD:
		fault = is_word(text, WORD_MAX) ? NULL : "up to 255 printable ASCII characters without spaces are needed";
		break;
	case CONFIG_KIND_TEXT:
		fault = is_line(text, WORD_MAX) ? NULL : "up to 255 octets of printable text are needed";
		break;
	case CONFIG_KIND_HMAC:
		fault = is_hmac(text) ? NULL : "HS256, HS384 or HS512 is needed";
		break;
	case CONFIG_KIND_USER:
		fault = user_fault(text);
		break;
	case CONFIG_KIND_RESOLVER:
		fault = resolver_fault(text);
		break;
	case CONFIG_KIND_URI:
		fault = config_site_uri_fault(text);
		break;
	case CONFIG_KIND_FILES:
		fault = config_site_files_fault(text);
		break;
	case CONFIG_KIND_UPSTREAM:
		fault = config_site_upstream_fault(text);
		break;
	case CONFIG_KIND_NAME:
		return read_name(directive, text, arena, member, err);
	case CONFIG_KIND_NAMES:
	case CONFIG_KIND_LIMIT:
	case CONFIG_KIND_OWNER:
	case CONFIG_KIND_GROUP:
	case CONFIG_KIND_MODE:
	case CONFIG_KIND_ADDRESSES:
	case CONFIG_KIND_BOOL:
	case CONFIG_KIND_KEYS:
	case CONFIG_KIND_DEPLOY:
	case CONFIG_KIND_PORT:
	case CONFIG_KIND_COUNT:
	case CONFIG_KIND_DURATION:
		return error_set(err, ERROR_INTERNAL, "%s is no text", directive->name);
	}
	if (fault != NULL)
		return refuse(err, directive, text, "%s", fault);
	*member = config_arena_text(arena, text);
	return *member == NULL ? error_oom(err) : 0;
}

static int add_address(const struct config_directive *directive, const char *text, struct config_arena *arena,
                       struct config_addresses *addresses, struct error *err)
{
	struct in6_addr raw;
	char address[INET6_ADDRSTRLEN];
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, &raw) != 1 || inet_ntop(family, &raw, address, sizeof(address)) == NULL)
		return refuse(err, directive, text, "an IP address is needed");
	for (size_t i = 0; i < addresses->count; i++) {
		if (text_equal(addresses->items[i], address))
			return 0;
	}
	if (addresses->count == CONFIG_ADDRESSES_MAX)
		return refuse(err, directive, text, "more than %d addresses", CONFIG_ADDRESSES_MAX);
	addresses->items[addresses->count] = config_arena_text(arena, address);
	if (addresses->items[addresses->count] == NULL)
		return error_oom(err);
	addresses->count++;
	return 0;
}

static int add_key(const struct config_directive *directive, const char *text, struct config_keys *keys, struct error *err)
{
	enum key_type type;

	if (key_type_parse(text, &type) < 0)
		return refuse_choice(err, directive, text, key_type_names());
	for (size_t i = 0; i < keys->count; i++) {
		if (keys->types[i] == type)
			return refuse(err, directive, text, "it is named twice");
		/* So there is always room. */
		if (key_type_family(keys->types[i]) == key_type_family(type))
			return refuse(err, directive, text,
			              "beside %s there is room for a key of the other kind only, since a server shows one certificate of each",
			              key_type_name(keys->types[i]));
	}
	keys->types[keys->count++] = type;
	return 0;
}

static int add_keys(const struct config_directive *directive, const char *text, struct config_keys *member, struct error *err)
{
	struct config_keys keys = *member;
	char word[CONFIG_WORD_SIZE];
	const char *at = text;

	while (config_words_next(&at, word, sizeof(word))) {
		if (add_key(directive, word, &keys, err) < 0)
			return -1;
	}
	*member = keys;
	return 0;
}

void config_value_clear_list(const struct config_directive *directive, void *member)
{
	if (directive->kind == CONFIG_KIND_ADDRESSES)
		*(struct config_addresses *)member = (struct config_addresses){ .count = 0 };
	else if (directive->kind == CONFIG_KIND_KEYS)
		*(struct config_keys *)member = (struct config_keys){ .count = 0 };
}

static int read_number(const struct config_directive *directive, const char *text, void *member, struct error *err)
{
	uint64_t number;
	int64_t seconds;

	if (directive->kind == CONFIG_KIND_PORT) {
		if (text_parse_u64(text, 1, PORT_MAX, &number) < 0)
			return refuse(err, directive, text, "a port is a number from 1 to 65535");
		*(uint16_t *)member = (uint16_t)number;
	} else if (directive->kind == CONFIG_KIND_COUNT) {
		if (text_parse_u64(text, (uint64_t)directive->min, (uint64_t)directive->max, &number) < 0)
			return refuse(err, directive, text, "a number from %lld to %lld is needed",
			              (long long)directive->min, (long long)directive->max);
		*(unsigned int *)member = (unsigned int)number;
	} else {
		if (text_parse_duration(text, directive->min, directive->max, &seconds) < 0)
			return refuse(err, directive, text,
			              "a time from 1s to %lldh is needed, as \"30\", \"30s\", \"5min\" or \"2h\"",
			              (long long)directive->max / 3600);
		*(int64_t *)member = seconds * 1000;
	}
	return 0;
}

/* "300/3h", "none" */
static int read_limit(const struct config_directive *directive, const char *text, struct config_limit *ret, struct error *err)
{
	const char *slash = strchr(text, '/');
	char number[16];
	uint64_t max;
	int64_t window_s;

	if (text_equal(text, "none")) {
		*ret = (struct config_limit){ 0 };
		return 0;
	}
	if (slash != NULL && (size_t)(slash - text) < sizeof(number)) {
		text_copy(number, (size_t)(slash - text) + 1, text);
		if (text_parse_u64(number, 1, CONFIG_LIMIT_MAX, &max) == 0 &&
		    text_parse_duration(slash + 1, 1, CONFIG_LIMIT_WINDOW_MAX_S, &window_s) == 0) {
			*ret = (struct config_limit){ .max = (unsigned int)max, .window_s = window_s };
			return 0;
		}
	}
	return refuse(err, directive, text, "a number from 1 to %d and a time up to 31d are needed, as \"300/3h\"; or \"none\"",
	              CONFIG_LIMIT_MAX);
}

int config_value_read(const struct config_directive *directive, const char *text, struct config_arena *arena, void *member,
                      struct error *err)
{
	static const char *const deploys[] = { "nginx", "none", NULL };
	static const char *const bools[] = { "true", "false", NULL };

	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return refuse(err, directive, text, "a control character");
	}
	switch (directive->kind) {
	case CONFIG_KIND_BOOL:
		return read_bool(text, member) == 0 ? 0 : refuse_choice(err, directive, text, bools);
	case CONFIG_KIND_KEYS:
		return add_keys(directive, text, member, err);
	case CONFIG_KIND_DEPLOY:
		if (!text_equal(text, deploys[0]) && !text_equal(text, deploys[1]))
			return refuse_choice(err, directive, text, deploys);
		*(enum config_deploy *)member = text_equal(text, deploys[0]) ? CONFIG_DEPLOY_NGINX : CONFIG_DEPLOY_NONE;
		return 0;
	case CONFIG_KIND_PORT:
	case CONFIG_KIND_COUNT:
	case CONFIG_KIND_DURATION:
		return read_number(directive, text, member, err);
	case CONFIG_KIND_LIMIT:
		return read_limit(directive, text, member, err);
	case CONFIG_KIND_OWNER:
	case CONFIG_KIND_GROUP:
		return read_id(directive, text, arena, member, err);
	case CONFIG_KIND_MODE:
		return read_mode(directive, text, member, err);
	case CONFIG_KIND_ADDRESSES:
		return add_address(directive, text, arena, member, err);
	case CONFIG_KIND_NAMES:
	case CONFIG_KIND_CAS:
	case CONFIG_KIND_URL:
	case CONFIG_KIND_PATH:
	case CONFIG_KIND_SECRET:
	case CONFIG_KIND_NGINX_PATH:
	case CONFIG_KIND_EMAIL:
	case CONFIG_KIND_TEXT:
	case CONFIG_KIND_HMAC:
	case CONFIG_KIND_WORD:
	case CONFIG_KIND_USER:
	case CONFIG_KIND_CHALLENGE:
	case CONFIG_KIND_RESOLVER:
	case CONFIG_KIND_NAME:
	case CONFIG_KIND_URI:
	case CONFIG_KIND_FILES:
	case CONFIG_KIND_UPSTREAM:
		break;
	}
	if (text[0] == '\0' && directive->standard == NULL && directive->kind != CONFIG_KIND_URL) {
		*(const char **)member = NULL;
		return 0;
	}
	return read_text(directive, text, arena, member, err);
}

int config_value_check(const struct config_directive *directive, const char *text, struct error *err)
{
	CLEANUP(config_arena_done) struct config_arena arena = { NULL };
	union {
		const char *text;
		int64_t number;
		bool truth;
		struct config_keys keys;
		enum config_deploy deploy;
		struct config_addresses addresses;
		struct config_limit limit;
		struct config_id id;
	} member;

	memset(&member, 0, sizeof(member));
	if (config_directive_is_list(directive))
		config_value_clear_list(directive, &member);
	return config_value_read(directive, text, &arena, &member, err);
}

bool config_value_same(const struct config_directive *directive, const char *a, const char *b)
{
	bool truth_a, truth_b;

	if (directive->kind == CONFIG_KIND_BOOL && read_bool(a, &truth_a) == 0 && read_bool(b, &truth_b) == 0)
		return truth_a == truth_b;
	return text_equal(a, b);
}
