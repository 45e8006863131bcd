/* scratch.h: a directory of its own for each test, gone afterwards. Include it behind cmocka.h. */
#ifndef CERTD_TESTS_UNIT_SCRATCH_H
#define CERTD_TESTS_UNIT_SCRATCH_H

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scratch {
	char path[64];
	int fd;
};

static inline int scratch_make(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));
	struct error err;

	if (s == NULL)
		return -1;
	snprintf(s->path, sizeof(s->path), "/tmp/certd-test-XXXXXX");
	if (mkdtemp(s->path) == NULL || chmod(s->path, 0755) < 0 || file_open_dir(s->path, &s->fd, &err) != 0) {
		free(s);
		return -1;
	}
	*state = s;
	return 0;
}

static inline int scratch_remove(void **state)
{
	struct scratch *s = *state;
	struct error err;
	int tmp, r;

	close(s->fd);
	if (file_open_dir("/tmp", &tmp, &err) != 0)
		return -1;
	r = file_remove_tree(tmp, s->path + strlen("/tmp/"), &err);
	close(tmp);
	free(s);
	return r;
}

/* PATH/name, in a place that the 64th call after this one uses again. */
static inline const char *scratch_path(const struct scratch *s, const char *name)
{
	static char paths[64][1024];
	static unsigned int next;
	char *path = paths[next++ % 64];

	if ((size_t)snprintf(path, sizeof(paths[0]), "%s/%s", s->path, name) >= sizeof(paths[0]))
		fail_msg("%s is too long", name);
	return path;
}

static inline void scratch_write(const struct scratch *s, const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(scratch_path(s, name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(scratch_path(s, name), mode), 0);
}

static inline void scratch_assert_text(const struct scratch *s, const char *name, const char *text)
{
	struct buf b = BUF(1 << 20);
	struct error err;
	int r = file_read(s->fd, scratch_path(s, name), &b, &err);

	if (r != FILE_OK)
		fail_msg("%s: %s", name, r < 0 ? err.message : "absent");
	assert_string_equal(buf_text(&b), text);
	buf_done(&b);
}

static inline void scratch_assert_mode(const struct scratch *s, const char *name, mode_t mode)
{
	struct stat st;

	if (lstat(scratch_path(s, name), &st) < 0)
		fail_msg("%s is not there", name);
	assert_int_equal(st.st_mode & 07777, mode);
}

static inline void scratch_assert_absent(const struct scratch *s, const char *name)
{
	struct stat st;

	assert_int_equal(lstat(scratch_path(s, name), &st), -1);
}

/* For calls that must work: says why when they do not. */
#define assert_works(call)                                                         \
	do {                                                                       \
		int works_r = (call);                                              \
		if (works_r != 0)                                                  \
			fail_msg("%s: %d, %s", #call, works_r, works_r < 0 ? err.message : ""); \
	} while (0)

#define assert_fails(call, text)                                                           \
	do {                                                                               \
		int fails_r = (call);                                                      \
		if (fails_r >= 0)                                                          \
			fail_msg("%s: %d, expected a failure", #call, fails_r);            \
		if (strstr(err.message, (text)) == NULL)                                   \
			fail_msg("%s: \"%s\" does not say \"%s\"", #call, err.message, (text)); \
	} while (0)

#endif
