#include "store/ca.h"

#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "store/private.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define FOLDER "cas"
#define SUFFIX ".json"

enum { FILE_MAX = 8 * 1024 * 1024, KEY_TEXT_MAX = 64 * 1024, CLOCK_SLACK_S = 24 * 60 * 60 };

int store_ca_key(const char *a, const char *b, char ret[static STORE_CA_KEY_SIZE], struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(KEY_TEXT_MAX);
	uint8_t hash[DIGEST_SHA256_SIZE];

	buf_append_text(&text, a);
	if (b != NULL)
		buf_printf(&text, "\n%s", b);
	if (buf_check(&text, "what is counted", err) < 0 || digest_sha256(buf_text(&text), text.len, hash, err) < 0)
		return -1;
	text_hex(hash, (STORE_CA_KEY_SIZE - 1) / 2, ret);
	return 0;
}

struct store_ca *store_ca_new(const char *directory_url, struct error *err)
{
	struct store_ca *ca = calloc(1, sizeof(*ca));

	if (ca != NULL)
		ca->directory = strdup(directory_url);
	if (ca == NULL || ca->directory == NULL) {
		free(ca);
		error_oom(err);
		return NULL;
	}
	ca->fd = -1;
	return ca;
}

void store_ca_free(struct store_ca *ca)
{
	if (ca == NULL)
		return;
	for (size_t i = 0; i < STORE_CA_LOG_COUNT; i++)
		free(ca->logs[i].items);
	free(ca->holds);
	free(ca->directory);
	clean_fd(&ca->fd);
	free(ca);
}

void store_ca_cleanup(struct store_ca **ca)
{
	store_ca_free(*ca);
}

static int name_file(struct store_ca *ca, struct error *err)
{
	const char *host = strstr(ca->directory, "://");
	char name[STORE_ACCOUNT_NAME_SIZE];

	if (store_safe_name(host != NULL ? host + 3 : ca->directory, ca->directory, name, err) < 0)
		return -1;
	snprintf(ca->file, sizeof(ca->file), "%s" SUFFIX, name);
	return 0;
}

/* What identifies the file that is there now: each write makes another one. */
static bool look(const struct store_ca *ca, struct timespec *ret_written, uint64_t *ret_inode)
{
	struct stat st;

	if (ca->fd < 0 || fstatat(ca->fd, ca->file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*ret_written = st.st_mtim;
	*ret_inode = st.st_ino;
	return true;
}

bool store_ca_is_fresh(const struct store_ca *ca)
{
	struct timespec written = { 0 };
	uint64_t inode = 0;

	/* Where there was no directory, there may be one now. */
	if (ca->fd < 0)
		return false;
	(void)look(ca, &written, &inode);
	return inode == ca->inode && written.tv_sec == ca->written.tv_sec && written.tv_nsec == ca->written.tv_nsec;
}

/* Reads its file into *ca. STORE_DAMAGED with *err. */
static int read_file(struct store_ca **ca, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(FILE_MAX);
	struct store_ca *got;
	struct timespec written = { 0 };
	uint64_t inode = 0;
	int r;

	if (!look(*ca, &written, &inode))
		return STORE_OK;
	r = file_read((*ca)->fd, (*ca)->file, &text, err);
	if (r == FILE_ABSENT)
		return STORE_OK;
	r = r < 0 ? STORE_DAMAGED : store_ca_parse(buf_text(&text), text.len, &got, err);
	if (r != STORE_OK)
		return r;
	got->fd = TAKE_FD((*ca)->fd);
	got->written = written;
	got->inode = inode;
	text_copy(got->file, sizeof(got->file), (*ca)->file);
	/* What the file is for its name says. */
	if (!text_equal(got->directory, (*ca)->directory)) {
		free(got->directory);
		got->directory = TAKE((*ca)->directory);
	}
	store_ca_free(*ca);
	*ca = got;
	return STORE_OK;
}

int store_ca_load(const struct store *store, const char *directory_url, struct store_ca **ret, struct error *err)
{
	CLEANUP(store_ca_cleanup) struct store_ca *ca = store_ca_new(directory_url, err);
	int r;

	if (ca == NULL || name_file(ca, err) < 0)
		return -1;
	if (store != NULL && file_open_beneath(store->fd, FOLDER, false, 0, &ca->fd, err) < 0)
		return -1;
	r = read_file(&ca, err);
	if (r < 0)
		return -1;
	*ret = TAKE(ca);
	return r;
}

static int move_aside(const struct store_ca *ca, struct error *err)
{
	char path[FILE_PATH_SIZE], aside[STORE_CA_FILE_SIZE + 16];
	struct error why = *err;

	snprintf(aside, sizeof(aside), "%s.damaged", ca->file);
	if (file_rename(ca->fd, ca->file, ca->fd, aside, err) < 0)
		return error_context(err, "%s, and it cannot be moved aside", why.message);
	error_set(err, ERROR_SYSTEM, "what was remembered of a CA in %s cannot be read, and was moved aside: %s",
	          file_path(ca->fd, ca->file, path), why.message);
	error_advise(err, "nothing, unless this comes again: then look for what writes there, or at the disk");
	return STORE_DAMAGED;
}

int store_ca_open(const struct store *store, const char *directory_url, struct store_ca **ret, struct error *err)
{
	CLEANUP(store_ca_cleanup) struct store_ca *ca = store_ca_new(directory_url, err);
	int r;

	if (ca == NULL || name_file(ca, err) < 0 || file_open_beneath(store->fd, FOLDER, true, 0700, &ca->fd, err) < 0 ||
	    store_check_private(ca->fd, "the directory of what is remembered of CAs", err) < 0)
		return -1;
	/* A file system without locks has one writer: the state is locked for a whole run. */
	do {
		r = flock(ca->fd, LOCK_EX);
	} while (r < 0 && errno == EINTR);
	if (r == 0 && file_sweep(ca->fd, err) < 0)
		return -1;
	r = read_file(&ca, err);
	if (r == STORE_DAMAGED)
		r = move_aside(ca, err);
	if (r < 0)
		return -1;
	*ret = TAKE(ca);
	return r;
}

int store_ca_save(struct store_ca *ca, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(FILE_MAX);

	if (store_ca_print(ca, &text, err) < 0 || file_write(ca->fd, ca->file, buf_text(&text), text.len, 0600, err) < 0)
		return error_context(err, "cannot keep what is to be remembered of the CA");
	(void)look(ca, &ca->written, &ca->inode);
	return 0;
}

const struct store_ca_hold *store_ca_holds(const struct store_ca *ca, size_t *ret_count)
{
	*ret_count = ca->holds_count;
	return ca->holds;
}

static struct store_ca_hold *find(const struct store_ca *ca, enum store_ca_scope scope, enum store_ca_endpoint endpoint,
                                  const char *key)
{
	for (size_t i = 0; i < ca->holds_count; i++) {
		if (ca->holds[i].scope == scope && ca->holds[i].endpoint == endpoint && text_equal(ca->holds[i].key, key))
			return &ca->holds[i];
	}
	return NULL;
}

static void remove_at(struct store_ca *ca, size_t at)
{
	ca->holds_count--;
	memmove(&ca->holds[at], &ca->holds[at + 1], (ca->holds_count - at) * sizeof(*ca->holds));
}

bool store_ca_hold_remove(struct store_ca *ca, enum store_ca_scope scope, enum store_ca_endpoint endpoint, const char *key)
{
	const struct store_ca_hold *hold = find(ca, scope, endpoint, key);

	if (hold == NULL)
		return false;
	remove_at(ca, (size_t)(hold - ca->holds));
	return true;
}

/* Room for one more. */
static void make_room(struct store_ca *ca)
{
	size_t first = 0;

	if (ca->holds_count < STORE_CA_HOLDS_MAX)
		return;
	for (size_t i = 1; i < ca->holds_count; i++) {
		if (ca->holds[i].until_at < ca->holds[first].until_at)
			first = i;
	}
	remove_at(ca, first);
}

int store_ca_hold_add(struct store_ca *ca, const struct store_ca_hold *hold, struct error *err)
{
	struct store_ca_hold *holds;

	(void)store_ca_hold_remove(ca, hold->scope, hold->endpoint, hold->key);
	make_room(ca);
	holds = reallocarray(ca->holds, ca->holds_count + 1, sizeof(*holds));
	if (holds == NULL)
		return error_oom(err);
	ca->holds = holds;
	holds[ca->holds_count++] = *hold;
	return 0;
}

void store_ca_expire(struct store_ca *ca, int64_t now_at)
{
	for (size_t i = ca->holds_count; i-- > 0;) {
		if (ca->holds[i].until_at <= now_at || ca->holds[i].since_at > now_at + CLOCK_SLACK_S)
			remove_at(ca, i);
	}
}

int store_ca_event_add(struct store_ca *ca, enum store_ca_log log, const char *key, int64_t at, int64_t keep_s,
                       struct error *err)
{
	struct store_ca_events *events = &ca->logs[log];
	size_t kept = 0;

	for (size_t i = 0; i < events->count; i++) {
		if (events->items[i].at > at - keep_s && events->items[i].at <= at + CLOCK_SLACK_S)
			events->items[kept++] = events->items[i];
	}
	if (kept >= STORE_CA_EVENTS_MAX)
		memmove(events->items, events->items + 1, --kept * sizeof(*events->items));
	events->count = kept;
	if (kept >= events->room) {
		size_t room = events->room == 0 ? 64 : 2 * events->room;
		struct store_ca_event *items = reallocarray(events->items, room, sizeof(*items));

		if (items == NULL)
			return error_oom(err);
		events->items = items;
		events->room = room;
	}
	text_copy(events->items[kept].key, STORE_CA_KEY_SIZE, key);
	events->items[kept].at = at;
	events->count++;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

	return one < other ? -1 : one > other;
}

size_t store_ca_event_list(const struct store_ca *ca, enum store_ca_log log, const char *key, int64_t *out, size_t max)
{
	const struct store_ca_events *events = &ca->logs[log];
	size_t count = 0;

	for (size_t i = events->count; i-- > 0 && count < max;) {
		if (text_equal(events->items[i].key, key))
			out[count++] = events->items[i].at;
	}
	if (count > 1)
		qsort(out, count, sizeof(*out), by_time);
	return count;
}

int64_t store_ca_seen_at(const struct store_ca *ca)
{
	return ca->seen_at;
}

void store_ca_set_seen(struct store_ca *ca, int64_t at)
{
	ca->seen_at = at;
}

const char *store_ca_directory(const struct store_ca *ca)
{
	return ca->directory;
}

static int visit_file(int fd, const char *name, int (*visit)(void *self, const struct store_ca *ca, struct error *err),
                      void *self, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(FILE_MAX);
	CLEANUP(store_ca_cleanup) struct store_ca *ca = NULL;
	struct error ignored;

	error_clear(&ignored);
	if (file_read(fd, name, &text, &ignored) != FILE_OK ||
	    store_ca_parse(buf_text(&text), text.len, &ca, &ignored) != STORE_OK)
		return 0;
	return visit(self, ca, err);
}

int store_ca_each(const struct store *store, int (*visit)(void *self, const struct store_ca *ca, struct error *err), void *self,
                  struct error *err)
{
	CLEANUP(strv_done) struct strv names = STRV(STORE_ENTRIES_MAX);
	CLEANUP(clean_fd) int fd = -1;
	int r = file_open_beneath(store->fd, FOLDER, false, 0, &fd, err);

	if (r != FILE_OK)
		return r < 0 ? -1 : 0;
	if (file_list(fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (names.items[i][0] != '.' && text_has_suffix(names.items[i], SUFFIX) &&
		    visit_file(fd, names.items[i], visit, self, err) < 0)
			return -1;
	}
	return 0;
}
