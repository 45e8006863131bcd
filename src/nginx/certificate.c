/* certificate.c: until when a certificate file is good. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "crypto/cert.h"
#include "nginx/advise.h"

#include <fcntl.h>
#include <string.h>

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END "-----END CERTIFICATE-----"

/* Files of others may hold a text, or their key, beside: only the first certificate is read. */
int nginx_certificate_not_after(const char *path, int64_t *ret_at)
{
	CLEANUP(buf_done) struct buf text = BUF_SECRET(CERT_PEM_MAX);
	CLEANUP(cert_chain_cleanup) struct cert_chain *chain = NULL;
	struct cert_facts facts;
	struct error why;
	const char *begin, *end;

	if (file_read(AT_FDCWD, path, &text, &why) != FILE_OK)
		return -1;
	begin = strstr(buf_text(&text), BEGIN);
	end = begin != NULL ? strstr(begin, END) : NULL;
	if (end == NULL || cert_chain_parse(begin, (size_t)(end - begin) + strlen(END), &chain, &why) < 0 ||
	    cert_chain_facts(chain, 0, &facts, &why) < 0)
		return -1;
	*ret_at = facts.not_after_at;
	return 0;
}
