/* stamp.c: what the file system says of the files of a generation. */
#include "base/buf.h"
#include "base/clean.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strv.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "store/index.h"
#include "store/private.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* The grain of a file system's times is up to two seconds. */
enum { STAMP_TEXT_MAX = 1024 * 1024, FRESH_S = 2 };

/* All that there is in it, whatever it is: what is read of it can be no more. */
static int add_file(const struct store_cert *cert, int fd, const char *name, struct store_stamp *stamp, struct buf *text,
                    struct error *err)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "cannot look at %s/%ju/%s", cert->path, (uintmax_t)stamp->generation, name);
	/* What a link leads to may change unseen. By the clock that the file system took its times from. */
	if (!S_ISREG(st.st_mode) || st.st_ctim.tv_sec + FRESH_S >= clock_wall(clock_system()))
		stamp->fresh = true;
	buf_printf(text, "%s %ju %jd %o %u %u %jd.%ld %jd.%ld\n", name, (uintmax_t)st.st_ino, (intmax_t)st.st_size,
	           (unsigned int)st.st_mode, (unsigned int)st.st_uid, (unsigned int)st.st_gid, (intmax_t)st.st_ctim.tv_sec,
	           st.st_ctim.tv_nsec, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return 0;
}

static int check_names(const struct strv *names, uint64_t generation, struct error *err)
{
	size_t count;
	const char *const *needed = store_generation_files(&count);
	char name[STORE_FILE_SIZE];

	for (size_t i = 0; i < count; i++) {
		if (!strv_contains(names, store_file_name(needed[i], NULL, name)))
			return error_set(err, ERROR_SYSTEM, "%s of generation %ju is missing", name, (uintmax_t)generation);
	}
	return 0;
}

int store_generation_stamp(const struct store_cert *cert, uint64_t generation, struct store_stamp *ret, struct error *err)
{
	CLEANUP(buf_done) struct buf text = BUF(STAMP_TEXT_MAX);
	CLEANUP(strv_done) struct strv names = STRV(STORE_ENTRIES_MAX);
	CLEANUP(clean_fd) int fd = -1;
	struct store_stamp stamp = { .generation = generation };
	uint8_t digest[DIGEST_SHA256_SIZE];
	int r = store_generation_open(cert, generation, &fd, err);

	if (r < 0)
		return -1;
	if (r == STORE_ABSENT)
		return error_set(err, ERROR_SYSTEM, "%s has no generation %ju", cert->path, (uintmax_t)generation);
	if (file_list(fd, &names, err) < 0 || check_names(&names, generation, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (add_file(cert, fd, names.items[i], &stamp, &text, err) < 0)
			return -1;
	}
	if (buf_check(&text, "the stamp of a generation", err) < 0 || digest_sha256(text.data, text.len, digest, err) < 0)
		return -1;
	text_hex(digest, sizeof(digest), stamp.digest);
	*ret = stamp;
	return 0;
}
