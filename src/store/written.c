#include "store/written.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "json/doc.h"
#include "store/private.h"

#include <stdlib.h>
#include <string.h>

#define WRITTEN_FILE "written.json"

enum { WRITTEN_VERSION = 1, WRITTEN_MAX = 1024 * 1024, HEX_SIZE = 2 * DIGEST_SHA256_SIZE + 1, DIGESTS_MAX = 2 };

struct store_written {
	const struct store *store; /* or NULL */
	json_t *files; /* path: [digest, ...] */
};

void store_written_free(struct store_written *written)
{
	if (written == NULL)
		return;
	json_decref(written->files);
	free(written);
}

void store_written_cleanup(struct store_written **written)
{
	store_written_free(*written);
}

static int parse(const struct store *store, const struct buf *text, struct store_written *written, struct error *err)
{
	json_auto_t *doc = NULL;
	const json_t *files;
	int64_t version;

	if (json_doc_parse(buf_text(text), text->len, WRITTEN_FILE, &doc, err) < 0 ||
	    json_need_int(doc, WRITTEN_FILE, "version", &version, err) < 0 ||
	    json_need_object(doc, WRITTEN_FILE, "files", &files, err) < 0) {
		error_context(err, "%s", store->path);
		err->kind = ERROR_SYSTEM;
		return error_advise(err, "move the file away: certd then takes no file of NGINX's configuration for its own");
	}
	if (version != WRITTEN_VERSION)
		return error_set(err, ERROR_SYSTEM, "%s/" WRITTEN_FILE " is of version %lld, this certd knows %d", store->path,
		                 (long long)version, (int)WRITTEN_VERSION);
	json_decref(written->files);
	written->files = json_deep_copy(files);
	return written->files == NULL ? error_oom(err) : 0;
}

int store_written_load(const struct store *store, struct store_written **ret, struct error *err)
{
	CLEANUP(store_written_cleanup) struct store_written *written = calloc(1, sizeof(*written));
	CLEANUP(buf_done) struct buf text = BUF(WRITTEN_MAX);
	int r = FILE_ABSENT;

	if (written == NULL || (written->files = json_object()) == NULL)
		return error_oom(err);
	written->store = store;
	if (store != NULL)
		r = file_read(store->fd, WRITTEN_FILE, &text, err);
	if (r < 0 || (r == FILE_OK && parse(store, &text, written, err) < 0))
		return -1;
	*ret = TAKE(written);
	return 0;
}

static int digest(const char *text, char out[static HEX_SIZE], struct error *err)
{
	uint8_t hash[DIGEST_SHA256_SIZE];

	if (digest_sha256(text, strlen(text), hash, err) < 0)
		return -1;
	text_hex(hash, sizeof(hash), out);
	return 0;
}

bool store_written_knows(const struct store_written *written, const char *path)
{
	return json_object_get(written->files, path) != NULL;
}

static bool has(const json_t *digests, const char *hex)
{
	for (size_t i = 0; i < json_array_size(digests); i++) {
		const char *one = json_string_value(json_array_get(digests, i));

		if (one != NULL && text_equal(one, hex))
			return true;
	}
	return false;
}

bool store_written_is(const struct store_written *written, const char *path, const char *text)
{
	const json_t *digests = json_object_get(written->files, path);
	char hex[HEX_SIZE];
	struct error ignored;

	return digests != NULL && digest(text, hex, &ignored) == 0 && has(digests, hex);
}

int store_written_begin(struct store_written *written, const char *path, const char *text, struct error *err)
{
	json_t *digests = json_object_get(written->files, path);
	char hex[HEX_SIZE];

	if (digest(text, hex, err) < 0)
		return -1;
	if (!json_is_array(digests))
		return store_written_set(written, path, text, err);
	if (has(digests, hex))
		return 0;
	while (json_array_size(digests) >= DIGESTS_MAX)
		json_array_remove(digests, json_array_size(digests) - 1);
	return json_array_append_new(digests, json_string(hex)) < 0 ? error_oom(err) : 0;
}

int store_written_set(struct store_written *written, const char *path, const char *text, struct error *err)
{
	char hex[HEX_SIZE];

	if (text == NULL) {
		json_object_del(written->files, path);
		return 0;
	}
	if (digest(text, hex, err) < 0)
		return -1;
	if (json_object_set_new(written->files, path, json_pack("[s]", hex)) < 0)
		return error_set(err, ERROR_SYSTEM, "\"%s\" cannot be remembered: out of memory, or no UTF-8", path);
	return 0;
}

int store_written_save(const struct store_written *written, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(WRITTEN_MAX);
	json_auto_t *doc = json_pack("{s:i, s:O}", "version", (int)WRITTEN_VERSION, "files", written->files);

	if (written->store == NULL)
		return error_set(err, ERROR_INTERNAL, WRITTEN_FILE " has no place");
	if (doc == NULL)
		return error_oom(err);
	if (json_doc_print(doc, true, &text, err) < 0)
		return -1;
	buf_append_char(&text, '\n');
	if (buf_check(&text, WRITTEN_FILE, err) < 0)
		return -1;
	return file_write(written->store->fd, WRITTEN_FILE, buf_text(&text), text.len, 0600, err);
}
