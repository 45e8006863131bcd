#include "store/index.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "store/private.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INDEX_MAX = 64 * 1024 * 1024, ENTRIES_MAX = 1000000, ENTRIES_MIN = 64 };

#define INDEX_FILE "index"
/* The version is that of all that is kept in it: what another certd wrote is not looked at. */
#define INDEX_HEAD "certd index 2\n"

/* One line of the file: "NAME\tGENERATION\tDIGEST\tTEXT". */
struct entry {
	const char *name;
	const char *rest; /* "GENERATION\tDIGEST\tTEXT" */
	char *own; /* the memory of both where it is not the file's text */
};

/* Sorted by name. */
struct store_index {
	struct buf text;
	struct entry *entries;
	size_t count;
	size_t room;
	bool changed;
};

void store_index_free(struct store_index *index)
{
	if (index == NULL)
		return;
	for (size_t i = 0; i < index->count; i++)
		free(index->entries[i].own);
	free(index->entries);
	buf_done(&index->text);
	free(index);
}

/* Where the name stands, or would stand. */
static size_t place_of(const struct store_index *index, const char *name)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->entries[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct store_index *index, size_t place, const char *name)
{
	return place < index->count && text_equal(index->entries[place].name, name);
}

/* Room for one more entry at that place. NULL on lack of memory. */
static struct entry *insert(struct store_index *index, size_t place)
{
	if (index->count >= ENTRIES_MAX)
		return NULL;
	if (index->count == index->room) {
		size_t room = index->room > 0 ? 2 * index->room : ENTRIES_MIN;
		struct entry *entries = reallocarray(index->entries, room, sizeof(*entries));

		if (entries == NULL)
			return NULL;
		index->entries = entries;
		index->room = room;
	}
	memmove(&index->entries[place + 1], &index->entries[place], (index->count - place) * sizeof(index->entries[0]));
	index->count++;
	index->entries[place] = (struct entry){ NULL, NULL, NULL };
	return &index->entries[place];
}

/* Splits the text in place. What is no line of ours, or stands in a wrong place, is left out: it is looked at anew. */
static void split(struct store_index *index)
{
	char *at = index->text.data + strlen(INDEX_HEAD);
	char *end;

	for (; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		char *tab;
		struct entry *entry;

		*end = '\0';
		tab = strchr(at, '\t');
		if (tab == NULL)
			continue;
		*tab = '\0';
		if (index->count > 0 && strcmp(index->entries[index->count - 1].name, at) >= 0)
			continue;
		entry = insert(index, index->count);
		if (entry == NULL)
			return;
		entry->name = at;
		entry->rest = tab + 1;
	}
}

/* Never fails: what cannot be loaded is empty. NULL on lack of memory only. */
static struct store_index *load(int state_fd)
{
	struct store_index *index = calloc(1, sizeof(*index));
	struct error ignored;

	if (index == NULL)
		return NULL;
	index->text = BUF(INDEX_MAX);
	if (file_read(state_fd, INDEX_FILE, &index->text, &ignored) == FILE_OK &&
	    strlen(buf_text(&index->text)) == index->text.len && text_has_prefix(buf_text(&index->text), INDEX_HEAD))
		split(index);
	return index;
}

static struct store_index *index_of(const struct store_cert *cert)
{
	struct store_index **index;
	int state_fd = store_shared_index(cert->shared, &index);

	if (*index == NULL)
		*index = load(state_fd);
	return *index;
}

static void rest_head(const struct store_stamp *stamp, char *out, size_t size)
{
	snprintf(out, size, "%ju\t%s\t", (uintmax_t)stamp->generation, stamp->digest);
}

int store_index_recall(const struct store_cert *cert, const struct store_stamp *stamp, struct buf *out)
{
	const struct store_index *index = index_of(cert);
	char head[CERT_FINGERPRINT_SIZE + 32];
	size_t place;

	if (index == NULL)
		return STORE_ABSENT;
	place = place_of(index, cert->name);
	rest_head(stamp, head, sizeof(head));
	if (!is_at(index, place, cert->name) || !text_has_prefix(index->entries[place].rest, head) ||
	    buf_append_text(out, index->entries[place].rest + strlen(head)) < 0)
		return STORE_ABSENT;
	return STORE_OK;
}

static bool is_plain(const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return false;
	}
	return strlen(text) <= STORE_INDEX_TEXT_MAX;
}

void store_index_keep(const struct store_cert *cert, const struct store_stamp *stamp, const char *text)
{
	struct store_index *index = index_of(cert);
	char head[CERT_FINGERPRINT_SIZE + 32];
	struct entry *entry;
	size_t place;
	char *own;

	if (index == NULL || stamp->fresh || !is_plain(text))
		return;
	rest_head(stamp, head, sizeof(head));
	if (asprintf(&own, "%s%c%s%s", cert->name, '\0', head, text) < 0)
		return;
	place = place_of(index, cert->name);
	entry = is_at(index, place, cert->name) ? &index->entries[place] : insert(index, place);
	if (entry == NULL) {
		free(own);
		return;
	}
	free(entry->own);
	*entry = (struct entry){ own, own + strlen(own) + 1, own };
	index->changed = true;
}

static bool has_directory(int certificates_fd, const char *name)
{
	struct stat st;

	return fstatat(certificates_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int store_index_save(const struct store *store, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(INDEX_MAX);
	struct store_index **index;
	int state_fd = store_shared_index(store->shared, &index);
	int certificates_fd;

	if (*index == NULL || !(*index)->changed || store_shared_certificates(store->shared, false, &certificates_fd, err) != 0)
		return 0;
	buf_append_text(&text, INDEX_HEAD);
	for (size_t i = 0; i < (*index)->count; i++) {
		const struct entry *entry = &(*index)->entries[i];

		if (has_directory(certificates_fd, entry->name))
			buf_printf(&text, "%s\t%s\n", entry->name, entry->rest);
	}
	if (buf_check(&text, INDEX_FILE, err) < 0 ||
	    file_write(state_fd, INDEX_FILE, text.data, text.len, 0600, err) < 0)
		return error_context(err, "cannot keep the index of %s", store->path);
	(*index)->changed = false;
	return 0;
}
