/* SPDX-License-Identifier: MIT */
/*
 * For tests: imports FILE into FOLDER and prints the databases it wrote, or the error.
 *
 *     import_driver FILE FOLDER
 */
#include "tracedb/import.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct import_result result = { 0 };
	struct error error = { 0 };
	if (argc != 3) {
		(void)fprintf(stderr, "usage: import_driver FILE FOLDER\n");
		return 2;
	}
	bool ok = import_file(argv[1], argv[2], NULL, &result, &error);
	for (size_t i = 0; i < result.count; i++)
		(void)printf("%s\n", result.paths[i]);
	if (!ok)
		(void)fprintf(stderr, "%s\n", error.message);
	import_result_end(&result);
	return ok ? 0 : error_exit_status(error.kind);
}
