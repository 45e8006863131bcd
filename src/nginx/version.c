#include "nginx/version.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/program.h"
#include "base/text.h"

#include <string.h>

enum { OUTPUT_MAX = 64 * 1024 };

/* Forks that count their versions as NGINX does. Others are unknown, and get what every NGINX takes. */
static const char *const names[] = { "nginx/", "openresty/", "freenginx/", NULL };

bool nginx_version_at_least(const unsigned int version[3], unsigned int major, unsigned int minor, unsigned int patch)
{
	const unsigned int wanted[3] = { major, minor, patch };

	for (size_t i = 0; i < 3; i++) {
		if (version[i] != wanted[i])
			return version[i] > wanted[i];
	}
	return true;
}

/* Reads "1.22.1" up to what is no part of a version; a third number may be missing. Whatever follows ("w", "-dev") is
 * left alone. */
static int parse_numbers(const char *text, unsigned int ret[3])
{
	unsigned int numbers[3] = { 0, 0, 0 };
	size_t n = 0;

	while (n < 3) {
		unsigned int value = 0;
		size_t digits;

		for (digits = 0; text[digits] >= '0' && text[digits] <= '9'; digits++) {
			if (digits >= 6)
				return -1;
			value = value * 10 + (unsigned int)(text[digits] - '0');
		}
		if (digits == 0)
			break;
		numbers[n++] = value;
		if (text[digits] != '.')
			break;
		text += digits + 1;
	}
	if (n < 2)
		return -1;
	memcpy(ret, numbers, sizeof(numbers));
	return 0;
}

/* The text behind the first of `key` in `line`, which ends at its line's end; NULL when there is none. */
static const char *find_in_line(const char *line, const char *key)
{
	const char *found = strstr(line, key);

	if (found == NULL || (size_t)(found - line) > strcspn(line, "\n"))
		return NULL;
	return found + strlen(key);
}

static int parse_nginx(const char *text, unsigned int ret[3])
{
	const char *at = strstr(text, "nginx version: ");

	if (at == NULL)
		return -1;
	at += strlen("nginx version: ");
	for (size_t i = 0; names[i] != NULL; i++) {
		if (text_has_prefix(at, names[i]))
			return parse_numbers(at + strlen(names[i]), ret);
	}
	return -1;
}

/* "built with OpenSSL 3.5.1 1 Jul 2025 (running with OpenSSL 3.5.7 ...)"; the part in parentheses only when they differ. Another
 * library (LibreSSL, BoringSSL, AWS-LC) is left unknown. */
static void parse_openssl(const char *text, unsigned int ret[3])
{
	const char *built = strstr(text, "built with OpenSSL ");
	const char *running;

	if (built == NULL)
		return;
	built += strlen("built with OpenSSL ");
	running = find_in_line(built, "(running with ");
	if (running == NULL)
		parse_numbers(built, ret);
	else if (text_has_prefix(running, "OpenSSL "))
		parse_numbers(running + strlen("OpenSSL "), ret);
}

int nginx_version_parse(const char *text, struct nginx_version *ret, struct error *err)
{
	struct nginx_version version = { .nginx = { 0 } };

	if (parse_nginx(text, version.nginx) < 0)
		return error_set(err, ERROR_SYSTEM, "there is no version of NGINX in \"%.*s\"", (int)strcspn(text, "\n"), text);
	parse_openssl(text, version.openssl);
	version.http2 = strstr(text, "--with-http_v2_module") != NULL;
	version.http3 = strstr(text, "--with-http_v3_module") != NULL;
	*ret = version;
	return 0;
}

int nginx_version_ask(const struct runner *runner, const char *binary, int64_t deadline_ms, struct nginx_version *ret,
                      struct error *err)
{
	const char *const argv[] = { binary, "-V", NULL };
	const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL };
	const struct program_spec spec = { .argv = argv, .envp = envp, .deadline_ms = deadline_ms };
	struct program_result result = { .output = BUF(OUTPUT_MAX) };
	int r = program_run(runner, &spec, &result, err);

	if (r == 0)
		r = program_check(&spec, &result, err);
	if (r == 0)
		r = nginx_version_parse(buf_text(&result.output), ret, err);
	buf_done(&result.output);
	return r < 0 ? error_context(err, "asking %s for its version", binary) : 0;
}
