/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any bytes as a Kineto trace. Either it is imported, or there is one error of the
 * input and nothing is left behind.
 */
#include "tests/fuzz/fuzz.h"
#include "tracedb/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const fuzz_name = "json";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct import_result result = { 0 };
	struct error error = { 0 };
	char path[64], folder[] = "/tmp/laggard-fuzz-XXXXXX";
	int file = memfd_create("trace.json", MFD_CLOEXEC);
	fuzz_require(file >= 0 && write(file, bytes, size) == (ssize_t)size, "a file in memory");
	fuzz_require(mkdtemp(folder) != NULL, "a temporary folder");
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	if (import_kineto(path, folder, NULL, &result, &error)) {
		fuzz_require(result.count > 0, "an import gives a database");
		for (size_t i = 0; i < result.count; i++)
			fuzz_require(unlink(result.paths[i]) == 0,
				"every database of the result is there");
	} else {
		fuzz_require(error.kind == ERROR_INPUT, "bad input is an error of the input");
		fuzz_require(strstr(error.message, path) != NULL, "the error names the file");
		fuzz_require(strchr(error.message, '\n') == NULL, "the error is one line");
		fuzz_require(result.count == 0, "a failed import gives no database");
	}
	import_result_end(&result);
	(void)close(file);
	fuzz_require(rmdir(folder) == 0, "nothing else is left behind");
	return 0;
}
