/* shared.c: what the certificates of one open store share. A look at each of thousands must not begin anew at the state directory, nor list `live`
 * for each, which would cost the square of their number. */
#include "base/clean.h"
#include "base/error.h"
#include "base/file.h"
#include "base/ident.h"
#include "base/strv.h"
#include "base/text.h"
#include "store/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct store_shared {
	unsigned int refs;
	int state_fd;
	int certificates_fd; /* -1 as long as it was not asked for */
	int live_fd; /* likewise */
	bool listed; /* strays are known */
	struct strv strays; /* temporary names in live, as "NAME TARGET" */
	struct store_index *index; /* NULL as long as it was not asked for */
};

int store_shared_new(int state_fd, struct store_shared **ret, struct error *err)
{
	struct store_shared *shared = calloc(1, sizeof(*shared));

	if (shared == NULL)
		return error_oom(err);
	*shared = (struct store_shared){ .refs = 1, .certificates_fd = -1, .live_fd = -1, .strays = STRV(STORE_ENTRIES_MAX) };
	shared->state_fd = fcntl(state_fd, F_DUPFD_CLOEXEC, 3);
	if (shared->state_fd < 0) {
		error_sys(err, errno, "cannot keep the state directory open");
		free(shared);
		return -1;
	}
	*ret = shared;
	return 0;
}

struct store_shared *store_shared_ref(struct store_shared *shared)
{
	shared->refs++;
	return shared;
}

void store_shared_unref(struct store_shared *shared)
{
	if (shared == NULL || --shared->refs > 0)
		return;
	clean_fd(&shared->state_fd);
	clean_fd(&shared->certificates_fd);
	clean_fd(&shared->live_fd);
	strv_done(&shared->strays);
	store_index_free(shared->index);
	free(shared);
}

int store_shared_index(struct store_shared *shared, struct store_index ***ret)
{
	*ret = &shared->index;
	return shared->state_fd;
}

static int open_once(const struct store_shared *shared, const char *name, bool create, int *fd, int *ret_fd, struct error *err)
{
	if (*fd < 0) {
		int r = file_open_beneath(shared->state_fd, name, create, 0700, fd, err);

		if (r != FILE_OK)
			return r;
	}
	*ret_fd = *fd;
	return FILE_OK;
}

int store_shared_certificates(struct store_shared *shared, bool create, int *ret_fd, struct error *err)
{
	return open_once(shared, "certificates", create, &shared->certificates_fd, ret_fd, err);
}

int store_shared_live(struct store_shared *shared, bool create, int *ret_fd, struct error *err)
{
	return open_once(shared, "live", create, &shared->live_fd, ret_fd, err);
}

static int list_strays(struct store_shared *shared, int live_fd, struct error *err)
{
	CLEANUP(strv_done) struct strv names = STRV(STORE_ENTRIES_MAX);

	if (file_list(live_fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		char target[IDENT_NAME_SIZE + 64];
		ssize_t n;

		if (!text_has_prefix(names.items[i], FILE_TMP_PREFIX))
			continue;
		n = readlinkat(live_fd, names.items[i], target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (strv_addf(&shared->strays, "%s %s", names.items[i], target) < 0)
			return error_oom(err);
	}
	shared->listed = true;
	return 0;
}

int store_shared_sweep_live(const struct store_cert *cert, struct error *err)
{
	struct store_shared *shared = cert->shared;
	char ours[IDENT_NAME_SIZE + 32];
	int fd;
	int r = store_shared_live(shared, false, &fd, err);

	if (r != FILE_OK)
		return r < 0 ? -1 : 0;
	if (!shared->listed && list_strays(shared, fd, err) < 0)
		return -1;
	snprintf(ours, sizeof(ours), "../certificates/%s/", cert->name);
	for (size_t i = 0; i < shared->strays.count; i++) {
		char name[STORE_TMP_SIZE];
		const char *target = strchr(shared->strays.items[i], ' ');

		if (target == NULL || !text_has_prefix(target + 1, ours) ||
		    snprintf(name, sizeof(name), "%.*s", (int)(target - shared->strays.items[i]), shared->strays.items[i]) >=
		            (int)sizeof(name))
			continue;
		if (file_remove(fd, name, err) < 0)
			return -1;
	}
	return 0;
}
