/* clean.h: the cleanup attribute, ownership transfer, and wiping.
 *
 * `CLEANUP(buf_done) struct buf b = BUF(4096);` frees b when it goes out of scope; `TAKE(p)` hands a pointer over and
 * leaves NULL behind, so that the cleanup does nothing.
 */
#ifndef CERTD_BASE_CLEAN_H
#define CERTD_BASE_CLEAN_H

#include <stddef.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

#define TAKE(pointer)                                   \
	({                                              \
		__typeof__(pointer) *take_p = &(pointer); \
		__typeof__(pointer) take_v = *take_p;     \
		*take_p = NULL;                         \
		take_v;                                 \
	})

#define TAKE_FD(fd)                  \
	({                           \
		int *take_p = &(fd); \
		int take_v = *take_p; \
		*take_p = -1;        \
		take_v;              \
	})

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Cleanup functions for a char pointer (free) and a descriptor (close, unless negative). */
void clean_free(void *pointer_to_pointer);
void clean_fd(int *fd);

/* Overwrites memory in a way that the compiler keeps. */
void clean_wipe(void *memory, size_t size);

#endif
