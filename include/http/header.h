/* header.h: header lines of an answer, as whatever transport hands them over.
 *
 * Pure. Nothing here fails: a header that cannot be read, or does not fit, counts as absent. A cut URL would be another URL.
 */
#ifndef CERTD_HTTP_HEADER_H
#define CERTD_HTTP_HEADER_H

#include <stddef.h>
#include <stdint.h>

struct http_response;

/* Forgets the headers read so far: an interim answer (1xx) or a redirect went before this one. */
void http_header_begin(struct http_response *response);

/* Takes one line "Name: value", with or without its line end, into what struct http_response knows of: Content-Type, Location,
 * Retry-After, Replay-Nonce (RFC 8555 section 6.5.1: an invalid one is ignored), Date, Link (RFC 8288: several values a line, several relations a
 * value; values with an anchor are about something else and are left out). Others are ignored. */
void http_header_add(struct http_response *response, const char *line, size_t len);

/* HTTP-date in its three forms (RFC 9110 section 5.6.7); now_at places years of two digits. 0, or -1 and *ret_at unchanged. */
int http_date_parse(const char *text, int64_t now_at, int64_t *ret_at);

#endif
