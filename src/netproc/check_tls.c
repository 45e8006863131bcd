/* check_tls.c: port 443 as a browser meets it: the handshake, the certificate, for each name, family and type of key; and TLS on port 80. */
#include "netproc/check.h"

#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/text.h"
#include "netproc/task.h"
#include "tls/probe.h"

#include <stdio.h>
#include <string.h>

enum { LIFETIME_SHARE = 5 }; /* a certificate with less than a fifth of its lifetime left should have been renewed */

static int shake(const struct check *check, const struct check_name *name, const char *address, uint16_t port,
                 enum tls_key_wish key, struct tls_seen *ret, struct error *err)
{
	const struct tls_probe probe = {
		.address = address,
		.port = port,
		.server_name = name->ident->type == IDENT_DNS ? name->ident->value : NULL,
		.key = key,
		.timeout_ms = check->task->limits.connect_ms,
		.verify = key == TLS_KEY_ANY,
	};

	error_clear(err);
	return tls_probe(&probe, ret, err);
}

static bool is_live(const struct check *check, const struct tls_seen *seen)
{
	return check->task->live.count > 0 && text_equal(check->task->live.items[0], seen->fingerprint);
}

static bool chain_is_live(const struct check *check, const struct tls_seen *seen)
{
	const struct strv *live = &check->task->live;

	if (seen->chain_count != live->count)
		return false;
	for (size_t i = 0; i < live->count; i++) {
		if (i >= CERT_CHAIN_MAX || !text_equal(live->items[i], seen->chain[i]))
			return false;
	}
	return true;
}

static enum check_level judge_dates(const struct tls_seen *seen, int64_t now_at, struct check_words *words)
{
	char text[TIME_TEXT_SIZE];

	if (seen->not_after_at <= now_at) {
		CHECK_FORMAT(words->means, "it expired %s ago: a browser says ERR_CERT_DATE_INVALID", time_format_duration(now_at - seen->not_after_at, text));
		CHECK_FORMAT(words->advice, "`certd status` says why it was not renewed; if a newer one is live, NGINX was not reloaded");
		return CHECK_FAILURE;
	}
	if (seen->not_before_at > now_at) {
		CHECK_FORMAT(words->means, "it is not valid before %s: a browser says ERR_CERT_DATE_INVALID", time_format(seen->not_before_at, text));
		CHECK_FORMAT(words->advice, "look at this host's clock");
		return CHECK_FAILURE;
	}
	if ((seen->not_after_at - now_at) * LIFETIME_SHARE < seen->not_after_at - seen->not_before_at) {
		CHECK_FORMAT(words->means, "less than a fifth of its lifetime is left, so its renewal is overdue");
		CHECK_FORMAT(words->advice, "`certd status` says why; `certd renew` tries now");
		return CHECK_WARNING;
	}
	return CHECK_OK;
}

static enum check_level judge_identity(const struct check *check, const struct tls_seen *seen, struct check_words *words)
{
	if (!seen->name_matches) {
		CHECK_FORMAT(words->means, "it is not for this name but for %.300s: a browser says ERR_CERT_COMMON_NAME_INVALID", seen->names);
		CHECK_FORMAT(words->advice, "another server of NGINX answers for this name on port 443: give one the name in server_name and include the "
		                            "SSL snippet of the right certificate; or add the name to the certificate (certd issue)");
		return CHECK_FAILURE;
	}
	if (check->task->live.count > 0 && !is_live(check, seen)) {
		CHECK_FORMAT(words->means, "it is not the live certificate of certd for this name");
		CHECK_FORMAT(words->advice, "reload NGINX; if that does not help, another program or machine answers here, or the 443 server does not "
		                            "include the SSL snippet");
		return CHECK_FAILURE;
	}
	return CHECK_OK;
}

/* What a browser thinks of the issuer. Of the live one it is a matter of the CA that was chosen. */
static enum check_level judge_trust(const struct check *check, const struct tls_seen *seen, struct check_words *words)
{
	if (seen->distrust[0] == '\0')
		return CHECK_OK;
	if (seen->self_signed) {
		CHECK_FORMAT(words->means, "it is signed by itself, by no CA: a browser says ERR_CERT_AUTHORITY_INVALID");
		CHECK_FORMAT(words->advice, "obtain one from a CA: certd issue NAME...; a placeholder is replaced by the first one");
		return CHECK_FAILURE;
	}
	if (check->task->live.count > 1 && is_live(check, seen) && !chain_is_live(check, seen)) {
		CHECK_FORMAT(words->means, "not the whole chain is served (%zu of %zu certificates): clients that do not know the intermediate refuse it",
		             seen->chain_count, check->task->live.count);
		CHECK_FORMAT(words->advice, "let ssl_certificate name fullchain.pem, not cert.pem, as the SSL snippet does");
		return CHECK_FAILURE;
	}
	CHECK_FORMAT(words->means, "this system's trust store does not know its issuer (%s): a browser says ERR_CERT_AUTHORITY_INVALID, unless it "
	                           "trusts that CA",
	             seen->distrust);
	CHECK_FORMAT(words->advice, "right for a test or an internal CA; for everybody, issue from a public one");
	return is_live(check, seen) ? CHECK_WARNING : CHECK_FAILURE;
}

static enum check_level judge_chain(const struct check *check, const struct tls_seen *seen, struct check_words *words)
{
	if (check->task->live.count == 0 || chain_is_live(check, seen))
		return CHECK_OK;
	CHECK_FORMAT(words->means, "the chain that is served is not the live one (%zu certificates, live has %zu)", seen->chain_count,
	             check->task->live.count);
	CHECK_FORMAT(words->advice, "let ssl_certificate name the live fullchain.pem, as the SSL snippet does");
	return CHECK_WARNING;
}

static int say_certificate(struct check *check, const struct check_name *name, const char *where, const struct tls_seen *seen,
                           struct error *err)
{
	int64_t now_at = clock_wall(check->net->clock);
	struct check_words words = CHECK_WORDS;
	char left[TIME_TEXT_SIZE];
	enum check_level level;

	CHECK_FORMAT(words.asked, "the %s certificate of %s", seen->key, where);
	CHECK_FORMAT(words.seen, "serial %s by %.120s, for %.200s, %s%s%s", seen->serial, seen->issuer, seen->names,
	             seen->not_after_at > now_at ? time_format_duration(seen->not_after_at - now_at, left) : "expired",
	             seen->not_after_at > now_at ? " left" : "", is_live(check, seen) ? ", the live one" : "");
	level = judge_identity(check, seen, &words);
	if (level == CHECK_OK)
		level = judge_dates(seen, now_at, &words);
	if (level == CHECK_OK)
		level = judge_trust(check, seen, &words);
	if (level == CHECK_OK)
		level = judge_chain(check, seen, &words);
	return check_add(check, name, "certificate", level, &words, err);
}

static bool is_ecdsa(const struct tls_seen *seen)
{
	return text_has_prefix(seen->key, "ecdsa");
}

/* The certificate of the other type of key, where there is one. A server of which each client gets one of two has to have both right. */
static int look_at_other_key(struct check *check, const struct check_name *name, const char *address, const char *where,
                             const struct tls_seen *first, struct error *err)
{
	struct tls_seen seen;
	struct error failure;

	if (shake(check, name, address, check->task->https_port, is_ecdsa(first) ? TLS_KEY_RSA : TLS_KEY_ECDSA, &seen, &failure) < 0 ||
	    text_equal(seen.fingerprint, first->fingerprint))
		return 0;
	(void)text_copy(seen.distrust, sizeof(seen.distrust), first->distrust);
	return say_certificate(check, name, where, &seen, err);
}

/* The message of a probe without the place at its beginning, which stands before it already. */
static const char *without_place(const char *message, const char *where)
{
	const char *colon = text_has_prefix(message, where) ? strstr(message + strlen(where), ": ") : NULL;

	return colon ? colon + 2 : message;
}

static int say_refused(struct check *check, const struct check_name *name, const char *address, const char *where,
                       const char *message, const char *advice, struct error *err)
{
	struct check_words words = CHECK_WORDS;

	CHECK_FORMAT(words.asked, "a TLS handshake with %s", where);
	CHECK_FORMAT(words.seen, "%.700s", without_place(message, where));
	if (strstr(message, "plain http"))
		CHECK_FORMAT(words.means, "a browser says ERR_SSL_PROTOCOL_ERROR");
	else if (strstr(message, "cannot connect") || strstr(message, "no connection"))
		CHECK_FORMAT(words.means, "nobody reaches the site over https");
	else
		CHECK_FORMAT(words.means, "a browser shows an error of TLS in place of the site");
	CHECK_FORMAT(words.advice, "%s", advice[0] != '\0' ? advice :
	                                 "look whether this address is this server's, NGINX listens there (`listen 443 ssl;` and `listen [::]:443 "
	                                 "ssl;`), and the firewall and the router let port 443 through");
	/* A server that refuses one name may have others: only a connection that is not to be had is not tried again. */
	if (strstr(message, "cannot connect") || strstr(message, " within "))
		check_mark_dead(check, address, check->task->https_port, words.seen, words.advice);
	return check_add(check, name, "port-443", CHECK_FAILURE, &words, err);
}

static int look_at_443(struct check *check, const struct check_name *name, const char *address, struct error *err)
{
	uint16_t port = check->task->https_port;
	const struct check_dead *dead = check_find_dead(check, address, port);
	struct check_words words = CHECK_WORDS;
	char where[CHECK_WHERE_SIZE];
	struct tls_seen seen;
	struct error failure;

	check_where(address, port, where);
	if (dead)
		return say_refused(check, name, address, where, dead->message, dead->advice, err);
	if (shake(check, name, address, port, TLS_KEY_ANY, &seen, &failure) < 0)
		return say_refused(check, name, address, where, failure.message, failure.advice, err);
	CHECK_FORMAT(words.asked, "a TLS handshake with %s", where);
	CHECK_FORMAT(words.seen, "%s%s%s, %s", seen.protocol, seen.group[0] != '\0' ? ", " : "", seen.group, seen.key);
	if (check_add(check, name, "port-443", CHECK_OK, &words, err) < 0 || say_certificate(check, name, where, &seen, err) < 0)
		return -1;
	return look_at_other_key(check, name, address, where, &seen, err);
}

/* TLS on port 80: what a client sees that opens https:// or wss:// with that port. */
static int look_at_80(struct check *check, const struct check_name *name, const char *address, struct error *err)
{
	uint16_t port = check->task->http_port;
	struct check_words words = CHECK_WORDS;
	enum check_level level = CHECK_OK;
	char where[CHECK_WHERE_SIZE];
	struct tls_seen seen;
	struct error failure;

	if (check_find_dead(check, address, port))
		return 0;
	CHECK_FORMAT(words.asked, "TLS on port 80 (%s)", check_where(address, port, where));
	if (shake(check, name, address, port, TLS_KEY_ANY, &seen, &failure) == 0) {
		level = CHECK_FAILURE;
		CHECK_FORMAT(words.seen, "%s is spoken there", seen.protocol);
		CHECK_FORMAT(words.means, "http:// URLs of this name do not work, and a CA cannot validate it over http");
		CHECK_FORMAT(words.advice, "take `ssl` out of the `listen` directive for port 80");
	} else if (strstr(failure.message, "plain http")) {
		CHECK_FORMAT(words.seen, "plain http, as it should be");
		CHECK_FORMAT(words.means, "a client that opens https:// or wss:// with port 80 sees ERR_SSL_PROTOCOL_ERROR: such URLs name no port");
	} else {
		return 0;
	}
	return check_add(check, name, "port-80", level, &words, err);
}

int check_tls(struct check *check, struct error *err)
{
	for (size_t i = 0; i < check->count; i++) {
		const struct check_name *name = &check->names[i];

		for (size_t k = 0; k < name->targets_count; k++) {
			if (look_at_80(check, name, name->targets[k].address, err) < 0 ||
			    look_at_443(check, name, name->targets[k].address, err) < 0)
				return -1;
		}
	}
	return 0;
}
