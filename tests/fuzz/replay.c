/* replay.c: a main for fuzz targets where there is no libFuzzer: runs the target over each file that is named. */
#include "base/clean.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20 };

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	CLEANUP(clean_free) uint8_t *whole = malloc(INPUT_MAX);
	CLEANUP(clean_free) uint8_t *data = NULL;
	size_t size;

	if (file == NULL || whole == NULL) {
		fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
		if (file != NULL)
			fclose(file);
		return -1;
	}
	size = fread(whole, 1, INPUT_MAX, file);
	fclose(file);
	/* A copy of exactly this size, so that AddressSanitizer and valgrind see a read beyond its end. */
	data = malloc(size > 0 ? size : 1);
	if (data == NULL)
		return -1;
	memcpy(data, whole, size);
	LLVMFuzzerTestOneInput(data, size);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		printf("%s\n", argv[i]);
		fflush(stdout);
		if (replay_file(argv[i]) < 0)
			failed = 1;
	}
	printf("%d inputs\n", argc - 1);
	return failed;
}
