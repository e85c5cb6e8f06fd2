/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fuzz_require(bool condition, const char *what)
{
	if (condition)
		return;
	(void)fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

void fuzz_require_error(const struct error *error, const char *path)
{
	bool is_good = error->kind == ERROR_INPUT && strstr(error->message, path) != NULL &&
		       strpbrk(error->message, "\n\r\033") == NULL;
	if (!is_good)
		(void)fprintf(stderr, "kind %d: %s\n", (int)error->kind, error->message);
	fuzz_require(is_good,
		     "bad input is an error of the input, in one line that names the file");
}

void fuzz_folder_begin(char folder[FUZZ_PATH_BYTES])
{
	const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(folder, FUZZ_PATH_BYTES, "%s/laggard-fuzz-XXXXXX", parent);
	fuzz_require(mkdtemp(folder) != NULL, "a temporary folder");
}

void fuzz_folder_end(const char *folder)
{
	fuzz_require(rmdir(folder) == 0, "nothing is left behind");
}
