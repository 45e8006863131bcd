/* generation.c: generations, and which one is live. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/strv.h"
#include "base/text.h"
#include "store/private.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TARGET_MAX = 512,
	NUMBER_SIZE = 24,
	FILES_COUNT = 4,
};

#define LAST_FILE "last-generation"
#define KEY_FILE "privkey"

/* Of each certificate; what follows says of which. */
static const char *const file_names[FILES_COUNT] = { KEY_FILE, "cert", "chain", "fullchain" };

const char *store_file_name(const char *file, const enum key_family *second, char out[static STORE_FILE_SIZE])
{
	snprintf(out, STORE_FILE_SIZE, "%s%s%s.pem", file, second != NULL ? "-" : "", second != NULL ? key_family_name(*second) : "");
	return out;
}

static bool is_file_name(const char *file)
{
	char name[STORE_FILE_SIZE];

	for (size_t i = 0; i < FILES_COUNT; i++) {
		if (text_equal(file, store_file_name(file_names[i], NULL, name)))
			return true;
		for (size_t k = 0; k < KEY_FAMILY_COUNT; k++) {
			const enum key_family second = (enum key_family)k;

			if (text_equal(file, store_file_name(file_names[i], &second, name)))
				return true;
		}
	}
	return false;
}

int store_generation_parse(const char *name, uint64_t *ret)
{
	if (name[0] == '0')
		return -1;
	return text_parse_u64(name, 1, STORE_GENERATION_MAX, ret);
}

static void number_text(uint64_t generation, char out[static NUMBER_SIZE])
{
	snprintf(out, NUMBER_SIZE, "%ju", (uintmax_t)generation);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* All numbers there are, ascending, in memory that the caller frees. */
static int all_numbers(const struct store_cert *cert, uint64_t **ret, size_t *ret_count, struct error *err)
{
	CLEANUP(strv_done) struct strv names = STRV(STORE_ENTRIES_MAX);
	CLEANUP(clean_free) uint64_t *numbers = NULL;
	size_t count = 0;

	if (file_list(cert->fd, &names, err) < 0)
		return -1;
	numbers = calloc(names.count + 1, sizeof(*numbers));
	if (numbers == NULL)
		return error_oom(err);
	for (size_t i = 0; i < names.count; i++) {
		struct stat st;

		if (store_generation_parse(names.items[i], &numbers[count]) == 0 &&
		    fstatat(cert->fd, names.items[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
			count++;
	}
	qsort(numbers, count, sizeof(*numbers), compare);
	*ret = TAKE(numbers);
	*ret_count = count;
	return 0;
}

int store_generation_list(const struct store_cert *cert, uint64_t *out, size_t max, size_t *ret_count, struct error *err)
{
	CLEANUP(clean_free) uint64_t *numbers = NULL;
	size_t count, skip;

	if (all_numbers(cert, &numbers, &count, err) < 0)
		return -1;
	skip = count > max ? count - max : 0;
	if (count > skip)
		memcpy(out, numbers + skip, (count - skip) * sizeof(*out));
	*ret_count = count - skip;
	return 0;
}

int store_live_path(const struct store_cert *cert, const char *file, struct buf *out, struct error *err)
{
	if (file != NULL && !is_file_name(file))
		return error_set(err, ERROR_INTERNAL, "a generation has no file %s", file);
	buf_append_text(out, cert->live_path);
	if (file != NULL)
		buf_printf(out, "/%s", file);
	return buf_check(out, "the path of the live files", err);
}

int store_live(const struct store_cert *cert, uint64_t *ret_generation, struct error *err)
{
	CLEANUP(buf_done) struct buf target = BUF(TARGET_MAX);
	char ours[IDENT_NAME_SIZE + 32];
	int fd;
	int r = store_shared_live(cert->shared, false, &fd, err);

	if (r != 0)
		return r < 0 ? -1 : STORE_ABSENT;
	r = file_read_link(fd, cert->name, &target, err);
	if (r == FILE_ABSENT)
		return STORE_ABSENT;
	if (r < 0)
		return -1;
	snprintf(ours, sizeof(ours), "../certificates/%s/", cert->name);
	if (text_has_prefix(buf_text(&target), ours) &&
	    store_generation_parse(buf_text(&target) + strlen(ours), ret_generation) == 0)
		return STORE_OK;
	error_set(err, ERROR_SYSTEM, "%s is a link to \"%s\", which is no generation of this certificate",
	          cert->live_path, buf_text(&target));
	return error_advise(err, "make it a link to %sN, N being a directory in %s, or remove it to have a new certificate issued",
	                    ours, cert->path);
}

const char *const *store_generation_files(size_t *ret_count)
{
	*ret_count = FILES_COUNT;
	return file_names;
}

int store_generation_open(const struct store_cert *cert, uint64_t generation, int *ret_fd, struct error *err)
{
	char name[NUMBER_SIZE];
	int r;

	if (generation == 0 || generation > STORE_GENERATION_MAX)
		return STORE_ABSENT;
	number_text(generation, name);
	r = file_open_beneath(cert->fd, name, false, 0, ret_fd, err);
	if (r < 0)
		return -1;
	return r == FILE_ABSENT ? STORE_ABSENT : STORE_OK;
}

/* Whether all files of one of its certificates are there: a person may have removed one, and NGINX would not start with a link to such a
 * directory. STORE_ABSENT where none of a second one's is. */
static int check_pair(const struct store_cert *cert, int fd, uint64_t generation, const enum key_family *second,
                      struct error *err)
{
	char name[STORE_FILE_SIZE];
	size_t absent = 0;
	struct stat st;

	for (size_t i = 0; i < FILES_COUNT; i++) {
		if (second != NULL && fstatat(fd, store_file_name(file_names[i], second, name), &st, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno == ENOENT)
			absent++;
	}
	if (absent == FILES_COUNT)
		return STORE_ABSENT;
	for (size_t i = 0; i < FILES_COUNT; i++) {
		store_file_name(file_names[i], second, name);
		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_sys(err, errno, "%s/%ju/%s", cert->path, (uintmax_t)generation, name);
		if (!S_ISREG(st.st_mode) || st.st_size == 0)
			return error_set(err, ERROR_SYSTEM, "%s/%ju/%s is empty, or no file", cert->path,
			                 (uintmax_t)generation, name);
	}
	return STORE_OK;
}

static int find_second(const struct store_cert *cert, int fd, uint64_t generation, enum key_family *ret, struct error *err)
{
	for (size_t i = 0; i < KEY_FAMILY_COUNT; i++) {
		const enum key_family second = (enum key_family)i;
		int r = check_pair(cert, fd, generation, &second, err);

		if (r == STORE_ABSENT)
			continue;
		if (r == STORE_OK)
			*ret = second;
		return r;
	}
	return STORE_ABSENT;
}

int store_generation_second(const struct store_cert *cert, uint64_t generation, enum key_family *ret, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	int r = store_generation_open(cert, generation, &fd, err);

	return r == STORE_OK ? find_second(cert, fd, generation, ret, err) : r;
}

static int check_whole(const struct store_cert *cert, uint64_t generation, struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	enum key_family second;
	int r = store_generation_open(cert, generation, &fd, err);

	if (r < 0)
		return -1;
	if (r == STORE_ABSENT)
		return error_set(err, ERROR_SYSTEM, "%s has no generation %ju", cert->path, (uintmax_t)generation);
	if (check_pair(cert, fd, generation, NULL, err) < 0 || find_second(cert, fd, generation, &second, err) < 0)
		return -1;
	return 0;
}

static int remove_live(const struct store_cert *cert, struct error *err)
{
	CLEANUP(buf_done) struct buf target = BUF(TARGET_MAX);
	int fd;
	int r = store_shared_live(cert->shared, false, &fd, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	/* Only a link is ours to remove. */
	r = file_read_link(fd, cert->name, &target, err);
	if (r == FILE_ABSENT)
		return 0;
	if (r < 0 || file_remove(fd, cert->name, err) < 0)
		return -1;
	return 0;
}

int store_live_switch(const struct store_cert *cert, uint64_t generation, struct error *err)
{
	char target[IDENT_NAME_SIZE + 64];
	int fd;

	if (generation == 0)
		return remove_live(cert, err);
	if (check_whole(cert, generation, err) < 0)
		return -1;
	if (store_shared_live(cert->shared, true, &fd, err) < 0)
		return -1;
	snprintf(target, sizeof(target), "../certificates/%s/%ju", cert->name, (uintmax_t)generation);
	if (file_switch_link(fd, cert->name, target, err) < 0)
		return error_context(err, "cannot make generation %ju live", (uintmax_t)generation);
	return 0;
}

/* The number that was given last, so that none is used twice even when a person removed the newest directory. A file that
 * cannot be read as a number counts as none: the directories themselves still count. */
static uint64_t last_number(const struct store_cert *cert)
{
	CLEANUP(buf_done) struct buf text = BUF(NUMBER_SIZE);
	struct error ignored;
	uint64_t number = 0;

	if (file_read(cert->fd, LAST_FILE, &text, &ignored) != FILE_OK)
		return 0;
	if (text.len > 0 && text.data[text.len - 1] == '\n')
		text.data[text.len - 1] = '\0';
	if (store_generation_parse(buf_text(&text), &number) < 0)
		return 0;
	return number;
}

static int next_number(const struct store_cert *cert, uint64_t *ret, struct error *err)
{
	CLEANUP(clean_free) uint64_t *numbers = NULL;
	uint64_t highest = last_number(cert);
	struct error ignored;
	char text[NUMBER_SIZE + 1];
	uint64_t live;
	size_t count;
	int n;

	if (all_numbers(cert, &numbers, &count, err) < 0)
		return -1;
	if (count > 0 && numbers[count - 1] > highest)
		highest = numbers[count - 1];
	if (store_live(cert, &live, &ignored) == STORE_OK && live > highest)
		highest = live;
	if (highest >= STORE_GENERATION_MAX)
		return error_set(err, ERROR_SYSTEM, "%s: there is no number above generation %ju", cert->path,
		                 (uintmax_t)highest);
	n = snprintf(text, sizeof(text), "%ju\n", (uintmax_t)highest + 1);
	if (file_write(cert->fd, LAST_FILE, text, (size_t)n, 0600, err) < 0)
		return -1;
	*ret = highest + 1;
	return 0;
}

static int write_files(int fd, const struct store_files *files, const enum key_family *second, const struct store_access *access,
                       struct error *err)
{
	const char *const texts[FILES_COUNT] = { files->privkey, files->cert, files->chain, files->fullchain };
	char name[STORE_FILE_SIZE];

	for (size_t i = 0; i < FILES_COUNT; i++) {
		const struct file_access of_file = store_access_of_file(access, store_file_name(file_names[i], second, name));

		if (texts[i] == NULL || texts[i][0] == '\0')
			return error_set(err, ERROR_INTERNAL, "%s would be empty", name);
		if (file_write_as(fd, name, texts[i], strlen(texts[i]), &of_file, err) < 0)
			return -1;
	}
	return 0;
}

static int write_pairs(int fd, const struct store_files *pairs, size_t count, const struct store_access *access, struct error *err)
{
	if (count == 0 || count > STORE_PAIRS_MAX || (count == 2 && pairs[0].family == pairs[1].family))
		return error_set(err, ERROR_INTERNAL, "a generation of %zu certificates, or of two of one kind", count);
	for (size_t i = 0; i < count; i++) {
		if (write_files(fd, &pairs[i], i > 0 ? &pairs[i].family : NULL, access, err) < 0)
			return -1;
	}
	return file_sync_dir(fd, err);
}

/* Only now: as long as it was being filled nobody got into it. */
static int hand_over(const struct store_cert *cert, const char *name, struct error *err)
{
	const struct file_access access = store_access_of_directory(&cert->access);

	return file_set_access(cert->fd, name, &access, err);
}

int store_generation_add(const struct store_cert *cert, const struct store_files *pairs, size_t count, uint64_t *ret_generation,
                         struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	char tmp[STORE_TMP_SIZE];
	char name[NUMBER_SIZE];
	uint64_t number;

	if (next_number(cert, &number, err) < 0)
		return -1;
	number_text(number, name);
	if (store_tmp_make(cert->fd, tmp, &fd, err) < 0)
		return -1;
	if (write_pairs(fd, pairs, count, &cert->access, err) < 0 || hand_over(cert, tmp, err) < 0 ||
	    file_rename(cert->fd, tmp, cert->fd, name, err) < 0) {
		store_tmp_drop(cert->fd, tmp);
		return error_context(err, "cannot keep the new certificate as generation %s", name);
	}
	*ret_generation = number;
	return 0;
}

int store_generation_read(const struct store_cert *cert, uint64_t generation, const char *file, struct buf *out,
                          struct error *err)
{
	CLEANUP(clean_fd) int fd = -1;
	int r;

	if (!is_file_name(file))
		return error_set(err, ERROR_INTERNAL, "a generation has no file %s", file);
	if (text_has_prefix(file, KEY_FILE) && !out->secret)
		return error_set(err, ERROR_INTERNAL, "a private key goes into a secret buffer only");
	r = store_generation_open(cert, generation, &fd, err);
	if (r != STORE_OK)
		return r;
	r = file_read(fd, file, out, err);
	if (r < 0)
		return -1;
	return r == FILE_ABSENT ? STORE_ABSENT : STORE_OK;
}

int store_generation_prune(const struct store_cert *cert, unsigned int keep, uint64_t also_keep, struct error *err)
{
	CLEANUP(clean_free) uint64_t *numbers = NULL;
	uint64_t live = 0;
	size_t count, left;

	/* A link that cannot be read must not look like none: its generation would go. */
	if (store_live(cert, &live, err) < 0 || all_numbers(cert, &numbers, &count, err) < 0)
		return -1;
	left = count;
	for (size_t i = 0; i < count && left > keep; i++) {
		char name[NUMBER_SIZE];

		if (numbers[i] == live || numbers[i] == also_keep)
			continue;
		number_text(numbers[i], name);
		if (store_discard(cert->fd, name, err) < 0)
			return error_context(err, "cannot remove the old generation %s", name);
		left--;
	}
	return 0;
}
