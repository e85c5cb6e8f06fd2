/* SPDX-License-Identifier: MIT */
/*
 * For tests: imports a Nsight Systems export. Prints "rows N", "rejected N" and one "path ..." a
 * database.
 *
 *     nsys_import_driver FILE FOLDER
 */
#include "tracedb/import.h"

#include <stdio.h>

struct told {
	int64_t done, all;
	bool is_wrong;		/* went backwards or beyond the end */
};

static void tell(void *context, int64_t bytes_done, int64_t bytes_all)
{
	struct told *told = context;
	told->is_wrong |= bytes_done < told->done || bytes_done > bytes_all;
	told->done = bytes_done;
	told->all = bytes_all;
}

int main(int argc, char **argv)
{
	struct import_result result = { 0 };
	struct error error = { 0 };
	struct told told = { 0 };
	const struct import_options options = { .progress = tell, .progress_context = &told,
						.tool_version = "driver" };
	if (argc != 3) {
		(void)fprintf(stderr, "usage: nsys_import_driver FILE FOLDER\n");
		return 2;
	}
	bool ok = import_nsys(argv[1], argv[2], &options, &result, &error);
	if (ok)
		(void)printf("rows %lld\nrejected %lld\nprogress %s\n", (long long)result.rows,
			     (long long)result.rejected, told.is_wrong ? "wrong" : "fine");
	for (size_t i = 0; i < result.count; i++)
		(void)printf("path %s\n", result.paths[i]);
	if (!ok)
		(void)fprintf(stderr, "%s\n", error.message);
	import_result_end(&result);
	return ok ? 0 : error_exit_status(error.kind);
}
