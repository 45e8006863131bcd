/* clean.c: the cleanup functions that need more than a macro. */
#include "base/clean.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void clean_free(void *pointer_to_pointer)
{
	void *pointer;

	/* Copied, not cast: the caller's variable is a `char *`, not a `void *`. */
	memcpy(&pointer, pointer_to_pointer, sizeof(pointer));
	free(pointer);
}

void clean_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved; /* a scope is often left with the errno of what failed in it */
}

void clean_wipe(void *memory, size_t size)
{
	if (size > 0)
		explicit_bzero(memory, size);
}
