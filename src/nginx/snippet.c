#include "nginx/snippet.h"

#include "base/buf.h"
#include "base/error.h"

#include <string.h>

/* Mozilla's guideline 6.0 (2026-04-06), configuration "intermediate". */
#define CIPHERS                                                                        \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                   \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                   \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CURVES "X25519MLKEM768:X25519:prime256v1:secp384r1"

/* `what` is for the message. A path is written between double quotes. */
static int check_path(const char *path, const char *what, struct error *err)
{
	if (path[0] != '/')
		return error_set(err, ERROR_USAGE, "%s \"%s\" is not an absolute path", what, path);
	for (const char *p = path; *p != '\0'; p++) {
		if (*p != '$' && *p != '"' && *p != '\'' && *p != '\\' && (unsigned char)*p >= 0x20 && *p != 0x7f)
			continue;
		error_set(err, ERROR_USAGE, "%s \"%s\" holds a character at position %td that means something to NGINX", what,
		          path, p - path + 1);
		return error_advise(err, "use a path without $, quotes, backslashes and control characters");
	}
	return 0;
}

static int check_name(const char *name, struct error *err)
{
	for (const char *p = name; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return error_set(err, ERROR_INTERNAL, "a certificate's name holds a control character");
	}
	return 0;
}

static void print_head(struct buf *out, const char *certificate_name)
{
	buf_printf(out, "# Written by certd for the certificate %s: do not change it, the next renewal writes it again.\n",
	           certificate_name);
}

void nginx_snippet_tls(const struct nginx_version *version, struct buf *out)
{
	buf_append_text(out, "# Mozilla's guideline 6.0, intermediate\n"
	                     "ssl_protocols TLSv1.2 TLSv1.3;\n"
	                     "ssl_ciphers " CIPHERS ";\n"
	                     "ssl_prefer_server_ciphers on;\n");
	/* The guideline has no order of its own, so that clients without AES in hardware get ChaCha20. Their wish is heard with our order too,
	 * and nobody finds a server without one. */
	if (nginx_version_at_least(version->nginx, 1, 19, 4) && nginx_version_at_least(version->openssl, 1, 1, 1))
		buf_append_text(out, "ssl_conf_command Options PrioritizeChaCha;\n");
	/* An older OpenSSL does not know X25519MLKEM768, and NGINX would not start. The guideline's list without it would turn
	 * post-quantum key exchange off as soon as OpenSSL is upgraded, where "auto" has the library's own list. */
	buf_printf(out, "ssl_ecdh_curve %s;\n", nginx_version_at_least(version->openssl, 3, 5, 0) ? CURVES : "auto");
	/* A name of our own: a zone of one name must have one size everywhere. */
	buf_append_text(out, "ssl_session_timeout 1d;\n"
	                     "ssl_session_cache shared:certd:10m;\n");
	/* Since 1.23.2 the ticket keys of a shared cache rotate; before, one key lives as long as NGINX. */
	if (!nginx_version_at_least(version->nginx, 1, 23, 2))
		buf_append_text(out, "ssl_session_tickets off;\n");
}

int nginx_snippet_ssl(const struct nginx_version *version, const char *certificate_name, const struct nginx_pair *pairs,
                      size_t count, struct buf *out, struct error *err)
{
	if (count == 0)
		return error_set(err, ERROR_INTERNAL, "an SSL snippet wants a certificate");
	if (check_name(certificate_name, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (check_path(pairs[i].certificate, "the certificate's path", err) < 0 ||
		    check_path(pairs[i].key, "the key's path", err) < 0)
			return -1;
	}
	print_head(out, certificate_name);
	buf_append_text(out, "# Include it in a server block that listens with ssl.\n");
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "ssl_certificate     \"%s\";\nssl_certificate_key \"%s\";\n", pairs[i].certificate,
		           pairs[i].key);
	buf_append_text(out, "\n");
	nginx_snippet_tls(version, out);
	return buf_check(out, "the SSL snippet", err);
}

int nginx_snippet_placeholder(const char *certificate_name, struct buf *out, struct error *err)
{
	if (check_name(certificate_name, err) < 0)
		return -1;
	print_head(out, certificate_name);
	buf_append_text(out, "# There is no certificate yet. Until `certd issue` has one and puts it here, every handshake is refused.\n"
	                     "ssl_reject_handshake on;\n");
	return buf_check(out, "the SSL snippet", err);
}

int nginx_snippet_challenge(const char *webroot, struct buf *out, struct error *err)
{
	if (check_path(webroot, "the webroot", err) < 0)
		return -1;
	/* ^~: no location by regular expression (such as one that denies names with a dot in front) takes it away. */
	buf_printf(out,
	           "# Written by certd: how the CA sees that these names are ours. Include it in the server block of port 80.\n"
	           "# A `return` or `rewrite` directly in that block comes before every location: put it into `location / { }`.\n"
	           "location ^~ /.well-known/acme-challenge/ {\n"
	           "\troot \"%s\";\n"
	           "\tdefault_type text/plain;\n"
	           "\ttry_files $uri =404;\n"
	           "\tauth_basic off;\n"
	           "\tallow all;\n"
	           "}\n",
	           webroot);
	return buf_check(out, "the challenge snippet", err);
}
