/* binding.c: the key of an external account, which is the CA's customer's: a file, or a credential that the service manager hands over. */
#include "job/binding.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "config/config.h"
#include "config/secret.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HMAC_TEXT_MAX = 1024 };

static int no_credential(const char *name, const char *folder, struct error *err)
{
	if (folder == NULL)
		error_set(err, ERROR_USAGE, "eab-hmac-file: the credential %s is not at hand: certd was not started as a service that is given "
		                            "credentials (CREDENTIALS_DIRECTORY is not set)", name);
	else
		error_set(err, ERROR_USAGE, "eab-hmac-file: there is no credential %s among those of this service, in %s", name, folder);
	return error_advise(err, "LoadCredential=%s:FILE in a drop-in of certd-renew.service and certd-job@.service hands it over, see "
	                         "certd.conf(5); the first certificate is then issued by: systemctl start certd-renew.service", name);
}

/* Where the key is. 1 where no service manager gave us credentials. */
static int find_place(const char *name, char path[static PATH_MAX], struct error *err)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	int n;

	if (folder == NULL || folder[0] == '\0')
		return FILE_ABSENT;
	if (folder[0] != '/')
		return error_set(err, ERROR_USAGE, "CREDENTIALS_DIRECTORY is \"%s\", and the service manager names an absolute path", folder);
	n = snprintf(path, PATH_MAX, "%s/%s", folder, name);
	if (n < 0 || n >= PATH_MAX)
		return error_set(err, ERROR_USAGE, "the path of the credential %s is too long", name);
	return 0;
}

int job_binding_load(const struct config_ca *ca, bool needed, struct buf *out, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF_SECRET(HMAC_TEXT_MAX);
	const char *credential = config_secret_credential(ca->eab_hmac_file);
	char path[PATH_MAX];
	int r = 0;

	if (credential != NULL)
		r = find_place(credential, path, err);
	if (r == 0)
		r = file_read(AT_FDCWD, credential != NULL ? path : ca->eab_hmac_file, &text, err);
	if (r < 0)
		return -1;
	if (r == FILE_ABSENT && !needed)
		return 0;
	if (r == FILE_ABSENT && credential != NULL)
		return no_credential(credential, getenv("CREDENTIALS_DIRECTORY"), err);
	if (r == FILE_ABSENT)
		return error_set(err, ERROR_USAGE, "the file %s of eab-hmac-file does not exist", ca->eab_hmac_file);
	while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]))
		text.len--;
	if (base64url_decode(text.data, text.len, out, err) < 0) {
		error_context(err, "the key in %s", ca->eab_hmac_file);
		return error_advise(err, "the file of eab-hmac-file holds the HMAC key as your CA shows it, in base64url");
	}
	return 0;
}
