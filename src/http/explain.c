#include "http/transfer.h"

#include "base/clean.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHERE_SIZE = 512, SPAN_SIZE = 32 };

/* CURLE_TOO_LARGE of libcurl 8.6. */
#define TOO_LARGE ((CURLcode)100)

/* OpenSSL's X509_V_ERR_*, which libcurl hands through. */
enum {
	VERIFY_OK = 0,
	VERIFY_NOT_YET_VALID = 9,
	VERIFY_EXPIRED = 10,
	VERIFY_SELF_SIGNED_LEAF = 18,
	VERIFY_SELF_SIGNED_IN_CHAIN = 19,
	VERIFY_NO_ISSUER_LOCALLY = 20,
	VERIFY_CANNOT_VERIFY_LEAF = 21,
};

static const struct {
	CURLcode code;
	enum error_kind kind;
	const char *what;
	const char *advice; /* or NULL */
} reasons[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ERROR_NETWORK, "the name could not be resolved",
	  "check the spelling of the URL and the name servers in /etc/resolv.conf" },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERROR_NETWORK, "the name of the proxy could not be resolved",
	  "check https_proxy in the environment" },
	{ CURLE_PROXY, ERROR_NETWORK, "the proxy refused", "check https_proxy in the environment" },
	{ CURLE_SSL_CACERT_BADFILE, ERROR_SYSTEM, "the trust anchors cannot be loaded",
	  "install the package ca-certificates, or name a PEM file with --ca-bundle" },
	{ CURLE_GOT_NOTHING, ERROR_NETWORK, "closed the connection without an answer", NULL },
	{ CURLE_RECV_ERROR, ERROR_NETWORK, "the connection broke", NULL },
	{ CURLE_SEND_ERROR, ERROR_NETWORK, "the connection broke", NULL },
	{ CURLE_PARTIAL_FILE, ERROR_NETWORK, "the answer broke off before its end", NULL },
	{ CURLE_HTTP2, ERROR_NETWORK, "HTTP/2 broke", NULL },
	{ CURLE_HTTP2_STREAM, ERROR_NETWORK, "HTTP/2 broke", NULL },
	{ CURLE_WEIRD_SERVER_REPLY, ERROR_PROTOCOL, "what answers does not speak HTTP", NULL },
	{ CURLE_UNSUPPORTED_PROTOCOL, ERROR_PROTOCOL, "what answers does not speak HTTP", NULL },
	{ CURLE_BAD_CONTENT_ENCODING, ERROR_PROTOCOL, "the answer has an encoding that nobody asked for", NULL },
	{ TOO_LARGE, ERROR_PROTOCOL, "a header of the answer is too long", NULL },
	/* What libcurl before 8.6 says of a header line that is too long: it has a limit of its own. */
	{ CURLE_OUT_OF_MEMORY, ERROR_PROTOCOL, "a header of the answer is too long, or memory is out", NULL },
};

static const char *span(int64_t ms, char out[static SPAN_SIZE])
{
	if (ms < 1000)
		(void)snprintf(out, SPAN_SIZE, "%lld ms", (long long)ms);
	else if (ms % 1000 < 100)
		(void)snprintf(out, SPAN_SIZE, "%lld s", (long long)(ms / 1000));
	else
		(void)snprintf(out, SPAN_SIZE, "%lld.%lld s", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
	return out;
}

/* "HOST:PORT", and the address that was asked where one is known. */
static void describe_where(const struct http_transfer *t, char out[static WHERE_SIZE])
{
	const struct http_request *request = &t->exchange->request;
	const struct http_response *response = &t->exchange->response;
	char origin[300];
	const char *authority = response->final_url;

	if (http_url_origin(response->final_url, origin, sizeof(origin)) == 0)
		authority = strstr(origin, "//") + 2;
	if (request->connect_to && t->redirects == 0)
		(void)snprintf(out, WHERE_SIZE, "%.300s (asked at %.150s)", authority, request->connect_to);
	else if (response->peer[0] && !strstr(authority, response->peer))
		(void)snprintf(out, WHERE_SIZE, "%.300s (%s)", authority, response->peer);
	else
		(void)snprintf(out, WHERE_SIZE, "%.300s", authority);
}

static bool was_reached(const struct http_transfer *t, CURLINFO phase)
{
	curl_off_t us = 0;

	return curl_easy_getinfo(t->easy, phase, &us) == CURLE_OK && us > 0;
}

/* libcurl 7.88 knows the time of the connection only once TLS stands too. */
static bool is_connected(const struct http_transfer *t)
{
	long port = 0;

	return curl_easy_getinfo(t->easy, CURLINFO_LOCAL_PORT, &port) == CURLE_OK && port > 0;
}

static void explain_timeout(struct http_transfer *t, const char *where, const char *took)
{
	struct error *err = &t->exchange->error;

	if (was_reached(t, CURLINFO_STARTTRANSFER_TIME_T)) {
		(void)error_set(err, ERROR_NETWORK, "%s: the answer was not complete after %s (%zu octets of it had come)", where,
		                took, t->exchange->response.body.len);
	} else if (was_reached(t, CURLINFO_PRETRANSFER_TIME_T)) {
		(void)error_set(err, ERROR_NETWORK, "%s: took the request and sent no answer for %s", where, took);
	} else if (is_connected(t)) {
		(void)error_set(err, ERROR_NETWORK, "%s: accepts connections, but no TLS handshake was done after %s", where, took);
	} else if (was_reached(t, CURLINFO_NAMELOOKUP_TIME_T)) {
		(void)error_set(err, ERROR_NETWORK, "%s: no connection after %s", where, took);
		(void)error_advise(err, "check that a firewall or a missing route does not swallow what goes to this host and port");
	} else {
		(void)error_set(err, ERROR_NETWORK, "%s: no connection after %s, its address was not known by then", where, took);
		(void)error_advise(err, "check that the name servers in /etc/resolv.conf answer");
	}
}

static void explain_stop(struct http_transfer *t, const char *where, int64_t now_ms)
{
	const struct http_request *request = &t->exchange->request;
	struct error *err = &t->exchange->error;
	char took[SPAN_SIZE];

	switch (t->stop) {
	case HTTP_STOP_HEADERS:
		(void)error_set(err, ERROR_PROTOCOL, "%s: the headers of the answer are longer than %d octets; not read further", where,
		                HTTP_HEADERS_MAX);
		break;
	case HTTP_STOP_BODY:
	case HTTP_STOP_CUT:
		(void)error_set(err, ERROR_PROTOCOL, "%s: the answer is longer than the %zu octets that may come here; not read further",
		                where, request->limits.body_max);
		break;
	case HTTP_STOP_IDLE:
		(void)error_set(err, ERROR_NETWORK, "%s: sent nothing for %s", where, span(now_ms - t->octet_at_ms, took));
		break;
	case HTTP_STOP_NONE:
	case HTTP_STOP_MEMORY:
		(void)error_oom(err);
		break;
	}
}

static void explain_connect(struct http_transfer *t, const char *where, const char *took)
{
	struct error *err = &t->exchange->error;
	long errnum = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &errnum);
	(void)error_set(err, ERROR_NETWORK, "%s: cannot connect: %s (after %s)", where,
	                errnum ? strerror((int)errnum) : t->text, took);
	if (t->exchange->request.https_only && (getenv("https_proxy") || getenv("HTTPS_PROXY") || getenv("all_proxy") ||
	                                        getenv("ALL_PROXY")))
		(void)error_advise(err, "a proxy is set in the environment (https_proxy): check that it is right");
	else if (t->exchange->request.https_only)
		(void)error_advise(err, "if this lasts, look whether the URL is right (directive ca), and whether a firewall or a missing route "
		                        "keeps this host from there");
}

static void explain_certificate(struct http_transfer *t, const char *where)
{
	static const char bundle[] = "if this CA is a private one, name the certificate of its authority with --ca-bundle "
	                             "(directive ca-bundle); else do not trust what answers here";
	struct error *err = &t->exchange->error;
	long verdict = VERIFY_OK;

	(void)curl_easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
	if (verdict == VERIFY_EXPIRED || verdict == VERIFY_NOT_YET_VALID) {
		(void)error_set(err, ERROR_NETWORK, "%s: the certificate of the server %s", where,
		                verdict == VERIFY_EXPIRED ? "has expired" : "is not valid yet");
		(void)error_advise(err, "check this machine's clock; if it is right, whoever runs the server has to mend this");
	} else if (verdict == VERIFY_SELF_SIGNED_LEAF) {
		(void)error_set(err, ERROR_NETWORK, "%s: the certificate of the server is self-signed, and not trusted here", where);
		(void)error_advise(err, "%s", bundle);
	} else if (verdict == VERIFY_SELF_SIGNED_IN_CHAIN || verdict == VERIFY_NO_ISSUER_LOCALLY ||
	           verdict == VERIFY_CANNOT_VERIFY_LEAF) {
		(void)error_set(err, ERROR_NETWORK, "%s: the certificate of the server comes from an issuer that is not known and "
		                                    "trusted here", where);
		(void)error_advise(err, "%s", bundle);
	} else if (strstr(t->text, "subject name")) { /* libcurl compares the name itself; OpenSSL was content */
		(void)error_set(err, ERROR_NETWORK, "%s: the certificate of the server is for another name (%s)", where, t->text);
		(void)error_advise(err, "check the host in the CA's URL");
	} else {
		(void)error_set(err, ERROR_NETWORK, "%s: the certificate of the server is not accepted: %s", where, t->text);
	}
}

static void explain_handshake(struct http_transfer *t, const char *where)
{
	struct error *err = &t->exchange->error;

	if (strstr(t->text, "wrong version number") || strstr(t->text, "packet length too long") ||
	    strstr(t->text, "http request") || strstr(t->text, "record layer failure"))
		(void)error_set(err, ERROR_NETWORK, "%s: what answers on this port does not speak TLS", where);
	else if (strstr(t->text, "unsupported protocol") || strstr(t->text, "protocol version"))
		(void)error_set(err, ERROR_NETWORK, "%s: the server offers no TLS version from 1.2 on", where);
	else
		(void)error_set(err, ERROR_NETWORK, "%s: the TLS handshake failed: %s", where, t->text);
}

static enum http_failure failure_of(const struct http_transfer *t, CURLcode code)
{
	long errnum = 0;

	if (code == CURLE_OPERATION_TIMEDOUT || t->stop == HTTP_STOP_IDLE)
		return HTTP_FAILURE_TIMEOUT;
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return HTTP_FAILURE_NAME;
	if (code == CURLE_COULDNT_CONNECT && curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &errnum) == CURLE_OK &&
	    errnum == ECONNREFUSED)
		return HTTP_FAILURE_REFUSED;
	return HTTP_FAILURE_NONE;
}

void http_transfer_explain(struct http_transfer *t, CURLcode code, int64_t now_ms)
{
	struct http_exchange *x = t->exchange;
	char where[WHERE_SIZE], took[SPAN_SIZE];

	describe_where(t, where);
	(void)span(now_ms - t->hop_at_ms, took);
	text_clean(t->text);
	x->result = -1;
	x->failure = failure_of(t, code);
	if (t->stop != HTTP_STOP_NONE) {
		explain_stop(t, where, now_ms);
	} else if (code == CURLE_OPERATION_TIMEDOUT) {
		explain_timeout(t, where, took);
	} else if (code == CURLE_COULDNT_CONNECT) {
		explain_connect(t, where, took);
	} else if (code == CURLE_PEER_FAILED_VERIFICATION) {
		explain_certificate(t, where);
	} else if (code == CURLE_SSL_CONNECT_ERROR) {
		explain_handshake(t, where);
	} else {
		size_t i = 0;

		while (i < ARRAY_SIZE(reasons) && reasons[i].code != code)
			i++;
		(void)error_set(&x->error, i < ARRAY_SIZE(reasons) ? reasons[i].kind : ERROR_NETWORK, "%s: %s (%s; after %s)", where,
		                i < ARRAY_SIZE(reasons) ? reasons[i].what : "the request failed",
		                t->text[0] ? t->text : curl_easy_strerror(code), took);
		if (i < ARRAY_SIZE(reasons) && reasons[i].advice)
			(void)error_advise(&x->error, "%s", reasons[i].advice);
	}
}
