/* url.h: which URLs that a CA names may be asked. */
#ifndef CERTD_ACME_URL_H
#define CERTD_ACME_URL_H

#include <stddef.h>

struct error;

/* Whether a URL that the CA of that directory gave may be contacted: https, as http_url_check() wants it, and not at an address of this
 * machine or link (127.0.0.0/8, 169.254.0.0/16, ::1, fe80::/10, "localhost", however they are spelt) unless the directory is itself at such a
 * place: a CA shall not make us ask what only we can reach. `what` names the place ("the directory: .newNonce"). ERROR_PROTOCOL. */
int acme_url_check(const char *url, const char *directory_url, const char *what, struct error *err);

/* The host of a URL, "" of what is none, for messages. Returns ret. */
const char *acme_url_host(const char *url, char *ret, size_t size);

#endif
